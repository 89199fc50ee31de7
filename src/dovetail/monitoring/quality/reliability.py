"""Are the probabilities right: a reliability curve, and the calibration error that sums it up."""

import math

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality.intervals import Z, share
from dovetail.wire.monitoring import Measured, Point

BINS = 10
_ABSOLUTE = math.sqrt(2 / math.pi)


def reliability(scores: Floats, labels: Floats, bins: int = BINS) -> list[Point]:
    """Shares against probabilities in bins of about equally many rows, lowest first.

    Args:
        scores: Probabilities, shape (n,).
        labels: 0 or 1, shape (n,).
        bins: How many; fewer where scores are tied.
    """
    where = _bins(scores, bins)
    points = []
    for b in np.unique(where):
        here = where == b
        came = share("share", int(labels[here].sum()), int(here.sum()))
        assert came.value is not None and came.low is not None and came.high is not None  # noqa: PT018
        points.append(
            Point(
                rows=came.rows,
                score=float(scores[here].mean()),
                share=came.value,
                low=came.low,
                high=came.high,
            )
        )
    return points


def calibration_error(scores: Floats, labels: Floats, bins: int = BINS) -> Measured:
    """The expected calibration error over bins of equally many rows.

    Sampling alone makes it positive, by up to sqrt(2/pi) sum w s (s the error of a bin's mean
    difference, w its share of rows). The interval accounts for that: its lower end takes the whole
    of it off, its upper end none. So it holds at least 95 %, mostly more ("bound").
    """
    n = len(scores)
    where = _bins(scores, bins)
    counts = np.bincount(where).astype(np.float64)
    filled = counts > 0
    difference = scores - labels
    sums = np.bincount(where, weights=difference)[filled]
    squares = np.bincount(where, weights=difference**2)[filled]
    counts = counts[filled]
    means = sums / counts
    # A bin of one outcome seems to have no error; one more row of each outcome keeps it honest.
    spread = np.sqrt((squares / counts - means**2).clip(0) * counts + 0.5) / counts
    weights = counts / n
    value = float((weights * np.abs(means)).sum())
    reach = Z * float(np.sqrt(((weights * spread) ** 2).sum()))
    chance = _ABSOLUTE * float((weights * spread).sum())
    return Measured(
        name="calibration_error",
        value=value,
        low=max(0.0, value - chance - reach),
        high=min(1.0, value + reach),
        interval="bound",
        rows=n,
    )


def _bins(scores: Floats, bins: int) -> npt.NDArray[np.int64]:
    cuts = np.unique(np.quantile(scores, np.arange(1, bins) / bins))
    return np.searchsorted(cuts, scores, side="left").astype(np.int64)
