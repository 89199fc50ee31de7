"""Distances between two samples of a column, for people to look at.

Figures such as PSI depend on sample size and bins, so they rank and describe; the alarms come
from `evidence.py`. The one-shot report compares two files once, where a p-value is honest.
"""

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats, chi2_survival, kolmogorov_survival

Counts = npt.NDArray[np.int64]


def kolmogorov_smirnov(reference: Floats, current: Floats) -> tuple[float, float]:
    """The two-sample Kolmogorov-Smirnov distance and its asymptotic p-value."""
    a, b = np.sort(reference), np.sort(current)
    both = np.concatenate([a, b])
    below_a = np.searchsorted(a, both, side="right") / len(a)
    below_b = np.searchsorted(b, both, side="right") / len(b)
    distance = float(np.max(np.abs(below_a - below_b)))
    return distance, kolmogorov_survival(distance, len(a) * len(b) / (len(a) + len(b)))


def wasserstein(reference: Floats, current: Floats) -> float:
    """The area between the two distribution functions, in the column's own unit."""
    a, b = np.sort(reference), np.sort(current)
    both = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(a, both[:-1], side="right") / len(a)
    below_b = np.searchsorted(b, both[:-1], side="right") / len(b)
    return float(np.sum(np.abs(below_a - below_b) * np.diff(both)))


def psi(reference: Counts, current: Counts) -> float:
    """The population stability index of two rows of bin counts, each smoothed by half a row."""
    p = (reference + 0.5) / (reference + 0.5).sum()
    q = (current + 0.5) / (current + 0.5).sum()
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """The Jensen-Shannon distance (natural logarithm) of two rows of bin counts."""
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log(p / middle), 0.0).sum()
        right = np.where(q > 0, q * np.log(q / middle), 0.0).sum()
    return float(np.sqrt(max(0.0, (left + right) / 2)))


def chi_squared(reference: Counts, current: Counts) -> tuple[float, float]:
    """The two-sample chi-squared statistic of bin counts and its p-value.

    Bins that are empty in both samples say nothing and are left out.
    """
    table = np.stack([reference, current]).astype(np.float64)
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, chi2_survival(statistic, table.shape[1] - 1)


def decile_counts(reference: Floats, current: Floats) -> tuple[Counts, Counts]:
    """Counts of both samples between the reference's deciles."""
    cuts = np.quantile(reference, np.arange(1, 10) / 10)
    return tuple(  # type: ignore[return-value]
        np.bincount(np.searchsorted(cuts, x), minlength=10).astype(np.int64)
        for x in (reference, current)
    )


def holm(p_values: Floats) -> Floats:
    """Holm's adjusted p-values: reject those below alpha, whatever the dependence."""
    count = len(p_values)
    order = np.argsort(p_values)
    scaled = np.maximum.accumulate(p_values[order] * (count - np.arange(count)))
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted
