"""A small regression of losses on columns: boosted stumps over quantile bins, on numpy alone.

Each round takes the one split of one column that explains most of what is left and moves a tenth
of the way. It is additive in the columns, which is enough to say where errors are large.

Source: J. Friedman, Annals of Statistics 29 (2001).
"""

from dataclasses import dataclass

import numpy as np

from dovetail.monitoring.numeric import Floats

_ROUNDS = 200
_RATE = 0.1
_BINS = 32
_LEAST = 20
_SHRINK = 10.0


@dataclass(frozen=True)
class Boosted:
    """An additive step function.

    Attributes:
        cuts: Of each column, increasing.
        steps: What each bin of each column adds.
        base: The mean of the target.
    """

    cuts: tuple[Floats, ...]
    steps: tuple[Floats, ...]
    base: float

    @classmethod
    def fit(cls, design: Floats, target: Floats) -> "Boosted":
        """Learn a target, shape (n,), from columns, shape (n, d)."""
        cuts = tuple(_cuts(column) for column in design.T)
        bins = [np.searchsorted(c, x, side="right") for c, x in zip(cuts, design.T, strict=True)]
        steps = tuple(np.zeros(len(c) + 1) for c in cuts)
        counts = [np.bincount(b, minlength=len(c) + 1) for b, c in zip(bins, cuts, strict=True)]
        below = [np.cumsum(c)[:-1].astype(np.float64) for c in counts]
        base = float(target.mean())
        left = target - base
        for _ in range(_ROUNDS):
            best = _best(left, bins, below, len(target))
            if best is None:
                break
            column, cut, low, high = best
            move = np.where(np.arange(len(steps[column])) <= cut, low, high) * _RATE
            steps[column][:] += move
            left = left - move[bins[column]]
        return cls(cuts, steps, base)

    def __call__(self, design: Floats) -> Floats:
        """The prediction for each row."""
        total = np.full(len(design), self.base)
        for cuts, steps, column in zip(self.cuts, self.steps, design.T, strict=True):
            total += steps[np.searchsorted(cuts, column, side="right")]
        return total


def _cuts(column: Floats) -> Floats:
    found = np.unique(np.quantile(column, np.arange(1, _BINS) / _BINS))
    return found[found > column.min()] if len(column) else found


def _best(
    left: Floats, bins: list[np.ndarray], below: list[Floats], rows: int
) -> tuple[int, int, float, float] | None:
    """The split that explains most: column, cut, mean below and mean above, shrunken."""
    found, gain = None, 1e-12
    total = float(left.sum())
    for j, (where, count) in enumerate(zip(bins, below, strict=True)):
        if len(count) == 0:
            continue
        sums = np.cumsum(np.bincount(where, left, len(count) + 1))[:-1]
        above = rows - count
        gains = sums**2 / (count + _SHRINK) + (total - sums) ** 2 / (above + _SHRINK)
        gains[(count < _LEAST) | (above < _LEAST)] = -1
        k = int(gains.argmax())
        if gains[k] > gain:
            gain = float(gains[k])
            low = float(sums[k] / (count[k] + _SHRINK))
            found = (j, k, low, float((total - sums[k]) / (above[k] + _SHRINK)))
    return found
