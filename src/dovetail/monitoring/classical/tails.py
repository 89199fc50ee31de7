"""Tail probabilities of the classical statistics, on numpy alone.

Each follows the definition that SciPy follows, so that a figure that is reported here is the
figure that an auditor finds there; the golden values of the tests hold both together.
"""

import math

import numpy as np

from dovetail.monitoring.numeric import Floats

_EXACT_SUM = 20_000
_SMALL = 140


def normal_survival(z: float) -> float:
    """P(Z >= z) for a standard normal Z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def student_two_sided(t: float, freedom: float) -> float:
    """P(|T| >= |t|) for Student's T with `freedom` degrees, which need not be whole.

    Source: the continued fraction of the incomplete beta function (Lentz's method).
    """
    if not math.isfinite(t):
        return 0.0
    x = freedom / (freedom + t * t)
    if x < 1e-300:
        return 0.0
    a, b = freedom / 2, 0.5
    if x >= 1:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / (1 + even * d), 1 + even / c
        fraction *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / (1 + odd * d), 1 + odd / c
        fraction *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return fraction


def kolmogorov_exact(distance: float, size: int, other: int) -> float:
    """P(two-sample distance >= `distance`) for samples without ties, exactly.

    Args:
        distance: Largest difference of the two empirical distribution functions.
        size: Rows of one sample.
        other: Rows of the other; the cost grows with the product.

    Source: J. L. Hodges, The significance probability of the Smirnov two-sample test (1958): the
    share of lattice paths that touch the boundary, summed without a subtraction.
    """
    scale = size * other // math.gcd(size, other)
    far = round(distance * scale)
    if far <= 0:
        return 1.0
    step, across = scale // size, scale // other
    i = np.arange(size + 1)
    touched = np.zeros(size + 1)
    for s in range(1, size + other + 1):
        j = s - i
        before = np.concatenate([[0.0], touched[:-1]])
        touched = (i * before + j * touched) / s
        touched[np.abs(i * step - j * across) >= far] = 1.0
        touched[(j < 0) | (j > other)] = 0.0
    return float(touched[size])


def kolmogorov_asymptotic(distance: float, size: int, other: int) -> float:
    """P(two-sample distance >= `distance`) for large samples.

    It is the exact one-sample distribution at the effective size n m / (n + m), rounded.

    Source: R. Simard and P. L'Ecuyer, Computing the two-sided Kolmogorov-Smirnov distribution,
    J. Stat. Software 39 (2011), whose choice of method by region this follows.
    """
    n = round(size * other / (size + other)) or 1
    t = n * distance
    if distance >= 1:
        return 0.0
    if t <= 0.5:
        return 1.0
    if t <= 1:
        return 1 - math.exp(math.lgamma(n + 1) - n * math.log(n) + n * math.log(2 * t - 1))
    square = t * distance
    if distance >= 0.5 or square >= (4 if n <= _SMALL else 2.2):
        return min(1.0, 2 * _smirnov(distance, n))
    if n <= _SMALL or (n <= 100_000 and n * distance**1.5 <= 1.4):
        return min(1.0, max(0.0, 1 - _durbin(distance, n)))
    return min(1.0, max(0.0, 1 - _pelz_good(distance * math.sqrt(n), n)))


def _smirnov(x: float, n: int) -> float:
    """P(one-sided one-sample distance >= x): the sum of Birnbaum and Tingey (1951).

    Beyond 20,000 rows the limit at J. Vrbik's corrected argument (2018), good to four digits.
    """
    if n > _EXACT_SUM:
        z = math.sqrt(n) * x
        return math.exp(-2 * (z + 1 / (6 * math.sqrt(n)) + (z - 1) / (4 * n)) ** 2)
    j = np.arange(int(n * (1 - x)) + 1)
    steps = np.arange(1, len(j))
    choose = np.concatenate([[0.0], np.cumsum(np.log((n - steps + 1) / steps))])
    left = np.maximum(1 - x - j / n, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = choose + (j - 1) * np.log(x + j / n) + np.where(j < n, (n - j) * np.log(left), 0.0)
    return float(x * np.exp(logs).sum())


def _durbin(x: float, n: int) -> float:
    """P(two-sided distance < x): G. Marsaglia, W. W. Tsang and J. Wang's matrix power (2003)."""
    k = int(n * x) + 1
    h = k - n * x
    m = 2 * k - 1
    rows, columns = np.indices((m, m))
    matrix = (rows - columns + 1 >= 0).astype(np.float64)
    powers = h ** np.arange(1, m + 1)
    matrix[:, 0] -= powers
    matrix[-1, :] -= powers[::-1]
    matrix[-1, 0] += max(0.0, 2 * h - 1) ** m
    steps = np.maximum(rows - columns + 1, 0)
    matrix /= np.array([math.factorial(s) for s in range(m + 1)], dtype=np.float64)[steps]
    power, exponent = _power(matrix, n)
    log = math.lgamma(n + 1) - n * math.log(n) + exponent * math.log(2)
    value = power[k - 1, k - 1]
    return math.exp(log + math.log(value)) if value > 0 else 0.0


def _power(matrix: Floats, n: int) -> tuple[Floats, int]:
    """A matrix power as (m, e) with the value m * 2^e, so that nothing overflows."""
    result, scale = np.eye(len(matrix)), 0
    base, grown = matrix, 0
    while n:
        if n & 1:
            result, scale = result @ base, scale + grown
            shift = math.frexp(float(np.abs(result).max()))[1]
            result, scale = np.ldexp(result, -shift), scale + shift
        n >>= 1
        base, grown = base @ base, 2 * grown
        shift = math.frexp(float(np.abs(base).max()))[1]
        base, grown = np.ldexp(base, -shift), grown + shift
    return result, scale


def _pelz_good(z: float, n: int) -> float:
    """P(root n times the distance < z): W. Pelz and I. J. Good's expansion (1976)."""
    k = np.arange(-20, 21)
    half = (math.pi * (k + 0.5)) ** 2
    whole = (math.pi * k) ** 2
    e, f = np.exp(-half / (2 * z * z)), np.exp(-whole / (2 * z * z))
    root, y = math.sqrt(math.pi / 2), z * z
    first = e.sum() * root / z
    second = ((half - y) * e).sum() * root / (6 * y**2)
    third = (6 * y**3 + 2 * y**2 + (2 * y**2 - 5 * y) * half + (1 - 2 * y) * half**2) * e
    fourth = (
        half**3 * (5 - 30 * y)
        + half**2 * (-60 * y + 212 * y**2)
        + half * (135 * y**2 - 96 * y**3)
        - (30 * y**3 + 90 * y**4)
    ) * e
    more = third.sum() * root / (72 * z**7) - (whole * f).sum() * root / (36 * z**3)
    most = fourth.sum() * root / (6480 * z**10)
    most += ((3 * whole * y - whole**2) * f).sum() * root / (216 * y**3)
    return float(first + second / math.sqrt(n) + more / n + most / n**1.5)


def cramer_von_mises_survival(x: float) -> float:
    """P(limit of the Cramer-von Mises statistic >= x).

    Source: T. W. Anderson and D. A. Darling (1952), equation 4.35; the Bessel function K of order
    1/4 by its integral, on which the trapezoid rule converges to all digits.
    """
    if x < 0.003:
        return 1.0
    t = np.linspace(0, 12, 2401)
    weight = np.cosh(t / 4) * (t[1] - t[0])
    weight[0] /= 2
    total = 0.0
    for k in range(60):
        y = 4 * k + 1
        q = y * y / (16 * x)
        if 2 * q > 700:
            break
        front = math.exp(math.lgamma(k + 0.5) - math.lgamma(k + 1)) / (math.pi**1.5 * math.sqrt(x))
        total += front * math.sqrt(y) * float((np.exp(-q * (1 + np.cosh(t))) * weight).sum())
    return min(1.0, max(0.0, 1 - total))
