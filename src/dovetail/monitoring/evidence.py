"""Sequential evidence against "nothing has changed", with an alarm budget for a whole year.

A test at 5 % every day alarms in almost every quiet year. Here the days multiply into one
e-process for each stream (a column, the scores, a pair of columns), and an alarm is raised when
that of any stream reaches 1 / (alpha times the stream's share of the budget).

Each value becomes a conformal rank (`ranks.py`), and while nothing has changed the ranks of a
stream are independent and uniform. They are bet upon (location, spread, histogram): each bet
multiplies by a likelihood ratio whose mean is 1 under uniform ranks, so what it has won is a
martingale, and so is the mixture over bets and over the 365 days on which the change may have
begun. By Ville's inequality a stream's chance to ever win 1/w is at most w. Shares sum to 1, so
the chance of any alarm in a year is at most alpha, for whatever dependence between the streams.
The winnings of all streams together are deliberately not averaged: each is a martingale only with
respect to its own past, so nothing bounds their average over time; the largest share is bounded.

What is kept of a day is a handful of sums per stream.

Sources: V. Vovk, "Testing randomness online", Statistical Science 36 (2021); J. Ville, "Etude
critique de la notion de collectif" (1939); Y. J. Choe and A. Ramdas, "Combining evidence across
filtrations" (2024); R. Krichevsky and V. Trofimov, IEEE Transactions on Information Theory 27
(1981).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats, log_gamma, log_sum_exp, normal_quantile
from dovetail.monitoring.ranks import day_ranks

Bins = npt.NDArray[np.int64]

HISTOGRAM = 8
"""Bins of the p-values for the histogram bet."""
YEAR = 365
"""Closed days that the alarm budget covers."""
BETS = ("up", "down", "wider", "narrower", "shape")
"""What is bet upon: larger or smaller values, more or less spread, any other shape."""
_TOGETHER = 200_000
_LOOKED_UP = 1 << 18
_UPWARD = np.array([0.05, 0.1, 0.2, 0.4])
_MORE = (1.1, 1.25, 1.6)
_WIDER = np.array([1.1, 1.25])
_NARROWER = np.array([0.8, 0.9])


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
        log_e: Natural logarithm of the evidence over all streams: the largest e-value once each
            is multiplied by its stream's share of the budget.
        streams: The e-value of each stream alone, shape (S,).
        since: For each stream, the index of the day on which a change most likely began.
        bets: For each stream, which of `BETS` has won most since then.
    """

    log_e: float
    streams: Floats
    since: Bins
    bets: Bins


def sum_day(streams: list[Bins | None], pools: list[Bins], seed: int) -> DaySums:
    """Turn one day's counts into sums, and add them to the pools.

    Args:
        streams: For each stream the day's rows in each bin; None where it was not seen.
        pools: For each stream the calibrating rows and those of all days before in each bin;
            changed in place.
        seed: For the order of rows and the randomisation of ties; must not depend on the values.
    """
    count = len(streams)
    sums = DaySums(np.zeros(count), np.zeros(count), np.zeros(count), np.zeros((count, HISTOGRAM)))
    random = np.random.default_rng(seed)
    seen = [(j, counts) for j, counts in enumerate(streams) if counts is not None and counts.any()]
    for some in _chunks(seen):
        numbers = [j for j, _ in some]
        u = day_ranks([counts for _, counts in some], [pools[j] for j in numbers], random)
        z = normal_quantile(u.clip(1e-12, 1 - 1e-12))
        sizes = np.array([int(counts.sum()) for _, counts in some])
        starts = np.cumsum(sizes) - sizes
        sums.rows[numbers] = sizes
        sums.total[numbers] = np.add.reduceat(z, starts)
        sums.squares[numbers] = np.add.reduceat(z * z, starts)
        cells = np.minimum((u * HISTOGRAM).astype(np.int64), HISTOGRAM - 1)
        cells += np.repeat(np.arange(len(some)) * HISTOGRAM, sizes)
        found = np.bincount(cells, minlength=len(some) * HISTOGRAM)
        sums.histogram[numbers] = found.reshape(-1, HISTOGRAM)
    return sums


def _chunks(seen: list[tuple[int, Bins]]) -> Iterator[list[tuple[int, Bins]]]:
    """Streams to rank at once: many small ones are quicker together, large ones need memory."""
    some: list[tuple[int, Bins]] = []
    rows = 0
    for j, counts in seen:
        if some and rows + counts.sum() > _TOGETHER:
            yield some
            some, rows = [], 0
        some.append((j, counts))
        rows += int(counts.sum())
    if some:
        yield some


def weigh(days: list[DaySums], weights: Floats, *, upward: bool = False) -> Evidence:
    """The evidence after a run of days.

    Args:
        days: Sums of each day since the budget began, at most `YEAR` of them count.
        weights: Each stream's share of the budget, summing to 1, shape (S,).
        upward: Bet only on values having become larger (a loss that rises).
    """
    days = days[-YEAR:]
    if not days:
        none = np.zeros(len(weights), dtype=np.int64)
        return Evidence(float(np.log(weights).max()), np.zeros(len(weights)), none, none)
    parts = _bets(days, upward)
    bets = log_sum_exp(parts, axis=0)
    waiting = math.log1p(-len(days) / YEAR) if len(days) < YEAR else -math.inf
    mixed = np.vstack([bets - math.log(YEAR), np.full(len(weights), waiting)])
    streams = log_sum_exp(mixed, axis=0)
    since = np.argmax(bets, axis=0)
    best = np.argmax(parts[:, since, np.arange(len(weights))], axis=0)
    return Evidence(float((streams + np.log(weights)).max()), streams, since, best)


def bet_on_larger(rows: Floats, total: Floats, cells: Floats) -> Floats:
    """Log winnings of bets that values became larger, from sums since each bet began.

    Args:
        rows: Values seen, shape (S,).
        total: Sum of their normal scores, shape (S,).
        cells: Counts of the p-values in eight equal bins, shape (S, 8).
    """
    return _upward(rows[None], total[None], cells[None]).ravel()


def _upward(rows: Floats, total: Floats, cells: Floats) -> Floats:
    won = np.logaddexp(_location(_UPWARD, rows, total), _tail(rows, cells)) - math.log(2)
    return np.asarray(won, dtype=np.float64)


def _since(days: list[DaySums], name: str) -> Floats:
    """Sums from each possible day of change up to now, shape (T, S[, 8])."""
    table = np.stack([getattr(day, name) for day in days])
    return np.asarray(np.cumsum(table[::-1], axis=0)[::-1], dtype=np.float64)


def _bets(days: list[DaySums], rising: bool) -> Floats:
    """Log winnings of each of `BETS`, by its share, for each day of change and stream.

    Returns:
        Shape (bets, T, S); only the first bet of `BETS` where `rising`.
    """
    rows, total = _since(days, "rows"), _since(days, "total")
    squares, cells = _since(days, "squares"), _since(days, "histogram")
    if rising:
        return _upward(rows, total, cells)[None]
    up = _location(_UPWARD, rows, total)
    down = _location(-_UPWARD, rows, total)
    wider, narrower = (_spread(g, rows, squares) for g in (_WIDER, _NARROWER))
    histogram = rows * math.log(HISTOGRAM) + math.lgamma(HISTOGRAM / 2)
    histogram += (_log_gamma_half(cells) - math.lgamma(0.5)).sum(axis=2)
    histogram -= log_gamma(rows + HISTOGRAM / 2)
    shares = np.log([0.25, 0.25, 0.125, 0.125, 0.25])
    return np.stack([up, down, wider, narrower, histogram]) + shares[:, None, None]


def _log_gamma_half(counts: Floats) -> Floats:
    """Logarithm of Gamma(count + 1/2), looked up where all counts are small: that is quicker."""
    if counts.max(initial=0) < _LOOKED_UP:
        return _table()[counts.astype(np.int64)]
    return log_gamma(counts + 0.5)


@cache
def _table() -> Floats:
    return log_gamma(np.arange(_LOOKED_UP, dtype=np.float64) + 0.5)


def _location(shifts: Floats, rows: Floats, total: Floats) -> Floats:
    shifts = shifts[:, None, None]
    won = log_sum_exp(shifts * total - rows * shifts**2 / 2, axis=0)
    return np.asarray(won - math.log(len(shifts)))


def _tail(rows: Floats, cells: Floats) -> Floats:
    """Bets that more ranks than before lie in the upper eighth, quarter or half."""
    won = []
    for top in (1, 2, 4):
        share, seen = top / HISTOGRAM, cells[:, :, -top:].sum(axis=2)
        for more in _MORE:
            rest = (1 - more * share) / (1 - share)
            won.append(seen * math.log(more) + (rows - seen) * math.log(rest))
    return np.asarray(log_sum_exp(np.stack(won), axis=0) - math.log(len(won)))


def _spread(scales: Floats, rows: Floats, squares: Floats) -> Floats:
    scales = scales[:, None, None]
    won = log_sum_exp(-rows * np.log(scales) - (scales**-2 - 1) / 2 * squares, axis=0)
    return np.asarray(won - math.log(len(scales)))
