"""The few special functions that the statistics need, on numpy alone.

SciPy would bring 100 MB for four functions, so they are written out here and held against its
values in the tests. Everything works on whole arrays unless it says scalar.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CENTRE = (
    (3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
     45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727),
    (1.0, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077,
     21213.794301586595867, 39307.89580009271061, 28729.085735721942674, 5226.495278852545925),
)  # fmt: skip
_SHOULDER = (
    (1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
     1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833,
     7.7454501427834140764e-4),
    (1.0, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455,
     0.14810397642748007459, 0.0151986665636164571966, 5.475938084995344946e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_TAIL = (
    (6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123,
     0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5,
     2.01033439929228813265e-7),
    (1.0, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525,
     7.868691311456132591e-4, 1.8463183175100546818e-5, 1.4215117583164458887e-7,
     2.04426310338993978564e-15),
)  # fmt: skip


def _ratio(at: Floats, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Floats:
    top, bottom = (np.polynomial.polynomial.polyval(at, part) for part in coefficients)
    return np.asarray(top / bottom, dtype=np.float64)


def normal_quantile(p: Floats) -> Floats:
    """The standard normal quantile, to about 16 digits.

    Args:
        p: Probabilities strictly between 0 and 1.

    Returns:
        z with Phi(z) = p, the same shape.

    Source: M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988).
    """
    p = np.asarray(p, dtype=np.float64)
    q = p - 0.5
    centre = np.abs(q) <= 0.425
    z = np.empty_like(p)
    z[centre] = q[centre] * _ratio(0.180625 - q[centre] ** 2, _CENTRE)
    outer = ~centre
    r = np.sqrt(-np.log(np.minimum(p[outer], 1 - p[outer])))
    size = np.where(r <= 5, _ratio(r - 1.6, _SHOULDER), _ratio(r - 5, _TAIL))
    z[outer] = np.copysign(size, q[outer])
    return z


def log_gamma(x: Floats) -> Floats:
    """The logarithm of the gamma function for positive arguments, to about 1e-12.

    Eight steps of the recurrence, then Stirling's series.
    """
    x = np.asarray(x, dtype=np.float64)
    small = x < 8
    steps = np.ones(int(small.sum()))
    for k in range(8):
        steps *= x[small] + k
    y = np.where(small, x + 8, x)
    inverse = 1 / y
    square = inverse * inverse
    series = inverse * (
        1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))
    )
    stirling = (y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + series
    stirling[small] -= np.log(steps)
    return np.asarray(stirling, dtype=np.float64)


def log_sum_exp(values: Floats, axis: int | None = None) -> Floats:
    """log(sum(exp(values))) along an axis without overflow."""
    top = np.max(values, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(values - top), axis=axis)) + np.squeeze(top, axis=axis)
    return np.asarray(total, dtype=np.float64)


def chi2_survival(statistic: float, freedom: int) -> float:
    """P(chi-squared with `freedom` degrees of freedom >= statistic), scalar.

    Source: the series and Lentz's continued fraction of the incomplete gamma function.
    """
    if freedom <= 0 or statistic <= 0:
        return 1.0
    a, x = freedom / 2, statistic / 2
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for k in range(1, 1000):
            term *= x / (a + k)
            total += term
            if term < total * 1e-15:
                break
        return max(0.0, 1 - front * total)
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for k in range(1, 1000):
        odd = -k * (k - a)
        b += 2
        d = 1 / (odd * d + b)
        c = b + odd / c
        fraction *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return front * fraction


def kolmogorov_survival(distance: float, size: float) -> float:
    """P(two-sample Kolmogorov-Smirnov distance >= distance), scalar.

    Args:
        distance: Largest difference of the two distribution functions.
        size: Effective size, n m / (n + m).

    Source: Kolmogorov's limit with M. A. Stephens' correction for the size (1970).
    """
    if distance <= 0:
        return 1.0
    root = math.sqrt(size)
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.2:
        return 1.0
    total = sum((1 if k % 2 else -1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * total))
