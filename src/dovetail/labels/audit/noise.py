"""How many labels are right, and how surely that is known: by gold labels, or by predictions.

Predictions tell a wrong label only from what is usual for its class. Where errors are many and go
one way the model has learned them as well, and no statistic of predictions tells them from items
that just look alike. That is said, and a handful of gold labels resolves it: they are weighted to
the whole by class and by whether a row is suspect, so they may be picked where doubt is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dovetail.labels.audit.error_model import fit_errors
from dovetail.labels.audit.issues import Issues, find_issues, issues_by
from dovetail.labels.combining import wilson
from dovetail.labels.votes import Codes, Floats

__all__ = ["FEW_GOLD", "Noise", "by_gold", "by_people", "by_predictions"]

_TOO_WRONG = 0.2  # of a class's labels: past it, neither count nor suspects can be relied on
_PRIOR = 2.0  # gold labels that the predictions count for, in each class and kind
_SURE = 0.8  # margin of a prediction that contradicts a label whatever the model's faults
_UNSURE = 0.8
_Z = 1.959964
FEW_GOLD = 10
"""Right labels below which they tell no more than predictions do."""


@dataclass(frozen=True)
class Noise:
    """How right labels are.

    Attributes:
        issues: Suspects, and the joint counts of given and likely labels.
        accuracy: Share of right labels.
        lower: Lower end of a 95 % interval.
        upper: Upper end.
        basis: "gold", "people" or "predictions".
        beyond: Codes of classes of which more seems wrong or missing than predictions can tell.
    """

    issues: Issues
    accuracy: float
    lower: float
    upper: float
    basis: str
    beyond: list[int]


def by_predictions(label: Codes, shown: Floats) -> Noise:
    """Estimate from out-of-sample predictions alone.

    The interval goes from what the estimate of all errors leaves right to what stays right when
    only plain contradictions are errors; in classes whose errors predictions cannot tell, every
    row that they are not sure of may be wrong.

    Args:
        label: int[rows], given labels.
        shown: float[rows, classes], predictions.
    """
    issues, rows = find_issues(label, shown), len(label)
    own = shown[np.arange(rows), label]
    plainly = float((shown.max(1) - own > _SURE).sum())
    accuracy = 1 - issues.wrong / rows
    beyond, doubtful = _beyond(issues.joint)
    unsure = float((doubtful[label] & (own < _UNSURE)).sum())
    few, many = min(plainly, issues.wrong), max(plainly, issues.wrong, unsure)
    lower = wilson(rows - many, rows)[1]
    upper = wilson(rows - few, rows)[2]
    return Noise(issues, accuracy, lower, upper, "predictions", beyond)


def by_people(posterior: Floats) -> Noise:
    """Estimate from what several people's answers come to, together with predictions or not.

    The label of each item is its likeliest, so as many are wrong as posteriors lack to certainty;
    suspects are those that lack most.

    Args:
        posterior: float[items, classes], tempered by how well left-out answers are told.
    """
    items, classes = posterior.shape
    label, doubt = posterior.argmax(1), 1 - posterior.max(1)
    joint = _sums(label, posterior, classes)
    others = posterior.copy()
    others[np.arange(items), label] = -1
    suspects = np.argsort(-doubt, kind="stable")[: round(float(doubt.sum()))]
    issues = Issues(suspects, others.argmax(1)[suspects], doubt[suspects], joint)
    accuracy, lower, upper = wilson(items - float(doubt.sum()), items)
    return Noise(issues, accuracy, lower, upper, "people", [])


def by_gold(label: Codes, shown: Floats, gold: Codes) -> Noise:
    """Estimate from predictions and some right labels.

    Args:
        label: int[rows], given labels.
        shown: float[rows, classes], predictions.
        gold: int[rows], right labels, -1 where not known; ten or more are.
    """
    known = np.flatnonzero(gold >= 0)
    if len(known) < FEW_GOLD:
        return by_predictions(label, shown)
    model = fit_errors(label, shown)
    classes, rows = shown.shape[1], len(label)
    suspect = np.zeros(rows, np.int64)
    suspect[issues_by(model, label, shown).suspects] = 1
    kind = label * 2 + suspect
    expected = _sums(kind, model.truth(label, shown), 2 * classes)
    size = np.bincount(kind, minlength=2 * classes).astype(float)
    told = _sums(kind[known], np.eye(classes)[gold[known]], 2 * classes)
    share = told + _PRIOR * expected / np.maximum(size, 1)[:, None]
    share /= np.maximum(share.sum(1, keepdims=True), 1e-9)
    joint = (share * size[:, None]).reshape(classes, 2, classes).sum(1)
    right = share[np.arange(2 * classes), np.arange(2 * classes) // 2]
    seen = told.sum(1) + _PRIOR
    accuracy = float((right * size).sum() / rows)
    likely = (right * seen + 0.5) / (seen + 1)  # never quite sure: ten right ones are no proof
    spread = float(np.sqrt((size**2 * likely * (1 - likely) / (seen + 1)).sum()) / rows)
    lower, upper = max(0.0, accuracy - _Z * spread), min(1.0, accuracy + _Z * spread)
    issues = _with_gold(find_issues(label, shown, joint), label, gold)
    return Noise(issues, accuracy, lower, upper, "gold", [])


def _with_gold(issues: Issues, label: Codes, gold: Codes) -> Issues:
    """The same suspects, less those that gold says are right, after those that it says are not."""
    wrong = np.flatnonzero((gold >= 0) & (gold != label))
    kept = gold[issues.suspects] < 0
    none = np.ones(len(wrong))
    return Issues(
        np.concatenate([wrong, issues.suspects[kept]]),
        np.concatenate([gold[wrong], issues.likely[kept]]),
        np.concatenate([none, issues.chance[kept]]),
        issues.joint,
    )


def _beyond(joint: Floats) -> tuple[list[int], npt.NDArray[np.bool_]]:
    """Classes of which a fifth or more has another label, or is really another.

    Where one class's rows have the label of another, that is one thing to settle, not two: the
    class that lacks them is named.

    Returns:
        Those to name, and bool[classes], which ones' labels are in doubt.
    """
    given, true = joint.sum(1), joint.sum(0)
    off = joint - np.diag(np.diag(joint))
    missed = (given > 0) & (off.sum(0) > _TOO_WRONG * np.maximum(true, 1e-9))
    wrong = off.sum(1) > _TOO_WRONG * np.maximum(given, 1e-9)
    named = missed | (wrong & ~missed[off.argmax(1)])
    return np.flatnonzero(named).tolist(), missed | wrong


def _sums(kind: Codes, values: Floats, kinds: int) -> Floats:
    return np.stack([np.bincount(kind, column, kinds) for column in values.T], 1).astype(float)
