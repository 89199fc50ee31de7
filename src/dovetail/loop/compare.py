"""Which of two models is better on the same rows, and how sure that is.

Rows of one day share weather, traffic and mood, so their losses are not independent. The interval
therefore comes from days as clusters: the cluster-robust variance of a ratio estimator (Cochran,
Sampling Techniques, section 9A) with Student's t on days - 1 degrees of freedom.
"""

import math
from statistics import NormalDist

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Comparison", "auc", "compare", "log_loss", "t_quantile"]

Floats = npt.NDArray[np.floating]
EDGE = 1e-7
NEWTON_STEPS = 60


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        rows: rows compared.
        days: days that they come from.
        champion_log_loss: mean log-loss of the champion.
        challenger_log_loss: mean log-loss of the challenger.
        champion_auc: area under the champion's ROC curve; None with a single class.
        challenger_auc: the challenger's.
        gain: log-loss that the challenger saves per row.
        low: lower end of the gain's interval; minus infinity (null in JSON) below two days.
        high: upper end of the gain's interval.
    """

    rows: int
    days: int
    champion_log_loss: float
    challenger_log_loss: float
    champion_auc: float | None
    challenger_auc: float | None
    gain: float
    low: float
    high: float


def log_loss(scores: Floats, labels: npt.NDArray[np.int8]) -> Floats:
    """Return the log-loss of each row, in nats, scores held off 0 and 1 by 1e-7."""
    clipped = np.clip(scores.astype(np.float64), EDGE, 1 - EDGE)
    losses: Floats = -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))
    return losses


def auc(scores: Floats, labels: npt.NDArray[np.int8]) -> float | None:
    """Return the area under the ROC curve by midranks; None with a single class."""
    positive = labels == 1
    n1 = int(positive.sum())
    n0 = len(labels) - n1
    if n1 == 0 or n0 == 0:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    midranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(midranks[inverse][positive].sum())
    return (rank_sum - n1 * (n1 + 1) / 2) / (n1 * n0)


def compare(
    champion: Floats,
    challenger: Floats,
    labels: npt.NDArray[np.int8],
    days: npt.NDArray[np.int64],
    confidence: float,
) -> Comparison:
    """Compare two models on the same rows.

    Args:
        champion: its scores, shape [rows].
        challenger: its scores, shape [rows].
        labels: 0 or 1, shape [rows].
        days: which day each row is of, shape [rows].
        confidence: of the two-sided interval of the gain.
    """
    losses = log_loss(champion, labels), log_loss(challenger, labels)
    gains = losses[0] - losses[1]
    _, day = np.unique(days, return_inverse=True)
    sums = np.bincount(day, weights=gains)
    sizes = np.bincount(day).astype(np.float64)
    gain = float(gains.mean()) if len(gains) else 0.0
    margin = _margin(sums.astype(np.float64), sizes, gain, confidence)
    return Comparison(
        rows=len(labels),
        days=len(sums),
        champion_log_loss=float(losses[0].mean()) if len(gains) else 0.0,
        challenger_log_loss=float(losses[1].mean()) if len(gains) else 0.0,
        champion_auc=auc(champion, labels),
        challenger_auc=auc(challenger, labels),
        gain=gain,
        low=gain - margin,
        high=gain + margin,
    )


def _margin(sums: Floats, sizes: Floats, mean: float, confidence: float) -> float:
    clusters = len(sums)
    if clusters < 2:
        return math.inf
    residuals = sums - mean * sizes
    variance = clusters / (clusters - 1) * float((residuals**2).sum()) / float(sizes.sum()) ** 2
    return t_quantile((1 + confidence) / 2, clusters - 1) * math.sqrt(variance)


def t_quantile(p: float, freedom: int) -> float:
    """Return Student's t quantile.

    Newton's method on the exact distribution function for whole degrees of freedom (Abramowitz and
    Stegun, 26.7.3 and 26.7.4), from the normal quantile stretched towards heavier tails.

    Args:
        p: probability, above 0.5 and below 1.
        freedom: degrees of freedom, from 1 up.
    """
    if freedom == 1:
        return math.tan(math.pi * (p - 0.5))
    if freedom == 2:
        return (2 * p - 1) / math.sqrt(2 * p * (1 - p))
    z = NormalDist().inv_cdf(p)
    t = z + (z**3 + z) / (4 * freedom)
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    for _ in range(NEWTON_STEPS):
        density = math.exp(scale - (freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (p - _t_probability(t, freedom)) * math.sqrt(math.pi * freedom) / density
        t += step
        if abs(step) < 1e-12 * t:
            break
    return t


def _t_probability(t: float, freedom: int) -> float:
    """Return how likely a t variable is to be at most `t`, by the finite series in the angle."""
    angle = math.atan2(t, math.sqrt(freedom))
    cosine, square = math.cos(angle), math.cos(angle) ** 2
    is_odd = freedom % 2 == 1
    term = cosine if is_odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 if is_odd else 1, freedom - 2, 2):
        term *= square * k / (k + 1)
        total += term
    within = math.sin(angle) * total
    if is_odd:
        within = 2 / math.pi * (angle + within)
    return 0.5 + within / 2
