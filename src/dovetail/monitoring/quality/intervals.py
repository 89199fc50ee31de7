"""Intervals of measured figures, each of a kind that is named beside it.

Counts get the exact binomial interval. Means get Student's, corrected for skewness, because losses
are skewed and the plain normal one misses them. Ratios and areas get the delta method on a scale
where they are unbounded, so no end lies outside what the figure can be. All are at 95 % and take
rows to be independent.

Sources: C. Clopper and E. Pearson, Biometrika 26 (1934); P. Hall, Journal of the Royal Statistical
Society B 54 (1992), removal of skewness by transformation.
"""

import math

import numpy as np

from dovetail.monitoring.numeric import Floats
from dovetail.wire.monitoring import Measured

Z = 1.959963984540054
_TAIL = 0.025
_FEW = 3


def unknown(name: str, rows: int = 0) -> Measured:
    """A figure that these rows do not define."""
    return Measured(name=name, value=None, rows=rows)


def share(name: str, hits: int, total: int) -> Measured:
    """A share with the exact binomial interval of Clopper and Pearson."""
    if total == 0:
        return unknown(name)
    low = 0.0 if hits == 0 else _binomial_end(total, hits, upper=False)
    high = 1.0 if hits == total else _binomial_end(total, hits, upper=True)
    return Measured(name=name, value=hits / total, low=low, high=high, interval="exact", rows=total)


def _binomial_end(total: int, hits: int, *, upper: bool) -> float:
    """Where the tail beyond the count has 2.5 %, by bisection."""
    low, high = (hits / total, 1.0) if upper else (0.0, hits / total)
    for _ in range(50):
        middle = (low + high) / 2
        # Upper end: P(X <= hits) falls with the share; lower end: P(X >= hits) rises with it.
        tail = (
            1 - beta_share(hits + 1, total - hits, middle)
            if upper
            else beta_share(hits, total - hits + 1, middle)
        )
        if (tail > _TAIL) == upper:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_share(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), scalar, by Lentz's fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    total = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for part in (even, odd):
            d = 1 / _away(1 + part * d)
            c = _away(1 + part / c)
            change = c * d
            total *= change
        if abs(change - 1) < 1e-14:
            break
    return front * total / a


def _away(x: float) -> float:
    return x if abs(x) > 1e-300 else 1e-300


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t.

    Source: Cornish and Fisher's expansion; 0.1 % off at 6 degrees of freedom, less above.
    """
    n = float(max(freedom, 1))
    z = Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return float(z + sum(term / n ** (k + 1) for k, term in enumerate(terms)))


def mean(name: str, values: Floats, *, floor: float = -math.inf) -> Measured:
    """A mean with Student's interval, made even by Hall's cubic where the values are skewed.

    Args:
        name: Of the figure.
        values: One a row, finite, shape (n,).
        floor: What the mean cannot be below.
    """
    n = len(values)
    if n == 0:
        return unknown(name)
    value = float(values.mean())
    if n < _FEW:
        return Measured(name=name, value=value, rows=n)
    deviation = float(values.std(ddof=1))
    if deviation <= 1e-12 * max(1.0, abs(value)):
        low, high = value, value
    else:
        skew = float((((values - value) / deviation) ** 3).mean())
        reach = student(n - 1) / math.sqrt(n)
        low = value - deviation * _even(reach, skew, n)
        high = value - deviation * _even(-reach, skew, n)
    return Measured(name=name, value=value, low=max(low, floor), high=high, interval="mean", rows=n)


def _even(x: float, skew: float, n: int) -> float:
    """The inverse of Hall's g(w) = w + s w^2 / 3 + s^2 w^3 / 27 + s / 6n."""
    if abs(skew) < 1e-6:
        return x
    return 3 / skew * (float(np.cbrt(1 + skew * (x - skew / (6 * n)))) - 1)


def on_logit(name: str, value: float, influence: Floats, *, interval: str = "delta") -> Measured:
    """A figure between 0 and 1 from the influence of each row, on the log-odds scale."""
    n = len(influence)
    if not 0 < value < 1 or n < _FEW:
        return Measured(name=name, value=value, rows=n)
    error = float(influence.std(ddof=1)) / math.sqrt(n)
    middle = math.log(value / (1 - value))
    spread = student(n - 1) * error / (value * (1 - value))
    ends = [1 / (1 + math.exp(-min(max(x, -700), 700))) for x in (middle - spread, middle + spread)]
    return Measured(name=name, value=value, low=ends[0], high=ends[1], interval=interval, rows=n)
