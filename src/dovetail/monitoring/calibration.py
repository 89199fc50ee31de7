"""Performance without labels: what the scores themselves promise.

Isotonic regression on the labelled reference turns a score into a probability; from the
probabilities follow the AUC and the log-loss to expect of unlabelled rows. Both hold only while
P(label | score) is what it was on the reference, and every figure says so. When outcomes arrive,
the realised figures take over.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.monitoring.numeric import Floats

ASSUMPTION = "assumes that the labels given the scores are as in the reference"
_TINY = 1e-15


@dataclass(frozen=True)
class Calibration:
    """A non-decreasing piecewise linear map from score to probability.

    Attributes:
        scores: Knots, increasing, shape (k,).
        probabilities: Values at the knots, non-decreasing, shape (k,).
    """

    scores: Floats
    probabilities: Floats

    def __call__(self, scores: Floats) -> Floats:
        """The probability of the positive class for each score; flat beyond the knots."""
        return np.asarray(np.interp(scores, self.scores, self.probabilities), dtype=np.float64)

    @classmethod
    def fit(cls, scores: Floats, labels: Floats) -> "Calibration":
        """Isotonic regression of labels on scores by pooling adjacent violators.

        Args:
            scores: Shape (n,).
            labels: 0 or 1, shape (n,).
        """
        values, inverse = np.unique(scores, return_inverse=True)
        weights = np.bincount(inverse).astype(np.float64)
        means = np.bincount(inverse, weights=labels) / weights
        return cls.weighted(values, means, weights)

    @classmethod
    def weighted(cls, values: Floats, means: Floats, weights: Floats) -> "Calibration":
        """The same for rows that were put together.

        Args:
            values: Different scores, increasing, shape (k,).
            means: Mean label at each, shape (k,).
            weights: Rows at each, shape (k,).
        """
        starts, levels = _pool(means.tolist(), weights.tolist())
        ends = np.r_[starts[1:], len(values)] - 1
        knots = np.stack([values[starts], values[ends]], axis=1).ravel()
        heights = np.repeat(levels, 2)
        keep = np.r_[True, np.diff(knots) > 0]
        return cls(knots[keep], heights[keep])


def _pool(means: list[float], weights: list[float]) -> tuple[np.ndarray, Floats]:
    """Merge neighbours that go down until every block is at least as high as the one before."""
    level: list[float] = []
    weight: list[float] = []
    start: list[int] = []
    for i, (mean, mass) in enumerate(zip(means, weights, strict=True)):
        first = i
        while level and level[-1] >= mean:
            before = weight.pop()
            mean = (level.pop() * before + mean * mass) / (before + mass)
            mass += before
            first = start.pop()
        level.append(mean)
        weight.append(mass)
        start.append(first)
    return np.array(start, dtype=np.int64), np.array(level)


def expected_auc(scores: Floats, probabilities: Floats) -> float | None:
    """The AUC to expect when row i is positive with its probability, rows tied sharing halves.

    Args:
        scores: What ranks the rows, shape (n,).
        probabilities: Calibrated probability of the positive class, shape (n,).
    """
    total = probabilities.sum() * (1 - probabilities).sum()
    if len(scores) == 0 or total <= 0:
        return None
    order = np.argsort(scores, kind="stable")
    ordered, q = scores[order], probabilities[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    up = np.add.reduceat(q, first)
    down = np.add.reduceat(1 - q, first)
    below = np.cumsum(down) - down
    return float((up * (below + down / 2)).sum() / total)


def expected_log_loss(scores: Floats, probabilities: Floats) -> float | None:
    """The log-loss of the scores to expect when the probabilities are right."""
    if len(scores) == 0:
        return None
    p = np.clip(scores, _TINY, 1 - _TINY)
    loss = -(probabilities * np.log(p) + (1 - probabilities) * np.log(1 - p))
    return float(loss.mean())
