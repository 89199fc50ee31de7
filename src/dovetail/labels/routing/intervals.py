"""Intervals of shares and means, 95 %: exact where they rest on few counts.

Sources: C. Clopper and E. Pearson, Biometrika 26 (1934); A. Angelopoulos et al., Prediction-powered
inference, Science 382 (2023).
"""

import math
from collections.abc import Callable

import numpy as np

from dovetail.labels.votes import Floats

__all__ = ["clopper_pearson", "prediction_powered"]

_TAIL = 0.025
_Z = 1.959964


def clopper_pearson(right: int, all_: int) -> tuple[float, float]:
    """Return the ends of the exact interval of a share.

    Example:
        >>> [round(end, 3) for end in clopper_pearson(48, 50)]
        [0.863, 0.995]
        >>> clopper_pearson(0, 0)
        (0.0, 1.0)
    """
    lower = 0.0 if right == 0 else _solve(lambda p: _at_least(right, all_, p), _TAIL)
    upper = 1.0 if right == all_ else _solve(lambda p: -_at_most(right, all_, p), -_TAIL)
    return lower, upper


def prediction_powered(said: Floats, at: Floats, right: Floats) -> tuple[float, float, float]:
    """Return a mean and the ends of its interval, from predictions for all and the truth of some.

    Args:
        said: float[n], what the model says of every item: its probability of being right.
        at: float[g], what it says of those items whose truth is known, a random sample.
        right: float[g], 1 where they are right, 0 where not.
    """
    off = right - at
    mean = float(said.mean() + off.mean())
    spread = float(off.var(ddof=1)) / len(off) + float(said.var()) / len(said)
    half = _Z * spread**0.5
    return min(max(mean, 0.0), 1.0), max(mean - half, 0.0), min(mean + half, 1.0)


def _at_least(k: int, n: int, p: float) -> float:
    return math.fsum(_terms(range(k, n + 1), n, p))


def _at_most(k: int, n: int, p: float) -> float:
    return math.fsum(_terms(range(k + 1), n, p))


def _terms(counts: range, n: int, p: float) -> Floats:
    """P(exactly k of n), for each k."""
    if p <= 0 or p >= 1:
        return np.array([float((k == 0) if p <= 0 else (k == n)) for k in counts])
    chosen = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in counts]
    k = np.asarray(counts, float)
    terms: Floats = np.exp(np.array(chosen) + k * math.log(p) + (n - k) * math.log1p(-p))
    return terms


def _solve(rising: Callable[[float], float], at: float) -> float:
    """Where a function that rises from 0 to 1 reaches a value, to 1e-6."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < at else (low, middle)
    return (low + high) / 2
