"""One answerable question learned from answered rows: fit, held-out quality, calibration.

The ridge is chosen by held-out loss, the temperature makes held-out probabilities true (Guo 2017),
and what is said of quality is measured on rows that the model did not see.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.learning.linear import Link, activated, fit, losses
from dovetail.labels.learning.rows import Rows
from dovetail.labels.learning.space import Space
from dovetail.labels.votes import Codes, Floats

__all__ = ["Goal", "Held", "Learned", "folds", "held_out", "learn", "tempered"]

Goal = Literal["one", "several", "number"]
"""One class of many, any number of classes, or a number."""
LINKS: dict[Goal, Link] = {"one": "softmax", "several": "sigmoid", "number": "identity"}
_RIDGES = (0.1, 1.0, 10.0)
_FOLDS = 5
_MANY = 800  # rows beyond which the ridge stays and folds are fewer
_LOOSE = 1e-3
_TEMPERATURES = np.geomspace(0.25, 8, 61)
_FEWEST = 10  # rows that can be held out


@dataclass(frozen=True)
class Held:
    """What a model says of rows that it did not see.

    Attributes:
        scores: float[n, k], before any temperature.
        fold: int[n].
        ridge: With which it was fitted.
        loss: Mean loss.
    """

    scores: Floats
    fold: Codes
    ridge: float
    loss: float


@dataclass(frozen=True)
class Learned:
    """A fitted model.

    Attributes:
        goal: What it answers.
        weights: float[d + m + 1, k], over dense columns, `used` ones, and the constant.
        used: int[m], sparse columns.
        live: int[k], which of the classes the columns of weights stand for.
        base: float[classes], the probability of each class that is not live.
        temperature: What scores are divided by; of a number 1.
        spread: Standard deviation of held-out errors of a number, in its own unit; else 0.
        centre: Mean of the numbers, and `scale` their deviation; else 0 and 1.
        scale: See there.
        ridge: With which it was fitted.
        rows: From how many answered rows.
    """

    goal: Goal
    weights: Floats
    used: Codes
    live: Codes
    base: Floats
    temperature: float
    spread: float
    centre: float
    scale: float
    ridge: float
    rows: int

    def told(self, truth: Floats) -> Floats:
        """float[n, k]: truths as the fit takes them: of the live classes, or scaled numbers."""
        if self.goal == "number":
            scaled: Floats = (truth - self.centre) / self.scale
            return scaled
        live: Floats = truth[:, self.live]
        return live / live.sum(1, keepdims=True) if self.goal == "one" else live

    def scores(self, rows: Rows) -> Floats:
        """float[n, k]: the scores of the live classes, over the temperature."""
        found = rows.over(self.used).times(self.weights[:-1]) + self.weights[-1]
        tempered: Floats = found / self.temperature
        return tempered

    def answers(self, rows: Rows) -> Floats:
        """float[n, classes]: probabilities; of a number float[n, 1], the number."""
        told = activated(self.scores(rows), LINKS[self.goal])
        if self.goal == "number":
            return told * self.scale + self.centre
        found = np.repeat(self.base[None], len(rows), 0)
        rest = 1 - self.base.sum() if self.goal == "one" else 1.0
        # From n answers nobody can know that one in n + 2 would not be otherwise (Laplace).
        unsure = 1 / (self.rows + 2)
        even = 1 / len(self.live) if self.goal == "one" else 0.5
        found[:, self.live] = (told * (1 - unsure) + even * unsure) * rest
        return found


def folds(truth: Floats, most: int, goal: Goal) -> Codes:
    """int[n]: which rows are held out together; classes, or sizes, evenly over the folds."""
    order = np.random.default_rng(0).permutation(len(truth))
    kind = truth[:, 0] if goal == "number" else truth.argmax(1)
    order = order[np.argsort(kind[order], kind="stable")]
    found = np.empty(len(truth), np.int64)
    found[order] = np.arange(len(truth)) % most
    return found


def held_out(
    space: Space, truth: Floats, weight: Floats, goal: Goal, ridge: float, part: float = 1.0
) -> Held:
    """Predict each row by a model that did not see it.

    Args:
        space: n rows.
        truth: float[n, k].
        weight: float[n].
        goal: What is answered.
        ridge: For the fits.
        part: The share of the other rows that is learned from.
    """
    link = LINKS[goal]
    count = min(_FOLDS if len(truth) <= _MANY else 3, len(truth))
    fold = folds(truth, count, goal)
    scores, start = np.zeros_like(truth), None
    for number in range(count):
        rest = np.flatnonzero(fold != number)
        if part < 1:
            size = max(2, round(part * len(rest)))
            rest = np.sort(np.random.default_rng(number).permutation(rest)[:size])
        start = fit(space.rows.take(rest), truth[rest], weight[rest], link, ridge, start, _LOOSE)
        there = np.flatnonzero(fold == number)
        scores[there] = space.rows.take(there).times(start[:-1]) + start[-1]
    loss = float(losses(scores, truth, link) @ weight / max(weight.sum(), 1e-12))
    return Held(scores, fold, ridge, loss)


def learn(
    space: Space, truth: Floats, weight: Floats, goal: Goal, before: Learned | None = None
) -> tuple[Learned, Held | None]:
    """Fit a model to answered rows, and say what it says of rows held out.

    Args:
        space: n rows.
        truth: float[n, classes] probabilities, or float[n, 1] numbers.
        weight: float[n], what each row counts.
        goal: What is answered.
        before: The last model, whose ridge is tried first where rows are many.

    Returns:
        The model, and its held-out scores of the live classes; None where rows are too few.

    Raises:
        InvalidInputError: The answers are all alike.
    """
    live, base, told, centre, scale = _prepared(truth, weight, goal)
    held = _chosen(space, told, weight, goal, before) if len(told) >= _FEWEST else None
    ridge = held.ridge if held else 1.0
    found = fit(space.rows, told, weight, LINKS[goal], ridge)
    temperature, spread = 1.0, 0.0
    if goal == "number":
        wrong = held.scores - told if held else told
        spread = float(np.sqrt(weight @ (wrong[:, 0] ** 2) / weight.sum())) * scale
    elif held:
        temperature = _temperature(held.scores, told, weight, goal)
    learned = Learned(
        goal, space.weights(found), space.used, live, base, temperature, spread, centre, scale,
        ridge, len(told),
    )  # fmt: skip
    return learned, held


def _prepared(
    truth: Floats, weight: Floats, goal: Goal
) -> tuple[Codes, Floats, Floats, float, float]:
    """Which classes can be learned, the probability of the others, and truths for a fit."""
    rows, classes = truth.shape
    if goal == "number":
        centre = float(weight @ truth[:, 0] / weight.sum())
        scale = float(np.sqrt(weight @ (truth[:, 0] - centre) ** 2 / weight.sum()))
        if scale < 1e-9:
            raise _alike()
        return np.arange(1), np.zeros(1), (truth - centre) / scale, centre, scale
    likely = truth > 0.5 if goal == "several" else np.eye(classes, dtype=bool)[truth.argmax(1)]
    seen = likely.sum(0)
    if goal == "several":
        live = np.flatnonzero((seen > 0) & (seen < rows))
        base = (truth.sum(0) + 0.5) / (rows + 1)
    else:
        live = np.flatnonzero(seen > 0)
        base = np.full(classes, 1 / (rows + classes))
    if len(live) < (2 if goal == "one" else 1):
        raise _alike()
    base[live] = 0.0
    told = truth[:, live]
    return live, base, told / told.sum(1, keepdims=True) if goal == "one" else told, 0.0, 1.0


def _alike() -> InvalidInputError:
    return InvalidInputError(
        "there is nothing to learn yet",
        why="all answers so far are the same",
        fix="answer until two different answers are there",
    )


def _chosen(
    space: Space, truth: Floats, weight: Floats, goal: Goal, before: Learned | None
) -> Held:
    """The held-out scores of the best ridge."""
    if before is not None and (len(truth) > _MANY or len(truth) < 1.5 * before.rows):
        return held_out(space, truth, weight, goal, before.ridge)
    tried = (held_out(space, truth, weight, goal, ridge) for ridge in _RIDGES)
    if goal == "number":
        return min(tried, key=lambda one: one.loss)
    # Loss at its own best temperature: the ridge is there for the order, not for the level.
    return min(tried, key=lambda one: _tempered(one.scores, truth, weight, goal))


def _losses_at(scores: Floats, truth: Floats, weight: Floats, goal: Goal) -> Floats:
    link = LINKS[goal]
    return np.array([losses(scores / t, truth, link) @ weight for t in _TEMPERATURES])


def _temperature(scores: Floats, truth: Floats, weight: Floats, goal: Goal) -> float:
    return float(_TEMPERATURES[_losses_at(scores, truth, weight, goal).argmin()])


def tempered(learned: Learned, held: Held, truth: Floats, weight: Floats) -> Learned:
    """The same model with the temperature that fits other weights of the held-out rows.

    Args:
        learned: The model.
        held: Its held-out scores.
        truth: float[n, k], as `Learned.told` gives them.
        weight: float[n].
    """
    if learned.goal == "number":
        return learned
    return replace(learned, temperature=_temperature(held.scores, truth, weight, learned.goal))


def _tempered(scores: Floats, truth: Floats, weight: Floats, goal: Goal) -> float:
    return float(_losses_at(scores, truth, weight, goal).min())
