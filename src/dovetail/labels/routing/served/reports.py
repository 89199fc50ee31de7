"""What is told of a project's quality and of its sources."""

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from dovetail.labels.routing.offers import PEOPLE
from dovetail.labels.routing.served.records import Policy
from dovetail.labels.routing.served.room import Asking, Room

if TYPE_CHECKING:
    from dovetail.labels.routing.promise import Estimate

__all__ = ["Report", "Share", "SourceReport", "report_of", "source_reports"]


class Share(Struct, frozen=True, kw_only=True):
    """A share of tasks that are right, with the ends of its 95 % interval and what it rests on."""

    value: float
    lower: float
    upper: float
    basis: str
    counted: int


class SourceReport(Struct, frozen=True, kw_only=True):
    """A source and how it does.

    Attributes:
        name: Of the source, or of a person.
        kind: people, function, open_inference, ml_backend, http, or person for one of the people.
        cost: Of one answer.
        seconds: Until one comes, median.
        spent: On it so far.
        answers: How many it gave.
        abstained: How often it abstained.
        accuracy: Share of its answers that is right; None where it gave none.
        lower: Lower end of a 95 % interval of that.
        upper: Its upper end.
        confusion: P(answer | truth), by truth and answer; empty where it gave no answer.
        problem: Why it does not answer; empty where it does.
        spec: Its description; None for a person.
    """

    name: str
    kind: str
    cost: float
    seconds: float
    spent: float
    answers: int
    abstained: int
    accuracy: float | None
    lower: float
    upper: float
    confusion: dict[str, dict[str, float]]
    problem: str
    spec: msgspec.Raw | None


class Report(Struct, frozen=True, kw_only=True):
    """Promised and achieved quality of a project, side by side.

    Attributes:
        project: Its id.
        control: What was asked.
        policy: What is wanted.
        promised: What the answers lead to expect.
        achieved: What was measured; None where nothing was yet.
        text: Both in a sentence.
        tasks: How many there are.
        done: How many of them need no answer.
        answers: How many there are.
        per_task: Answers of a task that has any.
        spent: What they cost.
        left: What the budget still holds; None for no limit.
        shared_error: How much errors are shared: 0 not at all, 1 entirely.
        sources: Who answers, and how well.
    """

    project: int
    control: str
    policy: Policy
    promised: Share
    achieved: Share | None
    text: str
    tasks: int
    done: int
    answers: int
    per_task: float
    spent: float
    left: float | None
    shared_error: float
    sources: list[SourceReport]


def report_of(room: Room, names: dict[int, str]) -> Report:
    """Return a project's report.

    Args:
        room: The project.
        names: Of people, by id.
    """
    told = room.router.standing()
    promised = _share(told.promised)
    achieved = _share(told.achieved) if told.achieved is not None else None
    tasks, done = room.router.counts()
    return Report(
        project=room.project,
        control=room.question.control.name,
        policy=room.policy,
        promised=promised,
        achieved=achieved,
        text=_text(promised, achieved, tasks, done),
        tasks=tasks,
        done=done,
        answers=told.answers,
        per_task=told.per_item,
        spent=room.spent,
        left=room.left(),
        shared_error=told.rho,
        sources=source_reports(room, names),
    )


def source_reports(room: Room, names: dict[int, str]) -> list[SourceReport]:
    """Return the sources of a project and the people in it, by name."""
    found = {one.source: one for one in room.router.quality()}
    made = []
    for asking in room.asked.values():
        made.append(_of(asking, found.get(asking.spec.name), room))
    for name, quality in found.items():
        if name.startswith(PEOPLE):
            number = int(name.removeprefix(PEOPLE))
            shown = names.get(number, f"user {number}")
            made.append(_of(room.people, quality, room, shown))
    return made


def _of(asking: Asking, quality: object, room: Room, name: str = "") -> SourceReport:
    from dovetail.labels.routing.offers import SourceQuality

    known = quality if isinstance(quality, SourceQuality) and quality.answers else None
    classes = room.question.classes
    confusion = {} if known is None else {
        truth: {said: float(known.confusion[i, j]) for i, said in enumerate(classes)}
        for j, truth in enumerate(classes)
    }  # fmt: skip
    answers = known.answers if known is not None and name else asking.answers
    return SourceReport(
        name=name or asking.spec.name,
        kind="person" if name else asking.offer().kind,
        cost=asking.spec.cost,
        seconds=asking.seconds,
        spent=answers * asking.spec.cost if name else asking.cost,
        answers=answers,
        abstained=0 if name else asking.abstained,
        accuracy=known.accuracy if known is not None else None,
        lower=known.lower if known is not None else 0.0,
        upper=known.upper if known is not None else 1.0,
        confusion=confusion,
        problem="" if name else asking.problem,
        spec=None if name else msgspec.Raw(msgspec.json.encode(asking.spec)),
    )


def _share(one: "Estimate") -> Share:
    return Share(
        value=one.value, lower=one.lower, upper=one.upper, basis=one.basis, counted=one.counted
    )


def _text(promised: Share, achieved: Share | None, tasks: int, done: int) -> str:
    said = (
        f"{done:,} of {tasks:,} tasks are done; promised {promised.value:.1%} right "
        f"({promised.lower:.1%} to {promised.upper:.1%})"
    )
    if achieved is None:
        return f"{said}, not measured yet: mark 20 or more tasks as ground truth, chosen at random."
    return (
        f"{said}, measured {achieved.value:.1%} ({achieved.lower:.1%} to {achieved.upper:.1%}) "
        f"by {achieved.basis}."
    )
