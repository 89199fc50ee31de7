"""How many labels have arrived, and what the missing ones may do to a figure.

Labels that come late rarely come at random: quick cases first, refused ones never. The figures of
labelled rows are then about those rows, not about the model. Said here are the share, whether the
labelled rows look different, the headline figure weighted to all rows, and how far the truth can
lie off at worst.
"""

import numpy as np

from dovetail.monitoring.numeric import Floats, chi2_survival
from dovetail.monitoring.quality.intervals import unknown
from dovetail.monitoring.quality.realised import row_losses
from dovetail.monitoring.quality.rows import Rows
from dovetail.wire.monitoring import Arrival, Measured

_GROUPS = 10
_UNEVEN = 0.001
_ENOUGH = 0.995


def arrival(rows: Rows, *, threshold: float = 0.5) -> Arrival:
    """Say how complete the labels of some rows are."""
    known = rows.known
    total, labelled = len(rows), int(known.sum())
    groups = _groups(rows)
    table = np.stack([np.bincount(groups[w], minlength=_GROUPS) for w in (known, ~known)])
    uneven = _chi2(table) if 0 < labelled < total and (table.sum(axis=0) > 0).sum() > 1 else None
    weighted = _weighted(rows, groups, table)
    return Arrival(
        predictions=total,
        labelled=labelled,
        refused=rows.refused,
        share=labelled / total if total else 0.0,
        uneven=uneven,
        weighted=weighted,
        accuracy_at_worst=_worst(rows, threshold),
        note=_note(total, labelled, uneven, weighted, "classes" if rows.named else "scores"),
    )


def headline(rows: Rows) -> str:
    """The name of the loss that stands for the task."""
    if rows.named:
        return "error"
    return "mae" if rows.task == "regression" else "log_loss"


def _groups(rows: Rows) -> np.ndarray:
    """Ten groups of rows by answer.

    Those of a multi-class model by its highest probability, or by the class that it names, where
    the rare ones are one group.
    """
    if len(rows) == 0:
        return np.zeros(0, dtype=np.int64)
    if rows.named:
        order = np.argsort(-rows.answers.sum(axis=0), kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return np.asarray(np.minimum(rank[rows.answers.argmax(axis=1)], _GROUPS - 1))
    values = rows.answers.max(axis=1) if rows.answers.ndim > 1 else rows.answers
    cuts = np.unique(np.quantile(values, np.arange(1, _GROUPS) / _GROUPS))
    return np.searchsorted(cuts, values).astype(np.int64)


def _chi2(table: np.ndarray) -> float:
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return chi2_survival(float(((table - expected) ** 2 / expected).sum()), table.shape[1] - 1)


def _weighted(rows: Rows, groups: np.ndarray, table: np.ndarray) -> Measured:
    """The mean loss over groups of scores, each with its share of all rows."""
    name = headline(rows)
    labelled = int(table[0].sum())
    shares = table.sum(axis=0) / max(1, table.sum())
    if labelled == 0 or ((shares > 0) & (table[0] == 0)).any():
        return unknown(name, labelled)
    known = rows.known
    losses, here = row_losses(rows.at(known)), groups[known]
    weights = shares[here] / np.maximum(table[0][here], 1)
    value = float((weights * losses).sum())
    means = np.bincount(here, losses, _GROUPS) / np.maximum(table[0], 1)
    error = float(np.sqrt((weights**2 * (losses - means[here]) ** 2).sum()))
    return Measured(
        name=name,
        value=value,
        low=max(0.0, value - 1.96 * error),
        high=value + 1.96 * error,
        interval="delta",
        rows=labelled,
    )


def _worst(rows: Rows, threshold: float) -> tuple[float, float] | None:
    if rows.task == "regression" or len(rows) == 0:
        return None
    known = rows.at(rows.known)
    said: Floats
    if rows.task == "binary":
        said = (known.answers >= threshold).astype(np.float64)
    else:
        said = known.answers.argmax(axis=1).astype(np.float64)
    right = int((said == known.labels).sum())
    return right / len(rows), (right + len(rows) - len(known)) / len(rows)


def _note(total: int, labelled: int, uneven: float | None, weighted: Measured, answers: str) -> str:
    if total == 0 or labelled == total:
        return ""
    said = f"{labelled} of {total} labels have arrived"
    if labelled == 0:
        return f"{said}: nothing is realised yet, only estimates can be given"
    if uneven is not None and uneven < _UNEVEN:
        what = f"{said}, and not alike at all {answers}: the figures are about the labelled rows"
        if weighted.value is None:
            return f"{what}; some {answers} have no label at all, so they cannot be weighted"
        return f"{what}; weighted to all rows {weighted.name} is {weighted.value:.4g}"
    if labelled < _ENOUGH * total:
        return f"{said}, alike at all {answers} as far as these rows show"
    return said
