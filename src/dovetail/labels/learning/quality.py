"""How good a model is on answers that it did not see."""

from dataclasses import dataclass

import numpy as np

from dovetail.labels.combining import wilson
from dovetail.labels.learning.fairness import effective
from dovetail.labels.learning.learner import LINKS, Learned
from dovetail.labels.learning.linear import activated
from dovetail.labels.votes import Floats

__all__ = ["Quality", "measured"]

_BINS = 10


@dataclass(frozen=True)
class Quality:
    """Held-out quality.

    Attributes:
        answers: On how many answers.
        accuracy: Share that is right, of several labels the share of labels; of a number, the
            share of the variance that is explained.
        lower: Lower end of a 95 % interval of that; equal to it for a number.
        upper: Its upper end.
        confidence: Mean probability that the model gave its answers; what it promised.
        calibration: Mean difference of confidence and accuracy over ten bins (ECE).
        error: Root of the mean squared error of a number, else None.
    """

    answers: int
    accuracy: float
    lower: float
    upper: float
    confidence: float | None = None
    calibration: float | None = None
    error: float | None = None


def measured(learned: Learned, scores: Floats, truth: Floats, weight: Floats) -> Quality:
    """Measure held-out scores.

    Args:
        learned: The model, whose temperature is used.
        scores: float[n, k], of the live classes, before the temperature.
        truth: float[n, k].
        weight: float[n], so that the rows stand for the open ones.
    """
    count = len(truth)
    if learned.goal == "number":
        wrong = float(weight @ (scores - truth)[:, 0] ** 2 / weight.sum())
        spread = float(weight @ truth[:, 0] ** 2 / weight.sum())
        explained = 1 - wrong / max(spread, 1e-12)
        error = float(np.sqrt(wrong)) * learned.scale
        return Quality(count, explained, explained, explained, error=error)
    told = activated(scores / learned.temperature, LINKS[learned.goal])
    if learned.goal == "several":
        sure = np.maximum(told, 1 - told).ravel()
        right = np.where(told > 0.5, truth, 1 - truth).ravel()
    else:
        sure = told.max(1)
        right = truth[np.arange(count), told.argmax(1)]
    each = np.repeat(weight, len(right) // count)
    accuracy = float(each @ right / each.sum())
    rows = effective(weight)
    _, lower, upper = wilson(accuracy * rows, rows)
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    apart = np.bincount(bins, each * (right - sure), _BINS)
    return Quality(
        count,
        accuracy,
        lower,
        upper,
        float(each @ sure / each.sum()),
        float(np.abs(apart).sum() / each.sum()),
    )
