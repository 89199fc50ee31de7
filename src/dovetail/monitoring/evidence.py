"""Sequential evidence against "nothing has changed", with an alarm budget for a whole year.

A test at 5 % every day alarms in almost every quiet year. Here the days multiply into one
e-process for each column: whatever the looking schedule, and however the columns depend on each
other, the chance that the total ever reaches 1/alpha during a quiet year is at most alpha.

Each value becomes a conformal p-value among the reference and all days before it; the p-values
are bet upon (location, spread, histogram); bets are mixed over the days on which the change may
have begun. What is kept of a day is a handful of sums per column.

Sources: V. Vovk, "Testing randomness online", Statistical Science 36 (2021); R. Krichevsky and
V. Trofimov, IEEE Transactions on Information Theory 27 (1981).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats, log_gamma, log_sum_exp, normal_quantile

Bins = npt.NDArray[np.int64]

HISTOGRAM = 8
"""Bins of the p-values for the histogram bet."""
YEAR = 365
"""Closed days that the alarm budget covers."""
_BLOCK = 2048
_LOCATION = np.array([-0.4, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.4])
_UPWARD = _LOCATION[_LOCATION > 0]
_SPREAD = np.array([0.8, 0.9, 1.1, 1.25])


@dataclass(frozen=True)
class DaySums:
    """All that the bets need of one day, for each of S streams.

    Attributes:
        rows: Values seen, shape (S,).
        total: Sum of the normal scores, shape (S,).
        squares: Sum of their squares, shape (S,).
        histogram: Counts of the p-values in eight equal bins, shape (S, 8).
    """

    rows: Floats
    total: Floats
    squares: Floats
    histogram: Floats

    def pack(self) -> bytes:
        """The sums as little-endian float64, stream by stream."""
        columns = [self.rows[:, None], self.total[:, None], self.squares[:, None], self.histogram]
        return np.hstack(columns).astype("<f8").tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> "DaySums":
        """The inverse of `pack`."""
        table = np.frombuffer(data, dtype="<f8").reshape(-1, 3 + HISTOGRAM).astype(np.float64)
        return cls(table[:, 0], table[:, 1], table[:, 2], table[:, 3:])


@dataclass(frozen=True)
class Evidence:
    """Where the bets stand after the latest day.

    Attributes:
        log_e: Natural logarithm of the e-value over all streams.
        streams: The same for each stream alone, shape (S,).
        since: For each stream, the index of the day on which a change most likely began.
    """

    log_e: float
    streams: Floats
    since: Bins


def sum_day(streams: list[Bins | None], pools: list[Bins], seed: int) -> DaySums:
    """Turn one day's values into sums, and add the values to the pools.

    Args:
        streams: For each stream the bin of every value, in order of arrival; None where the
            stream was not seen on that day.
        pools: For each stream the counts per bin of the reference and all days before; changed
            in place.
        seed: For the randomisation of ties; must not depend on the values.
    """
    count = len(streams)
    sums = DaySums(np.zeros(count), np.zeros(count), np.zeros(count), np.zeros((count, HISTOGRAM)))
    for j, bins in enumerate(streams):
        if bins is None or len(bins) == 0:
            continue
        theta = np.random.default_rng([seed, j]).random(len(bins))
        u = conformal(bins, pools[j], theta)
        z = normal_quantile(u.clip(1e-12, 1 - 1e-12))
        sums.rows[j] = len(bins)
        sums.total[j] = z.sum()
        sums.squares[j] = (z * z).sum()
        cells = np.minimum((u * HISTOGRAM).astype(np.int64), HISTOGRAM - 1)
        sums.histogram[j] = np.bincount(cells, minlength=HISTOGRAM)
    return sums


def conformal(bins: Bins, pool: Bins, theta: Floats) -> Floats:
    """Each value's randomised rank among everything before it, uniform if nothing changed.

    Args:
        bins: The bin of every value, shape (n,).
        pool: Counts per bin before the first value; the values are added in place.
        theta: Uniform random numbers, shape (n,).
    """
    u = np.empty(len(bins))
    for start in range(0, len(bins), _BLOCK):
        block = bins[start : start + _BLOCK]
        size = len(block)
        seen = np.zeros((size + 1, len(pool)), dtype=np.int64)
        seen[np.arange(1, size + 1), block] = 1
        np.cumsum(seen, axis=0, out=seen)
        seen += pool
        row = np.arange(size)
        equal = seen[row, block]
        np.cumsum(seen[:-1], axis=1, out=seen[:-1])
        below = seen[row, block] - equal
        rest = theta[start : start + size] * (equal + 1)
        u[start : start + size] = (below + rest) / (seen[row, -1] + 1)
        pool[:] = seen[-1]
    return u


def weigh(days: list[DaySums], weights: Floats, *, upward: bool = False) -> Evidence:
    """The evidence after a run of days.

    Args:
        days: Sums of each day since the budget began, at most `YEAR` of them count.
        weights: The share of the bet on each stream, summing to 1, shape (S,).
        upward: Bet only on values having become larger (a loss that rises).
    """
    days = days[-YEAR:]
    if not days:
        quiet = np.zeros(len(weights))
        return Evidence(0.0, quiet, quiet.astype(np.int64))
    bets = _bets(days, upward)
    waiting = math.log1p(-len(days) / YEAR) if len(days) < YEAR else -math.inf
    mixed = np.vstack([bets - math.log(YEAR), np.full(len(weights), waiting)])
    streams = log_sum_exp(mixed, axis=0)
    total = float(log_sum_exp(streams + np.log(weights)))
    return Evidence(total, streams, np.argmax(bets, axis=0))


def _since(days: list[DaySums], name: str) -> Floats:
    """Sums from each possible day of change up to now, shape (T, S[, 8])."""
    table = np.stack([getattr(day, name) for day in days])
    return np.asarray(np.cumsum(table[::-1], axis=0)[::-1], dtype=np.float64)


def _bets(days: list[DaySums], upward: bool) -> Floats:
    """Log wealth of the mixed bet for each day of change and stream, shape (T, S)."""
    rows, total = _since(days, "rows"), _since(days, "total")
    squares, cells = _since(days, "squares"), _since(days, "histogram")
    shifts = (_UPWARD if upward else _LOCATION)[:, None, None]
    location = log_sum_exp(shifts * total - rows * shifts**2 / 2, axis=0) - math.log(len(shifts))
    if upward:
        return location
    scale = _SPREAD[:, None, None]
    spread = log_sum_exp(-rows * np.log(scale) - (scale**-2 - 1) / 2 * squares, axis=0)
    spread -= math.log(len(_SPREAD))
    histogram = rows * math.log(HISTOGRAM) + math.lgamma(HISTOGRAM / 2)
    histogram += (log_gamma(cells + 0.5) - math.lgamma(0.5)).sum(axis=2)
    histogram -= log_gamma(rows + HISTOGRAM / 2)
    quarter = math.log(0.25)
    parts = [location + math.log(0.5), spread + quarter, histogram + quarter]
    return log_sum_exp(np.stack(parts), axis=0)
