"""Tests and distances of two rows of counts: levels of a category, or numbers in bins."""

import math

import numpy as np

from dovetail.monitoring.numeric import Floats, chi2_survival

LEAST = 5.0
"""Expected rows below which a level is put together with the other rare ones."""


def pool_rare(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Put levels together whose expected count is under five in the smaller sample.

    The limit distribution of chi-squared is wrong for rare levels; W. G. Cochran's rule (1954).
    """
    both = a + b
    least = min(a.sum(), b.sum()) / max(1.0, both.sum())
    rare = both * least < LEAST
    if rare.sum() < 2:
        return a, b
    return np.append(a[~rare], a[rare].sum()), np.append(b[~rare], b[rare].sum())


def chi_squared(a: Floats, b: Floats) -> tuple[float, float]:
    """Pearson's test of homogeneity of two rows of counts, without continuity correction.

    Both rows are samples: the reference is not taken for the truth.
    """
    table, expected = _table(a, b)
    if table.shape[1] < 2 or not expected.all():
        return 0.0, 1.0
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, chi2_survival(statistic, table.shape[1] - 1)


def likelihood_ratio(a: Floats, b: Floats) -> tuple[float, float]:
    """The G test: twice the log likelihood ratio of the same table."""
    table, expected = _table(a, b)
    if table.shape[1] < 2 or not expected.all():
        return 0.0, 1.0
    full = table > 0
    statistic = max(0.0, 2 * float((table[full] * np.log(table[full] / expected[full])).sum()))
    return statistic, chi2_survival(statistic, table.shape[1] - 1)


def _table(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    table = np.stack([a, b]).astype(np.float64)
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / max(1.0, table.sum())
    return table, expected


def psi(a: Floats, b: Floats) -> float:
    """The population stability index, each count raised by half a row."""
    p, q = (a + 0.5) / (a + 0.5).sum(), (b + 0.5) / (b + 0.5).sum()
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(a: Floats, b: Floats) -> float:
    """The Jensen-Shannon distance with the natural logarithm."""
    p, q = _shares(a, b)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        sides = [np.where(x > 0, x * np.log(x / middle), 0.0).sum() for x in (p, q)]
    return math.sqrt(max(0.0, float(sum(sides)) / 2))


def hellinger(a: Floats, b: Floats) -> float:
    """The Hellinger distance, between 0 and 1."""
    p, q = _shares(a, b)
    return math.sqrt(float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()) / 2)


def total_variation(a: Floats, b: Floats) -> float:
    """The total variation distance: the share of rows that would have to move."""
    p, q = _shares(a, b)
    return float(np.abs(p - q).sum()) / 2


def _shares(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    return a / max(1.0, a.sum()), b / max(1.0, b.sum())
