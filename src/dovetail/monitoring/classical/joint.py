"""Tests that look at all columns together, on a matrix of standardised rows.

All take float64 [rows, columns] of the reference and of now, standardised by the reference.
"""

import math
from dataclasses import dataclass

import numpy as np

from dovetail.monitoring.classical import ranks, tails
from dovetail.monitoring.numeric import Floats

_PAIRS = 24
_RIDGE = 1.0
_SINGLE = 1000


@dataclass(frozen=True)
class Discrepancy:
    """The maximum mean discrepancy of two samples.

    Attributes:
        unbiased: The unbiased estimate of its square; may be negative.
        biased: The biased estimate, which is never.
        width: The width of the Gaussian kernel: the median distance of two rows.
        p: Share of permutations that look at least as different; None without permutations.
    """

    unbiased: float
    biased: float
    width: float
    p: float | None


def mmd(x: Floats, y: Floats, *, permutations: int = 200, seed: int = 0) -> Discrepancy:
    """The maximum mean discrepancy with a Gaussian kernel, tested by permuting rows.

    Args:
        x: Rows of the reference. Memory grows with the square of all rows.
        y: Rows of now.
        permutations: How many; 0 for no p-value. The smallest possible p is 1 / (1 + this).
        seed: Seeds the permutations.

    Source: A. Gretton et al., A kernel two-sample test, JMLR 13 (2012).
    """
    n, m = len(x), len(y)
    rows = np.vstack([x, y])
    kernel = _squares(rows)
    above = np.concatenate([row[i + 1 :] for i, row in enumerate(kernel)])
    np.sqrt(above, out=above)
    width = float(np.median(above)) or 1.0
    np.exp(np.divide(kernel, -2 * width * width, out=kernel), out=kernel)
    here, there, across = kernel[:n, :n], kernel[n:, n:], kernel[:n, n:]
    biased = here.mean() + there.mean() - 2 * across.mean()
    unbiased = (here.sum() - n) / max(1, n * (n - 1)) + (there.sum() - m) / max(1, m * (m - 1))
    unbiased -= 2 * across.mean()
    p = _permuted(kernel, n, permutations, seed) if permutations else None
    return Discrepancy(float(unbiased), float(biased), width, p)


def _squares(rows: Floats) -> Floats:
    """Squared distances of all pairs; exact zeros on the diagonal."""
    lengths = (rows * rows).sum(axis=1)
    squares = rows @ rows.T
    squares *= -2
    squares += lengths[:, None]
    squares += lengths
    np.maximum(squares, 0, out=squares)
    np.fill_diagonal(squares, 0)
    return squares


def _permuted(kernel: Floats, n: int, permutations: int, seed: int) -> float:
    """All permutations in one product of matrices: the biased estimate is w' K w."""
    total = len(kernel)
    r = np.random.default_rng(seed)
    weights = np.full((total, permutations + 1), -1 / (total - n))
    weights[:n, 0] = 1 / n
    for i in range(1, permutations + 1):
        weights[r.permutation(total)[:n], i] = 1 / n
    kind = np.float32 if total > _SINGLE else np.float64  # half the time where it is felt
    weights = weights.astype(kind)
    found = ((kernel.astype(kind, copy=False) @ weights) * weights).sum(axis=0)
    # Equal splits must count as equal, whatever the order of summation.
    return float((found >= found[0] - 1e-12).mean())


@dataclass(frozen=True)
class Reconstruction:
    """How well the reference's main directions describe rows.

    Attributes:
        components: How many directions were kept.
        reference: Mean error on the reference.
        current: Mean error now.
        p: P-value of a two-sided Kolmogorov-Smirnov test of the rows' errors, against rows of the
            reference that had no part in the directions.
    """

    components: int
    reference: float
    current: float
    p: float


def reconstruction(x: Floats, y: Floats, *, share: float = 0.65) -> Reconstruction:
    """The error of rows projected on the reference's principal components.

    Args:
        x: Rows of the reference.
        y: Rows of now.
        share: Share of the reference's variance that the components hold.
    """
    kept, errors = _components(x, share)
    _, halved = _components(x[::2], share)
    a, b = np.sort(halved(x[1::2])), np.sort(halved(y))
    distance = ranks.kolmogorov_smirnov(a, b)
    return Reconstruction(
        components=kept,
        reference=float(errors(x).mean()),
        current=float(errors(y).mean()),
        p=tails.kolmogorov_asymptotic(distance, len(a), len(b)),
    )


class _Projector:
    def __init__(self, mean: Floats, directions: Floats) -> None:
        self._mean, self._directions = mean, directions

    def __call__(self, rows: Floats) -> Floats:
        away = rows - self._mean
        left = away - away @ self._directions @ self._directions.T
        return np.asarray(np.sqrt((left * left).sum(axis=1)))


def _components(x: Floats, share: float) -> tuple[int, _Projector]:
    mean = x.mean(axis=0)
    away = x - mean
    values, vectors = np.linalg.eigh(away.T @ away / max(1, len(x) - 1))
    held = np.cumsum(values[::-1]) / max(values.sum(), 1e-300)
    kept = min(int(np.searchsorted(held, share)) + 1, len(values))
    return kept, _Projector(mean, vectors[:, -kept:])


@dataclass(frozen=True)
class Separation:
    """How well a classifier tells the two samples apart on rows it was not fitted on.

    Attributes:
        auc: Area under the ROC curve on the held-out half; 0.5 for none.
        p: One-sided p-value of that area (Mann and Whitney's test).
    """

    auc: float
    p: float


def separation(x: Floats, y: Floats, *, seed: int = 0) -> Separation:
    """The classifier two-sample test: logistic regression, fitted on half of the rows.

    It sees the columns, their squares and, up to 24 columns, the product of each pair, so that a
    change of means, spreads or correlations is found.

    Args:
        x: Rows of the reference.
        y: Rows of now.
        seed: Seeds which half is held out.

    Source: D. Lopez-Paz and M. Oquab, Revisiting classifier two-sample tests, ICLR 2017.
    """
    r = np.random.default_rng(seed)
    rows = _widened(np.vstack([x, y]))
    side = np.r_[np.zeros(len(x)), np.ones(len(y))]
    order = r.permutation(len(rows))
    fitted, held = order[::2], order[1::2]
    weights = _logistic(rows[fitted], side[fitted])
    scores = rows[held] @ weights
    a, b = (np.sort(scores[side[held] == s]) for s in (0.0, 1.0))
    if not len(a) or not len(b):
        return Separation(0.5, 1.0)
    u, both = ranks.mann_whitney(b, a)
    auc = u / (len(a) * len(b))
    return Separation(auc, both / 2 if auc > 0.5 else 1 - both / 2)


def _widened(rows: Floats) -> Floats:
    rows = np.clip(rows, -6, 6)  # one wild value must not decide the fit
    parts = [np.ones((len(rows), 1)), rows, rows * rows]
    if rows.shape[1] <= _PAIRS:
        left, right = np.triu_indices(rows.shape[1], 1)
        parts.append(rows[:, left] * rows[:, right])
    return np.hstack(parts)


def _logistic(rows: Floats, side: Floats) -> Floats:
    """Ridge-penalised logistic regression by Newton's method."""
    weights = np.zeros(rows.shape[1])
    penalty = np.full(rows.shape[1], _RIDGE)
    penalty[0] = 1e-6
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (side - p) - penalty * weights
        curve = (rows * (p * (1 - p) + 1e-6)[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights += step
        if math.sqrt(float(step @ step)) < 1e-6:
            break
    return weights
