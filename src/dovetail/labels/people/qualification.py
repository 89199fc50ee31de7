"""Who may label real items: a set of gold items that a person has to pass first.

The verdict is looked at after every answer, so it stands on an interval that holds at all times at
once (`estimates.anytime`): who is clearly good enough passes early, who clearly is not fails early,
and who is neither is asked on. When the set is used up the plain share decides, and it is said that
the interval does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dovetail.base.errors import InvalidInputError
from dovetail.labels.people.estimates import anytime
from dovetail.labels.people.gold import Marked

__all__ = ["LEVEL", "Rule", "Tier", "Verdict", "floor_broken", "judge"]

LEVEL = 0.9
"""What the interval of a verdict holds at all times at once."""


@dataclass(frozen=True)
class Tier:
    """A degree of qualification.

    Attributes:
        name: Such as `basic` or `expert`.
        threshold: Share of right answers that it takes, above 0 and at most 1.
    """

    name: str
    threshold: float


@dataclass(frozen=True)
class Rule:
    """What a person has to pass.

    Attributes:
        tiers: By rising threshold; the first is what labelling takes.
        least: So many answers at least before a verdict.
        most: So many items at most; the whole set where it is smaller.
        days: How long it holds; 0 for ever.

    Raises:
        InvalidInputError: there is no tier, or thresholds do not rise, or counts make no sense.
    """

    tiers: tuple[Tier, ...]
    least: int = 5
    most: int = 30
    days: int = 0

    def __post_init__(self) -> None:
        if not self.tiers or len({tier.name for tier in self.tiers}) < len(self.tiers):
            raise InvalidInputError(
                "a qualification has one tier or more, each with a name of its own"
            )
        if any(not 0 < tier.threshold <= 1 or not tier.name.strip() for tier in self.tiers):
            raise InvalidInputError("a tier has a name and a threshold above 0 and at most 1")
        if any(low.threshold >= high.threshold for low, high in pairwise(self.tiers)):
            raise InvalidInputError(
                "thresholds of tiers do not rise", fix="order them from the lowest to the highest"
            )
        if not 1 <= self.least <= self.most <= 1000 or not 0 <= self.days <= 3650:
            raise InvalidInputError(
                "least, most and days of a qualification make no sense",
                fix="give 1 <= least <= most <= 1000, and days from 0 (for ever) to 3650",
            )


@dataclass(frozen=True)
class Verdict:
    """Where a person stands.

    Attributes:
        state: `passed`, `failed` or `needs more`.
        tier: The highest tier that they reach; `` unless passed.
        right: Right answers.
        answers: Answers.
        low: Lower end of an interval that holds at all times at once, with 90 %.
        high: Its upper end.
        is_sure: Whether the interval decides; else the plain share of the whole set does.
        left: Items that may still come.
    """

    state: str
    tier: str
    right: int
    answers: int
    low: float
    high: float
    is_sure: bool
    left: int

    @property
    def text(self) -> str:
        """One sentence about it."""
        seen = f"{self.right} of {self.answers} right, {self.low:.0%} to {self.high:.0%}"
        if self.state == "needs more":
            return f"Needs more: {seen}; up to {self.left} items to come."
        word = f"Passed, {self.tier}" if self.state == "passed" else "Failed"
        doubt = "" if self.is_sure else "; the interval holds the threshold, the share decides"
        return f"{word}: {seen}{doubt}."


def judge(marked: Sequence[Marked], rule: Rule, items: int) -> Verdict:
    """Return where a person stands after their answers to the set.

    Args:
        marked: Their answers, in the order in which they gave them.
        rule: What they have to pass.
        items: How many items the set has.
    """
    most = min(rule.most, items)
    right, answers = 0, 0
    for one in marked[:most]:
        right, answers = right + one.is_right, answers + 1
        verdict = _after(right, answers, rule, most)
        if verdict.state != "needs more":
            return _raised(verdict, marked[:most], rule, most)
    return _after(right, answers, rule, most)


def floor_broken(right: int, answers: int, threshold: float) -> bool:
    """Return whether hidden gold says for sure that a person fell below a threshold."""
    return anytime(right, answers, LEVEL)[1] < threshold


def _after(right: int, answers: int, rule: Rule, most: int) -> Verdict:
    low, high = anytime(right, answers, LEVEL)
    needed = rule.tiers[0].threshold
    state, is_sure = "needs more", False
    if answers and answers >= min(rule.least, most):  # a set may be empty still
        if low >= needed:
            state, is_sure = "passed", True
        elif high < needed:
            state, is_sure = "failed", True
        elif answers >= most:
            state = "passed" if right / answers >= needed else "failed"
    tier = _tier(low if is_sure else right / answers, rule) if state == "passed" else ""
    left = most - answers if state == "needs more" else 0
    return Verdict(state, tier, right, answers, low, high, is_sure, left)


def _raised(verdict: Verdict, marked: Sequence[Marked], rule: Rule, most: int) -> Verdict:
    """The same with the tier that all their answers to the set reach, which may be a higher one."""
    right, answers = sum(one.is_right for one in marked), len(marked)
    if verdict.state != "passed" or answers == verdict.answers:
        return verdict
    low, high = anytime(right, answers, LEVEL)
    reached = _tier(right / answers if answers >= most else low, rule) or verdict.tier
    needed = next(tier.threshold for tier in rule.tiers if tier.name == reached)
    is_sure = low >= needed or reached == verdict.tier
    return Verdict("passed", reached, right, answers, low, high, is_sure, 0)


def _tier(share: float, rule: Rule) -> str:
    reached = [tier.name for tier in rule.tiers if share >= tier.threshold]
    return reached[-1] if reached else ""
