"""Which of many columns are worth keeping, and what they are worth.

Trees are fitted to the early questions and judged on the middle ones. View by view, the one
whose columns tell most of what the trees still get wrong is taken in, while the judged rows are
told better; then columns that the trees hardly use are dropped, while they are told as well.
The last questions decide nothing: they say what the choice is worth.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from dovetail.features.suggest.compute import matrix
from dovetail.features.suggest.goals import Goal, binned, carried_over

RESAMPLES = 40
FOLDS = ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8))
"""Shares of the questions, by time: fitted up to the first, judged up to the second."""
LEAST = 0.0005
"""A view must make the measure better by so much."""
PATIENCE = 8
"""Views that may be tried in a row without the judged rows being told better."""
PER_VIEW = 4
"""Columns that come in with a view, the most telling first."""
DROPPED = 0.15
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
        kept = self._fewer(self._taken_in(columns))
        kept, gains = self._gains(kept)
        return Chosen(tuple(kept), tuple(gains), self._worth([]), self._worth(kept))

    def _taken_in(self, columns: Sequence[Column]) -> list[Column]:
        """Take views in while the judged questions are told better."""
        left, taken = list(columns), list[Column]()
        bins = {c.name: binned(c.values) for c in columns}
        answers, best = self._answers(taken)
        patience = PATIENCE
        while left and patience and monotonic() < self.until:
            residuals = [
                (rows, self.goal.residual(said, rows))
                for (_, rows), said in zip(self._folds, answers, strict=True)
            ]
            tells = {c.name: carried_over(bins[c.name], residuals) for c in left}
            views = {view for c in taken for view in c.views}
            top = max(left, key=lambda c: tells[c.name])
            mates = sorted((c for c in left if c.views == top.views), key=lambda c: -tells[c.name])
            mates = [c for c in mates[: PER_VIEW if top.views else 1] if tells[c.name] > 0]
            if not mates:
                break
            left = [c for c in left if all(c is not m for m in mates)]
            if len(views | {*top.views}) > self.most_views:
                continue
            new_answers, score = self._answers([*taken, *mates])
            self.say(f"{self.goal.measure} {score:.4f} with {', '.join(c.name for c in mates)}")
            if score < best + LEAST:
                patience -= 1
                continue
            taken, answers, best, patience = [*taken, *mates], new_answers, score, PATIENCE
        return taken

    def _fewer(self, columns: list[Column]) -> list[Column]:
        """Drop columns while the judged questions are told as well, within half the error."""
        if not columns:
            return columns
        pool, sets = list(columns), []
        while pool:
            boosters, answers = self._fitted(self._inputs(pool))
            sets.append((list(pool), answers, self._score(answers)))
            used = sum(b.feature_importance("gain")[len(self.given) :] for b in boosters)
            order = sorted(range(len(pool)), key=lambda i: -used[i])
            pool = [pool[i] for i in order][: len(pool) - max(1, int(len(pool) * DROPPED))]
        allowed = [s for s in sets if len(s[0]) <= self.most_features]
        best = max(allowed, key=lambda s: s[2])
        good = [s for s in allowed if best[2] - s[2] <= self._error(best[1], s[1]) / 2]
        return min(good, key=lambda s: len(s[0]))[0]

    def _answers(self, columns: Sequence[Column]) -> tuple[list[Any], float]:
        """Return what trees over some columns say of the judged questions, and how well."""
        answers = self._fitted(self._inputs(columns))[1]
        return answers, self._score(answers)

    def _fitted(self, inputs: Any) -> tuple[list[Any], list[Any]]:
        """Return the trees of each fold and their answers; folds are fitted side by side."""

        def fit(fold: tuple[slice, slice]) -> tuple[Any, Any]:
            booster = self.goal.fit(inputs, fold[0])
            return booster, booster.predict(inputs[fold[1]], num_threads=1)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            boosters, answers = zip(*pool.map(fit, self._folds), strict=True)
        return list(boosters), list(answers)

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

    def _error(self, one: Sequence[Any], other: Sequence[Any]) -> float:
        """Return the standard error of the difference of two models, by resampling rows."""
        import numpy as np

        draw, differences = np.random.default_rng(7), []
        for _ in range(RESAMPLES):
            change = 0.0
            for (_, rows), a, b in zip(self._folds, one, other, strict=True):
                picked = draw.integers(0, len(a), len(a))
                at = rows.start + picked
                change += self.goal.score(a[picked], at) - self.goal.score(b[picked], at)
            differences.append(change / len(self._folds))
        return float(np.std(differences))

    def _gains(self, kept: list[Column]) -> tuple[list[Column], list[float]]:
        """Return the columns by how much worse the judged rows are told when each is shuffled."""
        import numpy as np

        inputs = self._inputs(kept)
        draw, gains = np.random.default_rng(7), np.zeros(len(kept))
        boosters, _ = self._fitted(inputs)
        for booster, (_, rows) in zip(boosters, self._folds, strict=True):
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
