"""A classifier that learns from past days and bets on the next: changes that no pair shows.

Each day a score is learnt that tells the rows of the days before from the reference, and from the
next day on it is a stream like any other: its values are ranked among those of reference rows that
were held out and of the rows since it was made, and larger ones are bet upon. Had nothing changed,
the score would be one of chance, and its ranks uniform.

Why it is exact: given the rows that a score was learnt from, it is a fixed function, and the rows
held out and those of later days are exchangeable with each other; so its ranks are independent and
uniform (`ranks.py`) and what it wins is a martingale of its own. All scores share the rows held
out, so winnings of several are neither multiplied nor averaged: each has its own share of the alarm
budget, and shares add up to 1 whatever the dependence. A score begins on a day of its own, so there
is no change to wait for, and nothing to pay for not knowing when.

Scores are learnt from the last day alone, from about four days and from about sixteen: what is
small takes more days to learn than what is large.

Sources: A. Podkopaev and A. Ramdas, "Sequential predictive two-sample and independence testing"
(2023) and T. Pandeva et al., "E-valuating classifier two-sample tests" (2022), for betting on what
was learnt before; there each bet spends fresh rows of the reference, here ranks make them last.
"""

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from dovetail.monitoring.columns import Bins
from dovetail.monitoring.evidence import HISTOGRAM, YEAR, bet_on_larger, sum_day
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.products import Means, Products, Score
from dovetail.monitoring.sketch import Codes, Learnt, Matrix, some

_BINS = 64
_LEAST = 30
_NAMED = 4
_ALIVE = 3.0
_MOST = 64
_KINDS = 2


class Window(msgspec.Struct, frozen=True):
    """What scores are learnt from, and how often.

    Attributes:
        decay: How much the days before count, each day less by this.
        every: Days from one score to the next.
        life: Days that a score bets; one that wins goes on.
    """

    decay: float
    every: int
    life: int

    @property
    def starts(self) -> int:
        """How many scores of a kind begin in a year."""
        return -(-YEAR // self.every)

    @property
    def span(self) -> int:
        """About how many days are learnt from."""
        return round(1 / (1 - self.decay))


WINDOWS = (Window(0.0, 1, 5), Window(0.75, 3, 12), Window(0.9375, 8, 40))


class Bet(msgspec.Struct, kw_only=True):
    """A score that is bet on.

    Attributes:
        window: Which of `WINDOWS` it was learnt from.
        begun: The number of the day of the budget after which it began.
        since: The first day that it learnt from, about.
        risen: The day since which it has been winning; "" where it is not.
        score: What it is.
        cuts: Upper edges of its bins, float32.
        pool: Rows before in each bin by season, int32.
        rows: Rows ranked since it began.
        total: Sum of their normal scores.
        cells: Counts of their ranks in eight equal bins.
    """

    window: int
    begun: int
    since: str
    risen: str = ""
    score: Score
    cuts: bytes
    pool: bytes
    rows: float = 0.0
    total: float = 0.0
    cells: list[float] = msgspec.field(default_factory=lambda: [0.0] * HISTOGRAM)

    def bins(self, x: Matrix) -> Bins:
        """The bin of each row."""
        return np.searchsorted(np.frombuffer(self.cuts, "<f4"), self.score(x)).astype(np.int64)


class _State(msgspec.Struct):
    """A learner at rest: what windows remember, and the bets under way."""

    sums: list[bytes]
    weights: list[tuple[float, float]]
    bets: list[Bet]
    days: list[str]


@dataclass(frozen=True)
class Told:
    """How sure the learner is.

    Attributes:
        log_e: Natural logarithm of its evidence.
        since: The day on which the change most likely began.
        columns: The columns that the strongest score looks at most.
    """

    log_e: float
    since: str
    columns: tuple[str, ...]


class Learner:
    """Learns to tell days from the reference, and bets on the next.

    Args:
        learnt: Rows of the reference.
        seasons: How many seasons there are.
    """

    def __init__(self, learnt: Learnt, seasons: int = 1) -> None:
        self.learnt, self._seasons = learnt, seasons
        self._made: Products | None = None
        self._state = _State([], [], [], [])

    def restart(self) -> None:
        """Begin a new alarm budget; what was learnt stays."""
        self._state.bets = []

    def step(self, day: str, codes: Codes | None, season: int, number: int, seed: int) -> Told:
        """Bet on a day, then learn from it.

        Args:
            day: Its date.
            codes: Its rows, shape (rows, columns); None where they are not known.
            season: Of the day.
            number: Of the day in this alarm budget, from 0.
            seed: For the order of rows and ties; must not depend on the values.
        """
        if codes is not None and len(codes):
            x = self.learnt.encoding.encode(_ordered(codes))
            if x.shape[1]:
                self._bet(x, day, season, seed)
                self._learn(x, season)
                self._state.days = [*self._state.days, day][-WINDOWS[-1].span :]
        told = self._told()
        if self._state.sums:
            self._retire(number)
            self._begin(number)
        return told

    def pack(self) -> bytes:
        """What was learnt, and the bets under way."""
        return msgspec.msgpack.encode(self._state)

    def unpack(self, data: bytes) -> None:
        """The inverse of `pack`."""
        self._state = msgspec.msgpack.decode(data, type=_State)

    @property
    def _products(self) -> Products:
        if self._made is None:
            self._made = Products(self.learnt.rows)
        return self._made

    def _bet(self, x: Matrix, day: str, season: int, seed: int) -> None:
        bets = self._state.bets
        if not bets:
            return
        counts: list[Bins | None] = [np.bincount(b.bins(x), minlength=_BINS) for b in bets]
        tables = [np.frombuffer(b.pool, "<i4").reshape(-1, _BINS).astype(np.int64) for b in bets]
        at = season if self._seasons > 1 else 0
        firsts = [not bet.rows for bet in bets]
        sums = sum_day(counts, [table[at] for table in tables], seed)
        for j, (bet, table) in enumerate(zip(bets, tables, strict=True)):
            bet.pool = table.astype("<i4").tobytes()
            bet.rows += float(sums.rows[j])
            bet.total += float(sums.total[j])
            bet.cells = [a + b for a, b in zip(bet.cells, sums.histogram[j].tolist(), strict=True)]
        for bet, first, won in zip(bets, firsts, _winnings(bets).tolist(), strict=True):
            # One that wins from its first day on learnt of the change itself.
            bet.risen = "" if won <= 0 else bet.risen or (bet.since if first else day)

    def _learn(self, x: Matrix, season: int) -> None:
        state, moved = self._state, self._products.measure(x)
        # What a season's days are like is taken off at once: windows span several seasons.
        moved = moved - self._base(season)
        if not state.sums:
            zero = np.zeros(len(moved), "<f4").tobytes()
            state.sums = [zero for _ in WINDOWS]
            state.weights = [(0.0, 0.0) for _ in WINDOWS]
        for i, window in enumerate(WINDOWS):
            before = np.frombuffer(state.sums[i], "<f4")
            weight, square = state.weights[i]
            total = before * np.float32(window.decay) + moved * np.float32(len(x))
            state.sums[i] = total.astype("<f4").tobytes()
            state.weights[i] = (
                weight * window.decay + len(x),
                square * window.decay**2 + len(x),
            )

    def _base(self, season: int) -> Matrix:
        products = self._products
        here = self.learnt.seasons == season
        if self._seasons == 1 or here.sum() < _LEAST:
            return products.means
        return products.measure(self.learnt.rows[here])

    def _told(self) -> Told:
        bets = self._state.bets
        if not bets:
            return Told(-math.inf, "", ())
        log_e = _winnings(bets) - np.array([_price(b.window) for b in bets])
        best = bets[int(log_e.argmax())]
        return Told(float(log_e.max()), best.risen or best.since, self._names(best.score))

    def _names(self, score: Score) -> tuple[str, ...]:
        tables = self.learnt.encoding.tables
        columns = [column for column, _ in tables]
        found = score.loads(len(tables))
        loads = np.bincount(columns, weights=found, minlength=len(self.learnt.columns))
        order = np.argsort(-loads, kind="stable")[:_NAMED]
        kept = [j for j in order.tolist() if loads[j] > loads[order[0]] / 2]
        return tuple(self.learnt.columns[j] for j in kept)

    def _retire(self, number: int) -> None:
        bets = self._state.bets
        if not bets:
            return
        won = _winnings(bets)
        kept = [
            (float(w), b)
            for w, b in zip(won, bets, strict=True)
            if w > _ALIVE or number - b.begun < WINDOWS[b.window].life
        ]
        if len(kept) > _MOST:
            kept = sorted(kept, key=lambda pair: (-pair[0], -pair[1].begun))[:_MOST]
        self._state.bets = [b for _, b in kept]

    def _begin(self, number: int) -> None:
        """New scores, of what was seen up to this day."""
        for i, window in enumerate(WINDOWS):
            weight, square = self._state.weights[i]
            if number % window.every or weight <= 0:
                continue
            values = np.frombuffer(self._state.sums[i], "<f4") / np.float32(weight)
            now = Means(values.astype(np.float32), weight * weight / square)
            since = self._state.days[-window.span :][0]
            for score in (self._products.sparse(now), self._products.dense(now)):
                self._state.bets.append(self._open(score, i, number, since))

    def _open(self, score: Score, window: int, number: int, since: str) -> Bet:
        inner = np.arange(1, _BINS) / _BINS
        cuts = np.quantile(score(self.learnt.rows), inner).astype("<f4")
        bins = np.searchsorted(cuts, score(self.learnt.held))
        if self._seasons > 1:
            bins = bins + _BINS * self.learnt.held_seasons
        pool = np.bincount(bins, minlength=_BINS * self._seasons).astype("<i4")
        return Bet(
            window=window,
            begun=number,
            since=since,
            score=score,
            cuts=cuts.tobytes(),
            pool=pool.tobytes(),
        )


def _winnings(bets: list[Bet]) -> Floats:
    rows, total = (np.array([getattr(b, name) for b in bets]) for name in ("rows", "total"))
    return bet_on_larger(rows, total, np.array([b.cells for b in bets]))


def _price(window: int) -> float:
    """The logarithm of how many scores share the budget: as many for each kind and window."""
    return math.log(_KINDS * len(WINDOWS) * WINDOWS[window].starts)


def _ordered(codes: Codes) -> Codes:
    """At most so many rows, in an order that does not depend on how they arrived."""
    chosen = some(len(codes))
    codes = codes if chosen is None else codes[chosen]
    lines = np.ascontiguousarray(codes).view(f"S{codes.shape[1]}").ravel()
    return np.sort(lines).view(np.uint8).reshape(codes.shape)
