"""What labels will cost before the first one is bought: the policy, played on simulated people."""

from dataclasses import dataclass

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.routing.policy import Target, need
from dovetail.labels.votes import Codes, Floats, Votes

__all__ = ["Forecast", "forecast"]

_ITEMS = 400  # simulated; costs are scaled to all
_PEOPLE = 30
_SHARED = (0.0, 0.15, 0.3)  # share of items that mislead everybody: kind, as usual, hard


@dataclass(frozen=True)
class Forecast:
    """What to expect.

    Attributes:
        answers: Of all items, usually.
        answers_least: If errors are independent.
        answers_most: If a third of the items is hard for everybody.
        cost: Of the usual number.
        cost_least: Of the least.
        cost_most: Of the most.
        quality: Share of items that come out right, usually.
        quality_least: If a third is hard.
    """

    answers: int
    answers_least: int
    answers_most: int
    cost: float
    cost_least: float
    cost_most: float
    quality: float
    quality_least: float


def forecast(
    items: int, classes: int, target: Target, *, accuracy: float = 0.85, cost: float = 1.0
) -> Forecast:
    """Return what reaching a target on so many items is likely to take.

    Args:
        items: How many there are.
        classes: How many labels.
        target: What is wanted.
        accuracy: Of a single answer, as measured on some, or guessed.
        cost: Of one answer.

    Raises:
        InvalidInputError: nobody can be that good, or guessing would be as good.

    Example:
        >>> found = forecast(10_000, 2, Target(quality=0.9), accuracy=0.9, cost=0.05)
        >>> 20_000 <= found.answers_least <= found.answers_most <= 60_000
        True
    """
    if not 1 / classes < accuracy <= 1:
        raise InvalidInputError(
            f"an accuracy of {accuracy:g} is not above guessing among {classes} classes"
        )
    if items < 1 or classes < 2:
        raise InvalidInputError("a forecast needs an item and two classes at least")
    found = [_played(classes, target, accuracy, shared) for shared in _SHARED]
    counts = sorted(round(each * items) for each, _ in found)
    usual = round(found[1][0] * items)
    return Forecast(
        usual, counts[0], counts[-1], usual * cost, counts[0] * cost, counts[-1] * cost,
        found[1][1], min(right for _, right in found),
    )  # fmt: skip


def _played(classes: int, target: Target, accuracy: float, shared: float) -> tuple[float, float]:
    """Return answers an item, and the share of items that came out right."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, _ITEMS)
    lure = (truth + rng.integers(1, classes, _ITEMS)) % classes
    pull: Floats = np.where(rng.random(_ITEMS) < shared, 0.5, 0.0)
    own = (accuracy - shared * 0.25) / (1 - shared * 0.5)  # so that the mean is as stated
    most = min(target.most, _PEOPLE)
    people: Codes = np.stack([rng.permutation(_PEOPLE)[:most] for _ in range(_ITEMS)])
    wrong = (truth[:, None] + rng.integers(1, classes, (_ITEMS, most))) % classes
    said: Codes = np.where(rng.random((_ITEMS, most)) < min(own, 1.0), truth[:, None], wrong)
    said = np.where(rng.random((_ITEMS, most)) < pull[:, None], lure[:, None], said)
    got = np.ones(_ITEMS, np.int64)
    while True:
        item, place = np.nonzero(np.arange(most) < got[:, None])
        votes = Votes(item, people[item, place], said[item, place], _ITEMS, _PEOPLE, classes)
        state = need(votes, target)
        wanted = state.wanted & (got < most)
        if not wanted.any():
            right = state.posterior.argmax(1) == truth
            return float(got.mean()) * (1 + target.audit / max(got.mean(), 1)), float(right.mean())
        got += wanted
