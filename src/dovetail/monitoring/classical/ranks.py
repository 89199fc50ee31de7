"""Tests and distances of two samples of numbers, each already sorted.

Both sides come sorted, so everything here is a merge: no test sorts what was sorted before.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.classical import tails
from dovetail.monitoring.numeric import Floats

_LARGE = 1e150


def kolmogorov_smirnov(a: Floats, b: Floats) -> float:
    """The largest difference of the two distribution functions.

    The steps of the shorter sample suffice: between two of them its function is flat, so the
    difference is largest just before or at one of them.
    """
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    n = len(short)
    at = np.arange(1, n + 1) / n
    right = np.searchsorted(long, short, side="right")
    # Where no value is shared, the two sides agree and one search is enough.
    shared = long[np.maximum(right - 1, 0)] == short
    left = np.searchsorted(long, short, side="left") if shared.any() else right
    above = np.max(at - right / len(long))
    below = np.max(left / len(long) - (at - 1 / n))
    return float(max(above, below, 0.0))


def wasserstein(a: Floats, b: Floats) -> float:
    """The area between the two distribution functions, in the column's own unit."""
    if len(a) == len(b):
        return float(np.abs(a - b).mean())
    gaps, difference = _difference(a, b)
    return float(np.sum(np.abs(difference) * gaps))


def energy(a: Floats, b: Floats) -> float:
    """The energy distance, as SciPy scales it: root of twice the squared area."""
    gaps, difference = _difference(a, b)
    return float(math.sqrt(2 * np.sum(difference**2 * gaps)))


def cramer_von_mises(a: Floats, b: Floats) -> tuple[float, float]:
    """The two-sample Cramer-von Mises statistic with midranks, and its asymptotic p-value.

    Source: T. W. Anderson, On the distribution of the two-sample criterion (1962).
    """
    n, m = len(a), len(b)
    both, product = n + m, n * m
    left, right = _midranks(a, b)
    u = n * np.sum((left - np.arange(1, n + 1)) ** 2) + m * np.sum(
        (right - np.arange(1, m + 1)) ** 2
    )
    statistic = u / (product * both) - (4 * product - 1) / (6 * both)
    mean = (1 + 1 / both) / 6
    spread: float = (both + 1) * (4 * product * both - 3 * (n * n + m * m) - 2 * product)
    spread /= 45 * both * both * 4 * product
    if spread <= 0:  # a row or two a side say nothing
        return float(statistic), 1.0
    scaled = 1 / 6 + (statistic - mean) / math.sqrt(45 * spread)
    return float(statistic), tails.cramer_von_mises_survival(float(scaled))


def mann_whitney(a: Floats, b: Floats) -> tuple[float, float]:
    """Mann and Whitney's U of the first sample and the two-sided p-value of its normal limit.

    Corrected for ties and for continuity.
    """
    n, m = len(a), len(b)
    u = float(_midranks(a, b)[0].sum()) - n * (n + 1) / 2
    ties = np.unique(np.concatenate([a, b]), return_counts=True)[1].astype(np.float64)
    total = n + m
    spread = n * m / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))
    if spread <= 0:
        return u, 1.0
    z = (max(u, n * m - u) - n * m / 2 - 0.5) / math.sqrt(spread)
    return u, min(1.0, 2 * tails.normal_survival(z))


def anderson_darling(a: Floats, b: Floats) -> tuple[float, float]:
    """The normalised two-sample Anderson-Darling statistic with midranks, and its p-value.

    The p-value interpolates the published table and stays between 0.001 and 0.25.

    Source: F. W. Scholz and M. A. Stephens, K-sample Anderson-Darling tests (1987), equation 7.
    """
    total, parts = len(a) + len(b), 2
    both = np.sort(np.concatenate([a, b]))
    distinct, times = np.unique(both, return_counts=True)
    if len(distinct) < 2 or total < 4:
        return 0.0, 0.25
    middle = np.cumsum(times) - times / 2
    whole = 0.0
    for x in (a, b):
        right = np.searchsorted(x, distinct, side="right")
        inside = right - (right - np.searchsorted(x, distinct, side="left")) / 2
        top = times / total * (total * inside - middle * len(x)) ** 2
        whole += float((top / (middle * (total - middle) - total * times / 4)).sum()) / len(x)
    whole *= (total - 1) / total
    scaled = (whole - (parts - 1)) / math.sqrt(_anderson_variance(len(a), len(b)))
    return scaled, _anderson_p(scaled)


def _anderson_variance(n: int, m: int) -> float:
    total, k = n + m, 2
    inverse = 1 / n + 1 / m
    steps = 1 / np.arange(total - 1, 1, -1)
    harmonic = np.cumsum(steps)
    h = float(harmonic[-1]) + 1
    g = float((harmonic / np.arange(2, total)).sum())
    a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * k**2 + 8 * h * k + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * k**2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * inverse + 4 * h
    d = (2 * h + 6) * k**2 - 4 * h * k
    return (a * total**3 + b * total**2 + c * total + d) / (
        (total - 1.0) * (total - 2.0) * (total - 3.0)
    )


def _anderson_p(statistic: float) -> float:
    base = np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
    by_root = np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
    by_whole = np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])
    critical = base + by_root + by_whole  # two samples: one degree of freedom
    levels = np.log([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
    if statistic <= critical[0]:
        return 0.25
    if statistic >= critical[-1]:
        return 0.001
    return float(np.exp(np.interp(statistic, critical, levels)))


def welch(a: Floats, b: Floats) -> tuple[float, float]:
    """Welch's t of the means, and its two-sided p-value."""
    n, m = len(a), len(b)
    if min(n, m) < 2:
        return 0.0, 1.0
    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    if largest > _LARGE:  # t does not change with the unit, squares would overflow
        a, b = a / largest, b / largest
    left, right = a.var(ddof=1) / n, b.var(ddof=1) / m
    both = left + right
    if both == 0:
        return (0.0, 1.0) if a.mean() == b.mean() else (math.inf, 0.0)
    t = float((a.mean() - b.mean()) / math.sqrt(both))
    freedom = float(both**2 / (left**2 / (n - 1) + right**2 / (m - 1)))
    return t, tails.student_two_sided(t, freedom)


def _difference(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Gaps between the pooled values, and the difference of the distribution functions in them.

    A stable sort finds the two sorted runs and merges them, which is linear.
    """
    both = np.concatenate([a, b])
    order = np.argsort(both, kind="stable")
    steps = np.where(order < len(a), 1 / len(a), -1 / len(b))
    return np.diff(both[order]), np.cumsum(steps)[:-1]


def _midranks(a: Floats, b: Floats) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The ranks of both samples among all values, tied values sharing their middle."""
    found = []
    for x in (a, b):
        below = np.searchsorted(a, x, side="left") + np.searchsorted(b, x, side="left")
        upto = np.searchsorted(a, x, side="right") + np.searchsorted(b, x, side="right")
        found.append((below + upto + 1) / 2)
    return found[0], found[1]
