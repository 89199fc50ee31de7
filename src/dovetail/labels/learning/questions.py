"""The questions of a label config that can be learned, and answers to them as numbers.

Learned are Choices of one or of several labels, Pairwise, Rating and Number. What marks places in
an item (spans, boxes) is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dovetail.labels.combining import combine
from dovetail.labels.learning.learner import Goal
from dovetail.labels.votes import Floats
from dovetail.wire.label_studio.answers import Answer, as_region
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.tags import Control

__all__ = ["Question", "Vote", "questions", "region", "truths"]

_SURE = 0.5


@dataclass(frozen=True)
class Question:
    """A control that can be learned.

    Attributes:
        control: Its name.
        goal: What is answered.
        classes: The labels on offer, as results store them; of a number none.
        low: Smallest number that it takes; None where there is no bound.
        high: Largest one, likewise.
        step: Numbers are multiples of it; None for any.
    """

    control: str
    goal: Goal
    classes: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None


@dataclass(frozen=True)
class Vote:
    """What somebody said on one question about one task.

    Attributes:
        row: The task, by its place.
        source: Who.
        answer: What.
        is_gold: Whether it is held to be true.
    """

    row: int
    source: str
    answer: Answer
    is_gold: bool = False


def questions(config: LabelConfig) -> list[Question]:
    """The controls of a config that can be learned, in the order they are written."""
    found = (_question(control) for control in config.controls.values())
    return [one for one in found if one is not None]


def _question(control: Control) -> Question | None:
    if control.per_region or control.dynamic or "{{" in control.name:
        return None
    if control.kind == "rating":
        return Question(control.name, "number", (), 1.0, control.maximum or 5.0, 1.0)
    if len(control.options) > 1:
        return Question(control.name, "one", control.options)
    if control.kind == "classes" and control.multiple and control.classes:
        return Question(control.name, "several", control.classes)
    if control.kind == "number":
        bounds = control.minimum, control.maximum, control.step
        return Question(control.name, "number", (), *bounds)
    return None


def truths(question: Question, votes: Sequence[Vote], rows: int) -> tuple[Floats, Floats]:
    """Combine what was said: float[rows, classes] probabilities, or numbers, and float[rows].

    A task counts as much as its answer is sure; one without an answer counts nothing. One label of
    many is combined as `dovetail.labels.combine` does; of several, each label has its share of the
    votes; numbers have their mean.

    Args:
        question: What was asked.
        votes: Who said what.
        rows: How many tasks there are.
    """
    gold = {vote.row for vote in votes if vote.is_gold}
    told = [vote for vote in votes if vote.is_gold or vote.row not in gold]
    if question.goal == "number":
        return _numbers(told, rows)
    place = {label: i for i, label in enumerate(question.classes)}
    if question.goal == "several":
        return _several(told, rows, place)
    votes_of = [
        (vote.row, vote.source, vote.answer.label)
        for vote in told
        if isinstance(vote.answer.value, str) and vote.answer.label in place
    ]
    found, weight = np.zeros((rows, len(place))), np.zeros(rows)
    if not votes_of:
        return found, weight
    seen, sources, labels = (list(part) for part in zip(*votes_of, strict=True))
    if len(set(seen)) == len(seen) or len(set(labels)) < 2:  # nobody has anybody to agree with
        for row, label in zip(seen, labels, strict=True):
            found[row, place[str(label)]] += 1
        found /= np.maximum(found.sum(1, keepdims=True), 1)
    else:
        combined = combine(seen, sources, labels)
        columns = [place[str(label)] for label in combined.classes]
        found[np.ix_(combined.items, columns)] = combined.posterior
    weight[list(set(seen))] = 1.0
    for vote in told:
        if vote.is_gold and vote.answer.label in place:
            found[vote.row] = np.eye(len(place))[place[vote.answer.label]]
    return found, weight


def _several(votes: Sequence[Vote], rows: int, place: Mapping[str, int]) -> tuple[Floats, Floats]:
    found, count = np.zeros((rows, len(place))), np.zeros(rows)
    for vote in votes:
        count[vote.row] += 1
        for label in vote.answer.labels:
            if label in place:
                found[vote.row, place[label]] += 1
    return found / np.maximum(count, 1)[:, None], (count > 0).astype(float)


def _numbers(votes: Sequence[Vote], rows: int) -> tuple[Floats, Floats]:
    found, count = np.zeros((rows, 1)), np.zeros(rows)
    for vote in votes:
        if isinstance(vote.answer.value, int | float) and np.isfinite(vote.answer.value):
            found[vote.row, 0] += vote.answer.value
            count[vote.row] += 1
    return found / np.maximum(count, 1)[:, None], (count > 0).astype(float)


def region(
    question: Question, control: Control, told: Floats, spread: float
) -> tuple[dict[str, Any], float]:
    """Write a model's answer as a region, and say how sure it is.

    Args:
        question: What was asked.
        control: Its control.
        told: float[classes] probabilities, or float[1], a number.
        spread: Deviation of a number's held-out errors.
    """
    if question.goal == "one":
        best = int(told.argmax())
        return _made(control, question.classes[best], float(told[best]))
    if question.goal == "several":
        chosen = [c for c, p in zip(question.classes, told, strict=True) if p > _SURE]
        # How sure the set as a whole is: each label on its own side.
        score = float(np.maximum(told, 1 - told).prod() ** (1 / len(told)))
        return _made(control, chosen, score)
    number = float(told[0])
    if question.step:
        base = question.low or 0.0
        number = base + round((number - base) / question.step) * question.step
    if question.low is not None:
        number = max(number, question.low)
    if question.high is not None:
        number = min(number, question.high)
    reach = question.step / 2 if question.step else 0.1 * max(abs(number), 1e-9)
    return _made(control, round(number, 6), _within(float(told[0]), number, reach, spread))


def _within(mean: float, number: float, reach: float, spread: float) -> float:
    """The probability that the truth is no farther from a number than that."""
    from statistics import NormalDist

    if spread <= 0:
        return 1.0
    law = NormalDist(mean, spread)
    return law.cdf(number + reach) - law.cdf(number - reach)


def _made(
    control: Control, said: str | float | list[str], score: float
) -> tuple[dict[str, Any], float]:
    rounded = round(score, 4)
    return as_region(control, said, rounded), rounded
