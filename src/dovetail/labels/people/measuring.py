"""The people of a project in figures: agreement, quality, pace, and what should be looked at."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from dovetail.labels.people import records
from dovetail.labels.people.agreement import Agreement, Pair, agreement, pairs
from dovetail.labels.people.book import Read
from dovetail.labels.people.checks import Check, checks
from dovetail.labels.people.consensus import Confused, consensus
from dovetail.labels.people.estimates import Estimate
from dovetail.labels.people.given import by_task, latest
from dovetail.labels.people.golden import Gold
from dovetail.labels.people.pace import Trend, trends
from dovetail.labels.people.quality import quality
from dovetail.labels.people.room import Room

__all__ = ["AgreementPage", "Measures", "PeopleReport", "Person"]

T = TypeVar("T")
_PAIRS = 200
_KEPT = 20
_CONFUSED = 100


class AgreementPage(msgspec.Struct, frozen=True, kw_only=True):
    """How far people agree, for each control, and pair by pair."""

    controls: Sequence[Agreement]
    pairs: Mapping[str, Sequence[Pair]]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One person in figures; `estimate` is by gold or by what the others say, as `basis` says."""

    name: str
    user: int
    answers: int
    skipped_gold: int
    estimate: Estimate
    gold: Estimate
    others: Estimate
    trend: Trend | None
    checks: Sequence[Check]


class PeopleReport(msgspec.Struct, frozen=True, kw_only=True):
    """All people of a project, in the order of their names, which is no rank."""

    basis: str
    text: str
    apart: Sequence[tuple[str, str]]
    people: Sequence[Person]
    confused: Sequence[Confused]
    checks: int


class Measures:
    """Computes figures about people.

    Args:
        room: The surroundings.
        gold: What is known of gold.
    """

    def __init__(self, room: Room, gold: Gold) -> None:
        self._room, self._gold = room, gold
        self._agreed: dict[int, tuple[Any, AgreementPage]] = {}
        self._reports: dict[int, tuple[Any, PeopleReport]] = {}

    def agreement(self, project: int) -> AgreementPage:
        """Return how far people agree; computed anew only after an answer.

        Raises:
            AbsentError: there is no such project.
        """
        read = self._room.book.read(project)
        return _once(self._agreed, project, read.version, lambda: self._agreement(read))

    def people(self, project: int) -> PeopleReport:
        """Return everybody in figures; computed anew only after a change.

        Raises:
            AbsentError: there is no such project.
        """
        read = self._room.book.read(project)
        state = read.version, self._room.database.read(lambda c: _state(c, project))
        return _once(self._reports, project, state, lambda: self._report(read))

    def _agreement(self, read: Read) -> AgreementPage:
        tasks = by_task(read.answers)
        controls = read.values.controls
        return AgreementPage(
            controls=[agreement(name, tasks, read.values.similar) for name in controls],
            pairs={name: pairs(name, tasks, read.values.similar)[:_PAIRS] for name in controls},
        )

    def _report(self, read: Read) -> PeopleReport:
        project = read.project
        marked, _, expected = self._gold.marked(project)
        members = self._room.database.read(lambda c: records.members_of(c, project))
        said = latest(read.answers)
        held = consensus(read.values.single, said, expected)
        names = sorted(
            {one.person for one in said} | {row.name for row in members if row.is_active}
        )
        found = quality(said, marked, names, held)
        right: dict[int, float] = {}
        for (number, _), share in held.right.items():
            right[number] = min(share, right.get(number, 1.0))
        alike = self._room.book.alike(project, sorted({one.task for one in read.answers}))
        seen = checks(read.answers, alike=alike, similar=read.values.similar)
        trend = {one.person: one for one in trends(read.answers, right)}
        numbers = {name: number for number, name in read.users.items()}
        skipped = self._skipped(project)
        count: dict[str, int] = {}
        for one in read.answers:
            count[one.person] = count.get(one.person, 0) + 1
        estimates = [
            {one.person: one for one in ones} for ones in (found.people, found.gold, found.others)
        ]
        return PeopleReport(
            basis=found.basis,
            text=found.text,
            apart=found.pairs,
            people=[
                Person(
                    name=name,
                    user=numbers.get(name, 0),
                    answers=count.get(name, 0),
                    skipped_gold=skipped.get(numbers.get(name, 0), 0),
                    estimate=estimates[0][name],
                    gold=estimates[1][name],
                    others=estimates[2][name],
                    trend=trend.get(name),
                    checks=[one for one in seen if one.person == name],
                )
                for name in names
            ],
            confused=found.confused[:_CONFUSED],
            checks=len(seen),
        )

    def _skipped(self, project: int) -> dict[int, int]:
        rows = self._room.database.read(lambda c: records.gold_answers_of(c, project))
        found: dict[int, int] = {}
        for row in rows:
            if row.is_skip:
                found[row.person] = found.get(row.person, 0) + 1
        return found


def _once(kept: dict[int, tuple[Any, T]], project: int, state: Any, make: Callable[[], T]) -> T:
    """What was made of a state, or make it; of the projects asked for last."""
    known = kept.get(project)
    if known is not None and known[0] == state:
        return known[1]
    made = make()
    while len(kept) >= _KEPT:
        kept.pop(next(iter(kept)), None)
    kept[project] = state, made
    return made


def _state(c: sa.Connection, project: int) -> tuple[Any, ...]:
    """What else the figures stand on: gold, first answers to it, and who is a member."""
    gold = [(row.task, row.expected, row.used_for) for row in records.gold_of(c, project)]
    members = [(row.name, row.is_active) for row in records.members_of(c, project)]
    return gold, members, len(records.gold_answers_of(c, project))
