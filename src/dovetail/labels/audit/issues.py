"""Which given labels are likely wrong, from predictions of a model that did not see them.

Confident learning (Northcutt, Jiang and Chuang 2021): a row counts for the class whose predicted
probability is above what that class's own rows get on average; from these counts follows how many
labels of each class should be which other.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.votes import Codes, Floats

__all__ = ["Issues", "find_issues"]

_SPREAD = 0.5  # errors of a class that go to one other class; below, errors are spread


@dataclass(frozen=True)
class Issues:
    """Suspected label errors.

    Attributes:
        suspects: int[s], rows whose label is likely wrong, the surest first.
        likely: int[s], what each should likely be.
        joint: float[given, likely], estimated rows.
    """

    suspects: Codes
    likely: Codes
    joint: Floats

    @property
    def wrong(self) -> float:
        """Estimated number of wrong labels."""
        return float(self.joint.sum() - np.trace(self.joint))


def find_issues(label: Codes, probability: Floats) -> Issues:
    """Find rows whose label is likely wrong.

    Where errors go to one other class each, as confusions do, the rows of each pair of classes are
    cut at that pair's estimated number; where they are spread, all rows at the total.

    Args:
        label: int[rows], given labels.
        probability: float[rows, classes], out-of-sample predictions.

    Raises:
        InvalidInputError: shapes differ, or a probability is no number of at least zero.

    Example:
        >>> label = np.array([0] * 10 + [1] * 10)
        >>> sure = np.where(np.eye(2)[label] > 0, 0.9, 0.1)
        >>> label[3] = 1
        >>> find_issues(label, sure).suspects.tolist()
        [3]
    """
    if probability.ndim != 2 or len(label) != len(probability):
        raise InvalidInputError("labels and predictions differ in length")
    if not np.isfinite(probability).all() or (probability < 0).any():
        raise InvalidInputError("predictions hold values that are no probabilities")
    joint, rows = _joint(label, probability), np.arange(len(label))
    others = probability.copy()
    others[rows, label] = -1
    best = others.argmax(1)
    margin = others[rows, best] - probability[rows, label]
    if _is_spread(joint):
        order = np.argsort(-margin, kind="stable")
        chosen = order[: round(joint.sum() - np.trace(joint))]
        return Issues(chosen, best[chosen], joint)
    return _of_pairs(label, probability, joint)


def _joint(label: Codes, probability: Floats) -> Floats:
    """float[given, likely]: rows, with as many of each given class as there are."""
    classes = probability.shape[1]
    given = np.bincount(label, minlength=classes)
    own = np.bincount(label, probability[np.arange(len(label)), label], classes)
    level = np.where(given > 0, own / np.maximum(given, 1), 1.0)
    above = probability >= level - 1e-9
    likely = np.where(above, probability, -1.0).argmax(1)
    sure = above.any(1)
    place = label[sure] * classes + likely[sure]
    counted = np.bincount(place, minlength=classes**2).reshape(classes, classes).astype(float)
    counted[np.diag_indices(classes)] += 1e-9
    joint: Floats = counted / counted.sum(1, keepdims=True) * given[:, None]
    return joint


def _is_spread(joint: Floats) -> bool:
    """Whether the errors of the middle class go to several others, rather than to one."""
    if len(joint) == 2:
        return False
    off = joint - np.diag(np.diag(joint))
    wrong = off.sum(1)
    have = wrong > 0
    return bool(have.any() and np.median(off[have].max(1) / wrong[have]) < _SPREAD)


def _of_pairs(label: Codes, probability: Floats, joint: Floats) -> Issues:
    """For each given and likely class, the rows that lean most from the one to the other."""
    lean = np.full(len(label), -np.inf)
    likely = np.zeros(len(label), np.int64)
    for one, other in np.argwhere(np.rint(joint) >= 1):
        if one == other:
            continue
        rows = np.flatnonzero(label == one)
        by = probability[rows, other] - probability[rows, one]
        most = np.argsort(-by, kind="stable")[: round(joint[one, other])]
        better = by[most] > lean[rows[most]]
        lean[rows[most][better]] = by[most][better]
        likely[rows[most][better]] = other
    chosen = np.flatnonzero(np.isfinite(lean))
    chosen = chosen[np.argsort(-lean[chosen], kind="stable")]
    return Issues(chosen, likely[chosen], joint)
