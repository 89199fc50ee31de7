"""One answer of a person, as everything in this room looks at it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SAME", "Given", "Similar", "by_task", "latest", "same"]

Similar = Callable[[str, Any, Any], float]
"""How alike two values of a control are, from 0 to 1."""

SAME = 0.5
"""From this similarity on two answers count as the same."""


@dataclass(frozen=True)
class Given:
    """What a person said about one task.

    Attributes:
        annotation: Its number.
        task: The task's number.
        person: Who.
        at_ms: When it was saved, milliseconds since 1970.
        seconds: Time that the person had the task before them; None where it is not known.
        values: What they said on each control.
    """

    annotation: int
    task: int
    person: str
    at_ms: int
    seconds: float | None
    values: Mapping[str, Any]


def same(_: str, first: Any, second: Any) -> float:
    """Return 1 for equal values, else 0: what single choices are compared with."""
    return float(first == second)


def latest(answers: Iterable[Given]) -> list[Given]:
    """Return each person's last answer on each task, in the order in which they were saved."""
    last: dict[tuple[int, str], Given] = {}
    for given in sorted(answers, key=lambda one: (one.at_ms, one.annotation)):
        last.pop((given.task, given.person), None)
        last[given.task, given.person] = given
    return list(last.values())


def by_task(answers: Iterable[Given]) -> dict[int, list[Given]]:
    """Return the last answers on each task."""
    found: dict[int, list[Given]] = {}
    for given in latest(answers):
        found.setdefault(given.task, []).append(given)
    return found
