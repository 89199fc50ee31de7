"""Which given labels are likely wrong, from predictions of a model that did not see them.

Confident learning (Northcutt, Jiang and Chuang 2021): a row counts for the class whose predicted
probability is above what that class's own rows get on average; from these counts follows how many
labels of each class should be which other.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.votes import Codes, Floats, softmax

__all__ = ["Issues", "find_issues", "unconfused"]

_SPREAD = 0.5  # errors of a class that go to one other class; below, errors are spread
_BALANCED = 0.33  # error rate of the better of two classes over that of the worse; above, spread
_SURELY = 0.4  # of the way from the estimated number of errors to those contradicted for sure
_LEAST = 1e-4
_SOME = 20_000
_POWERS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5)


@dataclass(frozen=True)
class Issues:
    """Suspected label errors.

    Attributes:
        suspects: int[s], rows whose label is likely wrong, the surest first.
        likely: int[s], what each should likely be.
        chance: float[s], probability that each label is wrong, by the model of errors.
        joint: float[given, likely], estimated rows.
    """

    suspects: Codes
    likely: Codes
    chance: Floats
    joint: Floats

    @property
    def wrong(self) -> float:
        """Estimated number of wrong labels."""
        return float(self.joint.sum() - np.trace(self.joint))


def find_issues(label: Codes, probability: Floats, joint: Floats | None = None) -> Issues:
    """Find rows whose label is likely wrong.

    How errors are made decides how they are found. Where they are spread over classes, a label that
    a model contradicts most is wrong first, and as many are shown as lie between what contradicts
    for sure and the estimated total. Where they go one way, as confusions do, the model has learned
    them too: so its predictions are taken through the inverse of the estimated confusions first
    (forward correction, Patrini et al. 2017), and rows are ranked by what the label likely was.

    Args:
        label: int[rows], given labels.
        probability: float[rows, classes], out-of-sample predictions.
        joint: float[given, true], how many rows of each given class are which, where it is known
            better than from the predictions.

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
    known = joint is not None
    estimated, surely = _joint(label, probability)
    joint = estimated if joint is None else joint
    rows, wrong = np.arange(len(label)), float(joint.sum() - np.trace(joint))
    truth = unconfused(label, probability, joint)
    chance = 1 - truth[rows, label]
    sober = unconfused(label, _sober(label, probability), joint)[rows, label]
    certain = min(1.0, wrong / max(float((1 - sober).sum()), 1e-9))  # all chances make the errors
    if not known and _is_spread(joint):
        others = probability.copy()
        others[rows, label] = -1
        best = others.argmax(1)
        doubt, many = (
            others[rows, best] - probability[rows, label],
            wrong + _SURELY * (surely - wrong),
        )
    else:
        truth[rows, label] = -1
        best, doubt, many = truth.argmax(1), chance, wrong
    chosen = _most(doubt, round(many))
    return Issues(chosen, best[chosen], certain * (1 - sober[chosen]), joint)


def _sober(label: Codes, probability: Floats) -> Floats:
    """Predictions raised to the power under which the given labels are likeliest.

    Models are trained to be sure of labels; out of sample they are right less often than they say.
    """
    some = np.random.default_rng(0).permutation(len(label))[:_SOME]
    logs = np.log(np.maximum(probability, _LEAST))
    scores = [
        float(np.log(softmax(power * logs[some])[np.arange(len(some)), label[some]] + 1e-9).mean())
        for power in _POWERS
    ]
    return softmax(_POWERS[int(np.argmax(scores))] * logs)


def unconfused(label: Codes, probability: Floats, joint: Floats) -> Floats:
    """float[rows, classes]: probability of each true label, under a model of errors.

    Args:
        label: int[rows], given labels.
        probability: float[rows, classes], out-of-sample predictions of given labels.
        joint: float[given, true], how many of each given class are which, estimated.
    """
    confused = joint.T / np.maximum(joint.sum(0), 1e-9)[:, None]  # given by true
    truth = np.maximum(probability @ np.linalg.pinv(confused), _LEAST)
    truth *= confused.T.take(label, 0) + 1e-9
    truth /= truth.sum(1, keepdims=True)
    found: Floats = truth
    return found


def _most(doubt: Floats, many: int) -> Codes:
    """int[many]: the rows of most doubt, the most first."""
    if many < len(doubt) // 2:
        rows = np.argpartition(-doubt, many)[:many] if many else np.arange(0)
        rows = np.sort(rows)
    else:
        rows = np.arange(len(doubt))
    found: Codes = rows[np.argsort(-doubt[rows], kind="stable")][:many]
    return found


def _joint(label: Codes, probability: Floats) -> tuple[Floats, int]:
    """float[given, likely]: rows, as many of each given class as there are.

    And how many rows a prediction contradicts for sure: it is above what is usual for another
    class, and the highest.
    """
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
    surely = sure & (likely != label) & (probability.argmax(1) != label)
    return joint, int(surely.sum())


def _is_spread(joint: Floats) -> bool:
    """Whether the errors of the middle class go to several others, rather than to one.

    Of two classes: whether both are confused with the other about as often.
    """
    off = joint - np.diag(np.diag(joint))
    if len(joint) == 2:
        rate = off.sum(0) / np.maximum(joint.sum(0), 1e-9)
        return bool(rate.min() > _BALANCED * rate.max())
    wrong = off.sum(1)
    have = wrong > 0
    return bool(have.any() and np.median(off[have].max(1) / wrong[have]) < _SPREAD)
