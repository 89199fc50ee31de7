"""What a file of alert rules would have done with the findings of the last days."""

from datetime import date
from typing import Literal

from msgspec import Struct

Outcome = Literal["told", "kept", "dropped"]


class Planned(Struct, frozen=True, kw_only=True):
    """A finding, and what becomes of it.

    Attributes:
        day: On which the evidence sufficed.
        model: The model.
        version: The version, "" where it is about none.
        kind: "drift", "performance" or "feed".
        cause: "data" or "world".
        columns: The columns that it names, strongest first.
        rule: The number of the rule that decides, from 1; None where none matches.
        outcome: "told" to receivers, "kept" as an alert that nobody is told of, or "dropped".
        severity: Of the alert.
        receivers: Who is told.
        before: The outcome by the rules in force.
        receivers_before: Who is told by the rules in force.
    """

    day: date
    model: str
    version: str
    kind: str
    cause: str
    columns: tuple[str, ...] = ()
    rule: int | None = None
    outcome: Outcome
    severity: str
    receivers: tuple[str, ...] = ()
    before: Outcome
    receivers_before: tuple[str, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Whether the rules in force would do something else."""
        return (self.outcome, self.receivers) != (self.before, self.receivers_before)


class Plan(Struct, frozen=True, kw_only=True):
    """What rules would have done.

    Attributes:
        start: The first day looked at.
        end: The last one.
        findings: In the order of their days.
        receivers: How often each receiver would have been told of a new alert.
        unused: The numbers of the rules that decided on nothing.
    """

    start: date
    end: date
    findings: list[Planned]
    receivers: dict[str, int]
    unused: list[int]
