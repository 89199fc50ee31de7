"""The reference of a model of several classes: which it chooses, its losses, its calibration.

Drift looks at the shares of the classes that the model chooses; loss evidence at the log-losses;
estimates calibrate each class against the rest, by bins that merge over samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dovetail.monitoring import scores as scoring
from dovetail.monitoring.classes import chosen, first_choices, names_of, position
from dovetail.monitoring.columns import ColumnProfile, Roles, profile
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.profile_scores import Scored, score_bins

if TYPE_CHECKING:
    from dovetail.monitoring.reference import Column, Reference

__all__ = ["ClassParts", "calibrated_shares", "class_parts", "numbered"]

_FEWEST = 2


@dataclass(frozen=True)
class ClassParts:
    """What a reference keeps of a sample with several classes.

    Attributes:
        classes: Their names.
        prediction: Profile of the classes chosen.
        scored: For each class, labelled rows by its probability; empty without labels.
        loss: Profile of the log-losses, where there are labels.
        surprise: Profile of the log-losses beyond what the probabilities promise; likewise.
        auc: Mean area of each class against the rest; None where one is missing.
        log_loss: Mean log-loss.
        brier: Mean squared error of the probabilities, summed over classes.
    """

    classes: tuple[str, ...]
    prediction: ColumnProfile
    scored: list[Scored]
    loss: ColumnProfile | None = None
    surprise: ColumnProfile | None = None
    auc: float | None = None
    log_loss: float = 0.0
    brier: float = 0.0


def class_parts(
    scores: "Column",
    labels: "Column | None",
    classes: Sequence[str],
    roles: Roles,
    like: "Reference | None",
    name: str,
) -> ClassParts:
    """Summarise probabilities and labels.

    Args:
        scores: Rows of probabilities, missing ones None, shape (n, K).
        labels: Names or positions of the classes that came true, missing where unknown.
        classes: Names of the classes; "0", "1" and so on where there are none.
        roles: Which rows shape the bins.
        like: A profile whose bins to use.
        name: Of the stream of chosen classes.

    Raises:
        ReferenceInvalidError: The scores are no table of probabilities, or a label is no class.
    """
    shares = _shares(scores)
    if classes and len(classes) != shares.shape[1]:
        raise ReferenceInvalidError(
            f"there are {len(classes)} classes but {shares.shape[1]} columns of probabilities",
            fix="give one name a column, in their order",
        )
    names = names_of(classes, shares.shape[1])
    said = chosen(first_choices(shares), names)
    shown = profile(name, said, roles, like=None if like is None else like.prediction)
    known = np.array([position(_plain(y), names) for y in _checked(labels, names, len(said))])
    fit = np.isfinite(known) & scoring.readable(shares)
    shares, known = shares[fit], known[fit]
    if not len(known):
        return ClassParts(names, shown, [])
    roles = Roles(roles.shaping[fit], roles.seasons[fit], roles.count)
    losses = scoring.class_losses(shares, known)
    surprises = scoring.class_surprises(shares, known)
    hits = [(known == k).astype(np.float64) for k in range(len(names))]
    areas = [scoring.auc(shares[:, k], y) for k, y in enumerate(hits)]
    whole = [area for area in areas if area is not None]
    return ClassParts(
        classes=names,
        prediction=shown,
        scored=[score_bins(shares[:, k], y) for k, y in enumerate(hits)],
        loss=profile("(loss)", losses, roles, like=None if like is None else like.loss),
        surprise=profile(
            "(surprise)", surprises, roles, like=None if like is None else like.surprise
        ),
        auc=float(np.mean(whole)) if len(whole) == len(areas) else None,
        log_loss=float(losses.mean()),
        brier=float(((shares - np.stack(hits, axis=1)) ** 2).sum(axis=1).mean()),
    )


def calibrated_shares(reference: "Reference", shares: Floats) -> Floats | None:
    """Probabilities put right class by class, shape (n, K); None without a labelled reference."""
    scored = reference.class_scored
    if len(scored) != shares.shape[1]:
        return None
    table = np.stack([one.calibration(shares[:, k]) for k, one in enumerate(scored)], axis=1)
    total = table.sum(axis=1, keepdims=True)
    return np.where(total > 0, table / np.where(total > 0, total, 1), shares)


def numbered(labels: "Column", classes: Sequence[str]) -> "Column":
    """The labels of a binary model whose classes have names as 0 and 1."""
    if len(classes) != _FEWEST:
        return labels
    return [position(y, tuple(map(str, classes))) if isinstance(y, str) else y for y in labels]


def _shares(scores: "Column") -> Floats:
    rows = [row for row in scores if row is not None]
    width = len(rows[0]) if rows and hasattr(rows[0], "__len__") else 0
    try:
        table = [[np.nan] * width if row is None else list(row) for row in scores]
        found = np.array(table, dtype=np.float64).reshape(len(table), -1)
    except (TypeError, ValueError) as error:
        raise ReferenceInvalidError(
            "the scores of several classes are not a table of probabilities",
            why=str(error),
            fix="give a row of one probability a class for each row",
        ) from error
    if found.shape[1] < _FEWEST:
        raise ReferenceInvalidError(
            "the scores have fewer than two classes", fix='use task "binary"'
        )
    return found


def _checked(labels: "Column | None", names: tuple[str, ...], rows: int) -> Sequence[Any]:
    if labels is None:
        return [None] * rows
    for label in labels:
        plain = _plain(label)
        if plain is not None and plain == plain and np.isnan(position(plain, names)):
            raise ReferenceInvalidError(
                f"label '{label}' is no class",
                why=f"the classes are {', '.join(names[:10])}",
                fix="name all classes, in the order of their probabilities",
            )
    return list(labels)


def _plain(label: Any) -> float | str | None:
    """A label as an outcome has it: numbers are floats."""
    if label is None or isinstance(label, str):
        return label
    return float(label)
