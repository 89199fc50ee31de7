"""What labelled rows say of a model: the figures of its task, each with its interval.

Rows without a label are left out; `arrival` says what that does to the figures.
"""

import math

import numpy as np
import numpy.typing as npt

from dovetail.monitoring import scores as scoring
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality import intervals
from dovetail.monitoring.quality.intervals import share, unknown
from dovetail.monitoring.quality.reliability import calibration_error
from dovetail.monitoring.quality.rows import Rows
from dovetail.wire.monitoring import Measured

_RESAMPLES = 1000
_FEW = 3
_CELLS = 4_000_000
"""Of tables of confusions that are held at the same time."""


def realised(rows: Rows, *, threshold: float = 0.5) -> list[Measured]:
    """All figures of the task over the rows whose label is known.

    Args:
        rows: Of any task, labelled or not.
        threshold: At and above it a binary answer counts as positive.

    Example:
        >>> rows = Rows.read([0.9, 0.2, 0.4, 0.7], [1, 0, 1, 0])
        >>> {m.name: m.value for m in realised(rows)}["auc"]
        0.75
    """
    known = rows.at(rows.known)
    if len(known) == 0:
        return []
    if rows.task == "regression":
        return _regression(known)
    if rows.task == "multiclass":
        return _multiclass(known)
    return _binary(known, threshold)


def row_losses(rows: Rows) -> Floats:
    """The loss of each labelled row.

    Log-loss; the absolute error of a regression; 1 for a wrong class that was only named.
    """
    if rows.task == "regression":
        return np.asarray(np.abs(rows.answers - rows.labels), dtype=np.float64)
    if rows.task == "binary":
        return scoring.log_losses(rows.answers, rows.labels)
    chosen = rows.answers[np.arange(len(rows)), rows.labels.astype(np.int64)]
    if rows.named:
        return np.asarray(1 - chosen, dtype=np.float64)
    return np.asarray(-np.log(np.clip(chosen, 1e-15, 1.0)), dtype=np.float64)


def loss_streams(rows: Rows) -> list[Floats]:
    """What evidence is gathered on: the loss; of a classifier also the loss beyond its promise."""
    losses = row_losses(rows)
    if rows.task == "regression":
        return [losses]
    if rows.task == "binary":
        return [losses, scoring.surprises(rows.answers, rows.labels)]
    p = np.clip(rows.answers, 1e-15, 1.0)
    return [losses, losses + (p * np.log(p)).sum(axis=1)]


def _binary(rows: Rows, threshold: float) -> list[Measured]:
    p, y = rows.answers, rows.labels
    said, true = p >= threshold, y > 0.5
    hits = int((said & true).sum())
    wrong = int((said ^ true).sum())
    area = scoring.auc_figure(p, y)
    auc = unknown("auc", len(y))
    if area is not None:
        auc = Measured(
            name="auc",
            value=area.value,
            low=area.low,
            high=area.high,
            interval="delong",
            rows=len(y),
        )
    return [
        auc,
        intervals.mean("log_loss", scoring.log_losses(p, y), floor=0),
        intervals.mean("brier", scoring.brier_losses(p, y), floor=0),
        share("accuracy", len(y) - wrong, len(y)),
        share("precision", hits, int(said.sum())),
        share("recall", hits, int(true.sum())),
        f1("f1", hits, wrong),
        calibration_error(p, y),
        share("positives", int(true.sum()), len(y)),
    ]


def f1(name: str, hits: int, wrong: int) -> Measured:
    """The F1 score with an exact interval.

    F1 = 2 J / (1 + J) with J = hits / (hits + wrong), and among the rows that are no true
    negatives the hits are binomial with J: so the exact interval of J, mapped, is that of F1.
    """
    part = share(name, hits, hits + wrong)
    if part.value is None or part.low is None or part.high is None:
        return part
    low, value, high = (2 * j / (1 + j) for j in (part.low, part.value, part.high))
    return Measured(name=name, value=value, low=low, high=high, interval="exact", rows=hits + wrong)


def confusion(rows: Rows) -> npt.NDArray[np.int64]:
    """Labelled rows of several classes by class that came true and class chosen, shape (K, K)."""
    y, width = rows.labels.astype(np.int64), rows.answers.shape[1]
    cells = y * width + rows.answers.argmax(axis=1)
    return np.bincount(cells, minlength=width * width).reshape(width, width)


def _multiclass(rows: Rows) -> list[Measured]:
    p, y = rows.answers, rows.labels.astype(np.int64)
    right = p.argmax(axis=1) == y
    table = confusion(rows)
    # Of names, only those that occur are classes; others wait for their first outcome.
    seen = np.flatnonzero((table.sum(axis=0) + table.sum(axis=1) > 0) | (not rows.named))
    found = [
        share("accuracy", int(right.sum()), len(y)),
        _macro_f1(table[np.ix_(seen, seen)]),
        share("micro_f1", int(right.sum()), len(y)),  # of one choice a row, accuracy
    ]
    if not rows.named:
        errors = p.copy()
        errors[np.arange(len(y)), y] -= 1
        found = [
            _macro_auc(rows),
            intervals.mean("log_loss", row_losses(rows), floor=0),
            intervals.mean("brier", (errors**2).sum(axis=1), floor=0),
            *found,
            calibration_error(p.max(axis=1), right.astype(np.float64)),
        ]
    for k in seen:
        name = rows.classes[k]
        hits = int(table[k, k])
        asked, true = int(table[:, k].sum()), int(table[k].sum())
        found += [
            share(f"precision of {name}", hits, asked),
            share(f"recall of {name}", hits, true),
            f1(f"f1 of {name}", hits, asked + true - 2 * hits),
        ]
        if not rows.named:
            found.append(_one_against_rest(f"auc of {name}", p[:, k], (y == k).astype(np.float64)))
    return found


def _one_against_rest(name: str, scores: Floats, labels: Floats) -> Measured:
    if not 0 < labels.sum() < len(labels):
        return unknown(name, len(labels))
    area, influence = auc_influence(scores, labels)
    return intervals.on_logit(name, area, influence, interval="delong")


def _macro_auc(rows: Rows) -> Measured:
    """The mean over classes of the area of one against the rest; DeLong's interval."""
    n, width = rows.answers.shape
    total, influence = 0.0, np.zeros(n)
    for k in range(width):
        labels = (rows.labels == k).astype(np.float64)
        if not 0 < labels.sum() < n:
            return unknown("auc", n)
        area, part = auc_influence(rows.answers[:, k], labels)
        total += area / width
        influence += part / width
    return intervals.on_logit("auc", total, influence, interval="delong")


def auc_influence(scores: Floats, labels: Floats) -> tuple[float, Floats]:
    """The area and what each row moves it by; both classes must be present."""
    positive = labels > 0.5
    up, down = int(positive.sum()), int((~positive).sum())
    ranks = scoring.mid_ranks(scores)
    above = (ranks[positive] - scoring.mid_ranks(scores[positive])) / down
    below = 1 - (ranks[~positive] - scoring.mid_ranks(scores[~positive])) / up
    area = float(above.mean())
    influence = np.empty(len(scores))
    influence[positive] = (above - area) * len(scores) / up
    influence[~positive] = (below - area) * len(scores) / down
    return area, influence


def _macro_f1(table: np.ndarray) -> Measured:
    """The mean F1 over classes; its interval from resampling the table of confusions."""
    n, width = int(table.sum()), len(table)
    value = float(_f1_of(table[None]).mean())
    random, at_once = np.random.default_rng(0), max(1, _CELLS // width**2)
    again = np.concatenate(
        [
            _f1_of(random.multinomial(n, table.ravel() / n, size).reshape(-1, width, width)).mean(
                axis=1
            )
            for size in _portions(_RESAMPLES, at_once)
        ]
    )
    low, high = np.quantile(again, [0.025, 0.975])
    return Measured(
        name="f1", value=value, low=float(low), high=float(high), interval="bootstrap", rows=n
    )


def _portions(total: int, most: int) -> list[int]:
    return [min(most, total - start) for start in range(0, total, most)]


def _f1_of(tables: np.ndarray) -> Floats:
    """F1 of each class for tables [b, true, said], shape (b, K); 0 for one that never occurs."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    both = tables.sum(axis=1) + tables.sum(axis=2)
    return np.asarray(2 * hits / np.maximum(both, 1), dtype=np.float64)


def _regression(rows: Rows) -> list[Measured]:
    error = rows.answers - rows.labels
    return [
        _root(intervals.mean("mse", error**2, floor=0)),
        intervals.mean("mae", np.abs(error), floor=0),
        _explained(error, rows.labels),
        intervals.mean("bias", error),
    ]


def _root(part: Measured) -> Measured:
    low, value, high = (
        None if x is None else math.sqrt(x) for x in (part.low, part.value, part.high)
    )
    return Measured(
        name="rmse", value=value, low=low, high=high, interval=part.interval, rows=part.rows
    )


def _explained(error: Floats, labels: Floats) -> Measured:
    """R2, its interval by the delta method on log(1 - R2)."""
    n = len(labels)
    centred = (labels - labels.mean()) ** 2
    loss, variance = float((error**2).mean()), float(centred.mean())
    if variance <= 0:
        return unknown("r2", n)
    value = 1 - loss / variance
    if n < _FEW or loss <= 0:
        return Measured(name="r2", value=value, rows=n)
    influence = error**2 / loss - centred / variance
    spread = intervals.student(n - 1) * float(influence.std(ddof=1)) / math.sqrt(n)
    left = loss / variance
    return Measured(
        name="r2",
        value=value,
        low=1 - left * math.exp(spread),
        high=1 - left * math.exp(-spread),
        interval="delta",
        rows=n,
    )
