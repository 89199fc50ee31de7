"""What is wanted of a project's labels, and which items need another answer for it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.combining import wilson
from dovetail.labels.routing.belief import Belief, Known, believe, pair_agreement
from dovetail.labels.routing.value import bar, gain
from dovetail.labels.votes import Floats, Votes

__all__ = ["Need", "Target", "enough", "floor_of", "need"]

_PAIRS = 50  # items with two answers before their agreement is enough to judge by
_AGREEMENT = 0.6  # beyond chance, lower end of its interval: two that agree then suffice
_PATIENCE = 1.6  # an answer must tell this much more than it would on an item sure enough


@dataclass(frozen=True)
class Target:
    """What the user states.

    Attributes:
        quality: Probability of being right, above 0.5 and below 1, at which an item is done.
        budget: What all answers together may cost; None for no limit.
        deadline: Unix time, seconds, by which all must be done; None for none.
        floor: Answers that every item gets until the answers are seen to agree.
        most: Answers at which an item is given up.
        audit: Share of done items that get a fresh answer, to see whether it agrees.

    Raises:
        InvalidInputError: a number is out of range.
    """

    quality: float = 0.95
    budget: float | None = None
    deadline: float | None = None
    floor: int = 3
    most: int = 20
    audit: float = 0.05

    def __post_init__(self) -> None:
        if not 0.5 < self.quality < 1:
            raise InvalidInputError(
                f"a quality of {self.quality:g} cannot be promised",
                fix="state a probability above 0.5 and below 1, 0.95 for example",
            )
        if not 1 <= self.floor <= self.most:
            raise InvalidInputError(
                f"the floor of {self.floor} answers is not between 1 and the most, {self.most}"
            )
        if not 0 <= self.audit <= 1:
            raise InvalidInputError(f"the audited share is {self.audit:g}, not between 0 and 1")
        if self.budget is not None and self.budget < 0:
            raise InvalidInputError(f"the budget is {self.budget:g}, less than nothing")


@dataclass(frozen=True)
class Need:
    """Which items need another answer.

    Attributes:
        wanted: bool[items].
        gain: float[items], nats that one would bring.
        posterior: float[items, classes].
        belief: The model of the sources behind it.
        floor: Answers that every item gets now.
    """

    wanted: np.ndarray
    gain: Floats
    posterior: Floats
    belief: Belief
    floor: int


def need(
    votes: Votes,
    target: Target,
    gold: Known | None = None,
    fresh: np.ndarray | None = None,
) -> Need:
    """Return which items need another answer, given those that are there.

    An item is done when its posterior is sure enough, or when one more answer would tell less than
    it is worth (`bar`), as where many disagree; in both cases not before the floor.

    Args:
        votes: The answers, those on one item in the order in which they came.
        target: What is wanted; budget and deadline are the caller's to keep.
        gold: Items whose label is known.
        fresh: bool[a], answers that were asked for after their item was done.

    Example:
        Three who agree suffice, two against one do not:

        >>> matrix = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 1]] * 20)
        >>> need(Votes.of_matrix(matrix, 2), Target(quality=0.9)).wanted[:4]
        array([False, False,  True, False])
    """
    belief = believe(votes, gold, fresh)
    posterior, cells = belief.posterior(votes), belief.confusion()
    answers = np.bincount(votes.item, minlength=votes.items)
    floor = floor_of(votes, target)
    nats = gain(posterior, answers, cells, belief.rho)
    least = bar(cells, target.quality, floor, belief.rho)
    done = enough(posterior.max(1), nats, answers, target, floor, least)
    return Need(~done, nats, posterior, belief, floor)


def enough(
    sure: Any, nats: Any, answers: Any, target: Target, floor: int, least: float
) -> np.ndarray:
    """Return bool[items], or one: whether no further answer is needed.

    Args:
        sure: Probability of the likeliest label.
        nats: What one more answer brings.
        answers: How many there are.
        target: What is wanted.
        floor: Answers that every item gets.
        least: What an answer brings to an item that is just sure enough (`bar`).
    """
    content = (sure >= target.quality) | (nats <= _PATIENCE * least)
    done: np.ndarray = (content & (answers >= floor)) | (answers >= target.most)
    return done


def floor_of(votes: Votes, target: Target) -> int:
    """Return how many answers every item gets: one less once first answers are seen to agree."""
    agreed, pairs = pair_agreement(votes)
    if target.floor < 3 or pairs < _PAIRS:
        return target.floor
    shares = np.bincount(votes.label, minlength=votes.classes) / len(votes.label)
    chance = float(shares @ shares)
    lower = wilson(agreed * pairs, pairs)[1]
    return target.floor - ((lower - chance) / max(1 - chance, 1e-9) > _AGREEMENT)
