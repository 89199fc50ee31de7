"""What a manager decides about a project's people: one document, checked, with sane defaults."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dovetail.base.errors import InvalidInputError
from dovetail.labels.people.payments import Rate
from dovetail.labels.people.qualification import Rule, Tier

__all__ = ["Example", "Pay", "Plan", "Qualification", "TierPlan", "read_plan"]


class TierPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A degree of qualification and the share of right answers that it takes."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    threshold: float


class Qualification(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person has to pass before they get real items."""

    tiers: tuple[TierPlan, ...] = (
        TierPlan(name="basic", threshold=0.7),
        TierPlan(name="expert", threshold=0.9),
    )
    least: int = 5
    most: int = 30
    days: int = 0

    def rule(self) -> Rule:
        """Return it as a rule.

        Raises:
            InvalidInputError: it contradicts itself.
        """
        tiers = tuple(Tier(tier.name, tier.threshold) for tier in self.tiers)
        return Rule(tiers, self.least, self.most, self.days)


class Pay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is paid; the amount is text, because money is no binary fraction."""

    amount: Annotated[str, Meta(max_length=20)] = "0"
    per: str = "answer"
    currency: Annotated[str, Meta(max_length=8)] = ""
    most_seconds: float = 600.0

    def rate(self) -> Rate:
        """Return it as a rate.

        Raises:
            InvalidInputError: it is no money.
        """
        return Rate.of(self.amount, self.per, self.currency, self.most_seconds)


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item with its right answer and why, shown beside the instructions."""

    data: dict[str, Any]
    answer: Annotated[str, Meta(max_length=2000)] = ""
    why: Annotated[str, Meta(max_length=4000)] = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is decided about the people of a project.

    Attributes:
        qualification: what has to be passed first; None lets everybody label.
        gold_share: share of items of known answer, mixed in unseen.
        review: whether answers wait for a second person.
        pay: everybody's rate.
        rates: rates of people who have one of their own, by name.
        examples: shown beside the instructions.
    """

    qualification: Qualification | None = None
    gold_share: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    review: bool = False
    pay: Pay = Pay()
    rates: dict[str, Pay] = {}
    examples: Annotated[tuple[Example, ...], Meta(max_length=50)] = ()

    def rate_of(self, name: str) -> Rate:
        """Return what a person is paid."""
        return self.rates.get(name, self.pay).rate()

    def public(self) -> dict[str, Any]:
        """Return what an annotator may see: never how much gold there is."""
        return {"examples": msgspec.to_builtins(self.examples), "review": self.review}


def read_plan(body: bytes | str | dict[str, Any]) -> Plan:
    """Read a plan and check it.

    Raises:
        InvalidInputError: a field is unknown, of the wrong type, or contradicts another.
    """
    try:
        if isinstance(body, dict):
            found = msgspec.convert(body, Plan)
        else:
            found = msgspec.json.decode(body, type=Plan)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InvalidInputError(
            "the plan for a project's people cannot be read",
            why=str(error),
            fix="fields are qualification, gold_share, review, pay, rates and examples",
        ) from None
    if found.qualification is not None:
        found.qualification.rule()
    for pay in (found.pay, *found.rates.values()):
        pay.rate()
    return found
