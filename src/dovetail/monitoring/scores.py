"""How good binary predictions were: AUC, log-loss and Brier score, each with an interval.

Ties are exact: rows with one score share the middle of their ranks, so a constant model has an
AUC of 0.5. Intervals are at 95 %.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

_Z = 1.959963984540054
_TINY = 1e-15
_SUM = 1e-3


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def mid_ranks(values: Floats) -> Floats:
    """Ranks from 1, rows with equal values sharing the middle of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    last = np.r_[first[1:], len(values)]
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((first + last + 1) / 2, last - first)
    return ranks


def auc(scores: Floats, labels: Floats) -> float | None:
    """The area under the ROC curve, or None where only one class is present."""
    positive = labels > 0.5
    up = int(positive.sum())
    down = len(labels) - up
    if up == 0 or down == 0:
        return None
    return float((mid_ranks(scores)[positive].sum() - up * (up + 1) / 2) / (up * down))


def auc_figure(scores: Floats, labels: Floats) -> Figure | None:
    """The AUC with DeLong's interval, taken on the log-odds scale so that it stays inside (0, 1).

    A perfect (or perfectly wrong) separation has no variance to estimate; its interval is the
    exact binomial one for the rarer class.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988).
    """
    positive = labels > 0.5
    up = int(positive.sum())
    down = len(labels) - up
    if up == 0 or down == 0:
        return None
    ranks = mid_ranks(scores)
    above = (ranks[positive] - mid_ranks(scores[positive])) / down
    below = 1 - (ranks[~positive] - mid_ranks(scores[~positive])) / up
    value = float(above.mean())
    reach = 0.025 ** (1 / min(up, down))
    if value >= 1:
        return Figure(1.0, reach, 1.0)
    if value <= 0:
        return Figure(0.0, 0.0, 1 - reach)
    variance = sum(float(part.var(ddof=1)) / len(part) for part in (above, below) if len(part) > 1)
    if up == 1 or down == 1:
        variance = max(variance, value * (1 - value))
    middle = math.log(value / (1 - value))
    spread = _Z * math.sqrt(variance) / (value * (1 - value))
    return Figure(value, _expit(middle - spread), _expit(middle + spread))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def log_losses(scores: Floats, labels: Floats) -> Floats:
    """The log-loss of every row; scores are kept 1e-15 away from 0 and 1."""
    p = np.clip(scores, _TINY, 1 - _TINY)
    return np.asarray(-np.log(np.where(labels > 0.5, p, 1 - p)), dtype=np.float64)


def surprises(scores: Floats, labels: Floats) -> Floats:
    """The log-loss of every row beyond what its score promises: loss minus entropy.

    Its mean is 0 for a calibrated model whatever the inputs, so it tells a model that errs from
    rows that are hard.
    """
    p = np.clip(scores, _TINY, 1 - _TINY)
    entropy = -(p * np.log(p) + (1 - p) * np.log1p(-p))
    return np.asarray(log_losses(scores, labels) - entropy, dtype=np.float64)


def readable(shares: Floats) -> npt.NDArray[np.bool_]:
    """Which rows of a table are probabilities of classes, shape (n,)."""
    with np.errstate(invalid="ignore"):
        inside = (shares >= 0).all(axis=1) & (shares <= 1 + _SUM).all(axis=1)
        return np.asarray(inside & (np.abs(shares.sum(axis=1) - 1) < _SUM))


def class_losses(shares: Floats, labels: Floats) -> Floats:
    """The log-loss of every row of a model of several classes.

    Args:
        shares: Probabilities, shape (n, K).
        labels: Positions of the classes that came true, shape (n,).
    """
    p = shares[np.arange(len(labels)), labels.astype(np.int64)]
    return np.asarray(-np.log(np.clip(p, _TINY, 1)), dtype=np.float64)


def class_surprises(shares: Floats, labels: Floats) -> Floats:
    """The log-loss of every row beyond what its probabilities promise; see `surprises`."""
    p = np.clip(shares, _TINY, 1)
    entropy = -(p * np.log(p)).sum(axis=1)
    return np.asarray(class_losses(shares, labels) - entropy, dtype=np.float64)


def brier_losses(scores: Floats, labels: Floats) -> Floats:
    """The squared error of every row's probability."""
    return np.asarray((scores - labels) ** 2, dtype=np.float64)


def mean_figure(losses: Floats) -> Figure | None:
    """The mean of a loss with its normal interval, or None without rows."""
    if len(losses) == 0:
        return None
    value = float(losses.mean())
    spread = _Z * float(losses.std(ddof=1)) / math.sqrt(len(losses)) if len(losses) > 1 else value
    return Figure(value, value - spread, value + spread)
