"""Which given labels are likely wrong, from predictions of a model that did not see them.

`error_model.py` says how likely each label is wrong; here is decided how many of them are shown.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.audit.error_model import ErrorModel, fit_errors
from dovetail.labels.votes import Codes, Floats

__all__ = ["Issues", "find_issues", "issues_by"]

_WORTH = 0.2  # chance of being wrong below which a label is never worth a look
_MOST = 1.5  # suspects per label that is wrong by estimate; more only where predictions tell little
_TURNS = 30


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

    How errors are made, how many there are and how far predictions can be believed is estimated
    together; as many rows are shown as make the expected F1 of the suspects largest.

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
    if not len(label):
        classes = probability.shape[1]
        return Issues(np.arange(0), np.arange(0), np.zeros(0), np.zeros((classes, classes)))
    return issues_by(fit_errors(label, probability, joint), label, probability, joint)


def issues_by(
    model: ErrorModel, label: Codes, probability: Floats, joint: Floats | None = None
) -> Issues:
    """Find rows whose label is likely wrong, by a model of how labels came about.

    Args:
        model: The model.
        label: int[rows], given labels.
        probability: float[rows, classes], out-of-sample predictions.
        joint: float[given, true], what is known of the rows; else what the model makes of them.
    """
    right, expected = model.sums(label, probability)
    chosen = np.flatnonzero(1 - right > max(_least_chance(1 - right), _WORTH))
    most = round(_MOST * float((1 - right).sum()))
    chosen = chosen[np.argsort(right[chosen], kind="stable")][:most]
    truth = model.truth(label[chosen], probability[chosen])
    truth[np.arange(len(chosen)), label[chosen]] = -1
    return Issues(chosen, truth.argmax(1), 1 - right[chosen], expected if joint is None else joint)


def _least_chance(chance: Floats) -> float:
    """The chance of being wrong above which suspects have the largest expected F1.

    It is half of that F1 (Lipton, Elkan and Naryanaswamy 2014), so each turn shows all above half
    of the last turn's F1 (Dinkelbach 1967), which settles in a few.

    Args:
        chance: float[rows], probability that each label is wrong.
    """
    wrong, least = float(chance.sum()), 0.0
    for _ in range(_TURNS):
        above = chance[chance > least]
        better = float(above.sum()) / max(len(above) + wrong, 1e-9)
        if better <= least + 1e-9:
            break
        least = better
    return least
