"""Which of many columns are worth keeping, and what they are worth.

Trees are fitted to the early questions and judged on the middle ones. First trees are given all
columns, and half of the columns, those that they use least, are left out again and again: what
tells something only beside another column is used by trees, while a look at each column by itself
would miss it. Of the short list that is left, columns that the trees hardly use are dropped while
the judged rows are told as well. The last questions decide nothing: they say what the choice is
worth.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from time import monotonic
from typing import Any

from dovetail.features.suggest.compute import matrix
from dovetail.features.suggest.goals import SHARE, Goal

FOLDS = ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8))
"""Shares of the questions, by time: fitted up to the first, judged up to the second."""
LEAST = 0.0003
"""Fewer columns are preferred if they tell the judged rows worse by no more than this."""
LOST = 0.003
"""Once the judged rows are told worse by this, dropping more columns is not tried."""
SEEDS = (7, 11)
"""Trees are fitted once for each, so that less of the choice is luck."""
SHORT = 64
"""Columns on the short list."""
HALVED = 0.5
"""Share of the columns, and of the views, that stays on the way to it."""
WIDE = 0.2
"""Share of the columns that a tree may use where there are many."""
DROPPED = 0.2
"""Share of the columns that goes in one step."""


@dataclass(frozen=True)
class Column:
    """One column of numbers that a model could take.

    Attributes:
        name: Its name.
        views: The views that it comes from; none for what is given with the question.
        values: One value a question, NaN for null.
    """

    name: str
    views: tuple[str, ...]
    values: Any


@dataclass(frozen=True)
class Chosen:
    """The columns that stand, and what they are worth.

    Attributes:
        columns: The columns, the most useful first.
        gains: How much worse the judged questions are told when each is shuffled.
        before: The measure on the last questions from what is given alone.
        after: The measure on the last questions with the columns.
    """

    columns: tuple[Column, ...]
    gains: tuple[float, ...]
    before: float
    after: float


@dataclass
class Chooser:
    """Chooses among columns.

    Args:
        goal: What is predicted.
        given: Columns that come with the question; always kept, never counted.
        most_features: How many columns to keep at most.
        most_views: How many views they may come from at most.
        until: When to stop taking views in, on the monotonic clock, in seconds.
        say: Told how far it is.
    """

    goal: Goal
    given: Sequence[Column]
    most_features: int
    most_views: int
    until: float
    say: Callable[[str], None]
    _folds: list[tuple[slice, slice]] = field(init=False)
    _late: slice = field(init=False)

    def __post_init__(self) -> None:
        rows = len(self.goal.values)
        self._folds = [
            (slice(0, int(rows * until)), slice(int(rows * until), int(rows * end)))
            for until, end in FOLDS
        ]
        self._late = slice(int(rows * FOLDS[-1][1]), rows)

    def choose(self, columns: Sequence[Column]) -> Chosen:
        """Return the columns that stand."""
        kept = self._fewer(self._shortlist(columns))
        kept, gains = self._gains(kept)
        return Chosen(tuple(kept), tuple(gains), self._worth([]), self._worth(kept))

    def _shortlist(self, columns: Sequence[Column]) -> list[Column]:
        """Leave out what trees over everything use least, until few columns and views are left."""
        pool = list(columns)
        while pool:
            used = self._used(pool)
            pool = sorted((c for c in pool if used[c.name] > 0), key=lambda c: -used[c.name])
            views = len({view for c in pool for view in c.views})
            if len(pool) <= SHORT and views <= self.most_views:
                break
            late = monotonic() > self.until
            columns_left = SHORT if late else max(SHORT, int(len(pool) * HALVED))
            views_left = self.most_views if late else max(self.most_views, int(views * HALVED))
            pool = _of_the_best_views(pool, used, views_left)[:columns_left]
            self.say(f"{len(pool)} columns of at most {views_left} views are left")
            if late:
                break
        return pool

    def _used(self, columns: Sequence[Column]) -> dict[str, float]:
        """Return how much trees over all these columns, fitted to the early questions, use each."""
        rows = self._folds[-1][0]
        inputs = matrix([c.values[rows] for c in (*self.given, *columns)])
        share = SHARE if len(columns) <= 2 * SHORT else WIDE
        booster = self.goal.fit(inputs, rows, share=share)
        gains = booster.feature_importance("gain")[len(self.given) :]
        return {c.name: float(gain) for c, gain in zip(columns, gains, strict=True)}

    def _fewer(self, columns: list[Column]) -> list[Column]:
        """Drop columns while the judged questions are told as well."""
        if not columns:
            return columns
        nothing = self._score(self._fitted(self._inputs([]))[1])
        pool, allowed = list(columns), [(list[Column](), nothing)]
        while pool:
            boosters, answers = self._fitted(self._inputs(pool))
            score = self._score(answers)
            self.say(f"{self.goal.measure} {score:.4f} with {len(pool)} columns")
            if len(pool) <= self.most_features:
                allowed.append((list(pool), score))
                if score < max(told for _, told in allowed) - LOST or monotonic() > self.until:
                    break
            used = sum(b.feature_importance("gain")[len(self.given) :] for b in boosters)
            order = sorted(range(len(pool)), key=lambda i: -used[i])
            fewer = len(pool) - max(1, int(len(pool) * DROPPED))
            if fewer < self.most_features < len(pool):
                fewer = self.most_features
            pool = [pool[i] for i in order][:fewer]
        best = max(score for _, score in allowed)
        good = [columns for columns, score in allowed if best - score <= LEAST]
        return min(good, key=len)

    def _fitted(self, inputs: Any) -> tuple[list[Any], list[Any]]:
        """Return the trees of each seed and fold, and what they answer a fold, on average.

        They are fitted side by side.
        """

        def fit(one: tuple[int, tuple[slice, slice]]) -> tuple[Any, Any]:
            seed, fold = one
            booster = self.goal.fit(inputs, fold[0], seed=seed)
            return booster, booster.predict(inputs[fold[1]], num_threads=1)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = pool.map(fit, product(SEEDS, self._folds))
            boosters, answers = zip(*made, strict=True)
        folds = len(self._folds)
        means = [sum(answers[k::folds]) / len(SEEDS) for k in range(folds)]
        return list(boosters), means

    def _score(self, answers: Sequence[Any]) -> float:
        """Return the mean measure over the folds."""
        scores = [
            self.goal.score(said, rows)
            for (_, rows), said in zip(self._folds, answers, strict=True)
        ]
        return sum(scores) / len(scores)

    def _inputs(self, columns: Sequence[Column]) -> Any:
        import numpy as np

        values = [c.values for c in (*self.given, *columns)]
        return matrix(values or [np.zeros(len(self.goal.values))])

    def _gains(self, kept: list[Column]) -> tuple[list[Column], list[float]]:
        """Return the columns by how much worse the judged rows are told when each is shuffled."""
        import numpy as np

        inputs = self._inputs(kept)
        draw, gains = np.random.default_rng(7), np.zeros(len(kept))
        boosters, _ = self._fitted(inputs)
        for booster, (_, rows) in zip(boosters[: len(self._folds)], self._folds, strict=True):
            judged = inputs[rows]
            whole = self.goal.score(booster.predict(judged), rows)
            for i in range(len(kept)):
                shuffled = judged.copy()
                at = len(self.given) + i
                shuffled[:, at] = draw.permutation(shuffled[:, at])
                gains[i] += whole - self.goal.score(booster.predict(shuffled), rows)
        gains /= len(self._folds)
        order = sorted(range(len(kept)), key=lambda i: -gains[i])
        return [kept[i] for i in order], [float(gains[i]) for i in order]

    def _worth(self, kept: Sequence[Column]) -> float:
        """Return the measure on the last rows of trees fitted to all rows before them."""
        inputs = self._inputs(kept)
        booster = self.goal.fit(inputs, slice(0, self._late.start))
        return self.goal.score(booster.predict(inputs[self._late]), self._late)


def _of_the_best_views(
    columns: Sequence[Column], used: Mapping[str, float], most: int
) -> list[Column]:
    """Return the columns of so many views, those whose columns are used most together."""
    together: dict[tuple[str, ...], float] = {}
    for column in columns:
        together[column.views] = together.get(column.views, 0.0) + used[column.name]
    kept: set[str] = set()
    for views in sorted(together, key=lambda v: -together[v]):
        if len(kept | {*views}) <= most:
            kept |= {*views}
    return [column for column in columns if kept.issuperset(column.views)]
