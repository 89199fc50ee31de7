"""Gold items: chosen, taken out of use, and how people and gold do against each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.labels.people import records
from dovetail.labels.people.book import at_ms
from dovetail.labels.people.estimates import Estimate, shrunk
from dovetail.labels.people.given import Given
from dovetail.labels.people.gold import Doubt, Marked, doubts, mark, tally
from dovetail.labels.people.room import Room
from dovetail.labels.store import tables as t

__all__ = ["AddGold", "Gold", "GoldItem", "GoldReport"]

USES = ("hidden", "qualification", "both")
_MOST = 10_000


class AddGold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Items to be made gold.

    Attributes:
        used_for: hidden, qualification or both.
        annotations: the results of these annotations are right.
        items: results that are right, by task.
        ground_truth: take all annotations of the project that are marked as ground truth.
    """

    used_for: str = "both"
    annotations: tuple[int, ...] = ()
    items: tuple[tuple[int, list[dict[str, Any]]], ...] = ()
    ground_truth: bool = False


class GoldItem(msgspec.Struct, frozen=True, kw_only=True):
    """A gold item and how people did on it."""

    task: int
    used_for: str
    expected: dict[str, str]
    added_by: str
    answers: int
    right: int
    skipped: int
    is_doubtful: bool
    instead: dict[str, str]
    doubt: str


class GoldReport(msgspec.Struct, frozen=True, kw_only=True):
    """All gold of a project; people's figures are by gold alone."""

    share: float
    items: Sequence[GoldItem]
    people: Sequence[Estimate]
    doubtful: int


class Gold:
    """The gold of projects.

    Args:
        room: The surroundings.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    def add(self, project: int, wanted: AddGold, actor: str) -> int:
        """Make items gold and return how many; what was answered on them before counts too.

        Raises:
            InvalidInputError: a use is unknown, or a result says nothing that could be met.
            AbsentError: there is no such task or annotation in the project.
        """
        if wanted.used_for not in USES:
            raise InvalidInputError(
                f"used_for={wanted.used_for[:40]!r} is unknown", fix=f"use {', '.join(USES)}"
            )
        values, now = self._room.book.values(project), self._room.now_ms()
        found = self._expected(project, wanted)
        if not found:
            raise InvalidInputError(
                "no item was named that could become gold",
                fix="give annotations, items, or ground_truth where some are marked so",
            )
        if len(found) > _MOST:
            raise InvalidInputError(f"more than {_MOST} items of gold at once")
        for task, result in found.items():
            if not values.read(result):
                raise InvalidInputError(
                    f"the right answer of task {task} says nothing",
                    why="no region names a control of the label config",
                )
        rows = [
            {
                "task": task, "project": project, "used_for": wanted.used_for, "at_ms": now,
                "expected": result, "added_by": actor, "retired_ms": None,
            }
            for task, result in found.items()
        ]  # fmt: skip
        earlier = self._earlier(project, list(found))

        def store(c: sa.Connection) -> None:
            records.add_gold(c, rows)
            records.add_gold_answers(c, earlier)

        self._room.database.write(store)
        self._overlap(project, list(found), gold=True)
        self._room.queue.forget(project)
        return len(rows)

    def retire(self, project: int, task: int) -> None:
        """Take an item out of use; it is labelled like any other from now on.

        Raises:
            NotFoundError: it is no gold.
        """
        now = self._room.now_ms()
        if not self._room.database.write(lambda c: records.retire_gold(c, project, task, now)):
            raise NotFoundError(f"task {task} is no gold of project {project}")
        self._overlap(project, [task], gold=False)
        self._room.queue.forget(project)

    def marked(self, project: int) -> tuple[list[Marked], dict[int, int], dict[int, Any]]:
        """Return first answers to gold, how often each item was skipped, and what is known."""
        values = self._room.book.values(project)
        rows = self._room.database.read(lambda c: records.gold_of(c, project))
        said = self._room.database.read(lambda c: records.gold_answers_of(c, project))
        expected = {row.task: values.read(row.expected) for row in rows}
        skipped: dict[int, int] = {}
        answers = []
        for row in said:
            if row.is_skip:
                skipped[row.task] = skipped.get(row.task, 0) + 1
                continue
            who, read = self._room.name(row.person), values.read(row.result)
            answers.append(Given(row.annotation, row.task, who, row.at_ms, row.seconds, read))
        return mark(answers, expected, values.similar), skipped, expected

    def report(self, project: int) -> GoldReport:
        """Return every gold item with how people did on it, doubtful ones first."""
        values = self._room.book.values(project)
        rows = self._room.database.read(lambda c: records.gold_of(c, project))
        marked, skipped, expected = self.marked(project)
        doubtful = {doubt.task: doubt for doubt in doubts(marked)}
        of_task: dict[int, list[Marked]] = {}
        for one in marked:
            of_task.setdefault(one.given.task, []).append(one)

        def shown(said: Mapping[str, Any]) -> dict[str, str]:
            return {control: values.shown(control, value) for control, value in said.items()}

        items = []
        for row in rows:
            ones, doubt = of_task.get(row.task, []), doubtful.get(row.task)
            items.append(
                GoldItem(
                    task=row.task,
                    used_for=row.used_for,
                    expected=shown(expected[row.task]),
                    added_by=row.added_by,
                    answers=len(ones),
                    right=sum(one.is_right for one in ones),
                    skipped=skipped.get(row.task, 0),
                    is_doubtful=doubt is not None,
                    instead=shown(doubt.instead) if doubt else {},
                    doubt=_words(doubt) if doubt else "",
                )
            )
        items.sort(key=lambda item: (not item.is_doubtful, item.task))
        people = shrunk({name: (float(r), n) for name, (r, n) in tally(marked).items()})
        share = self._room.plans.of(project).gold_share
        return GoldReport(share=share, items=items, people=people, doubtful=len(doubtful))

    def _expected(self, project: int, wanted: AddGold) -> dict[int, str]:
        """Right results as JSON, by task."""
        found: dict[int, str] = {}
        if wanted.ground_truth:
            a = t.annotations.c
            query = sa.select(a.task_id, a.result).where(
                a.project_id == project, a.ground_truth.is_(True), a.was_cancelled.is_(False)
            )
            rows = self._room.backend.database.read(lambda c: list(c.execute(query)))
            found |= {row.task_id: row.result for row in rows}
        for number in wanted.annotations:
            row = self._room.annotation(number, project)
            found[row.task_id] = row.result
        for task, result in wanted.items:
            self._room.task(task, project)
            found[task] = msgspec.json.encode(result).decode()
        return found

    def _earlier(self, project: int, tasks: Sequence[int]) -> list[dict[str, Any]]:
        """First answers that people gave to items before these were gold."""
        rows = self._room.backend.database.read(lambda c: _answers(c, tasks))
        people = self._room.database.read(lambda c: records.members_of(c, project))
        attempts = {row.person: row.requalify_ms for row in people}
        return [
            {
                "task": row.task_id, "person": row.completed_by, "project": project,
                "attempt_ms": attempts[row.completed_by], "annotation": row.id,
                "is_skip": row.was_cancelled, "at_ms": at_ms(row.created_at),
                "seconds": row.lead_time, "result": row.result,
            }
            for row in rows
            if row.completed_by in attempts
        ]  # fmt: skip

    def _overlap(self, project: int, tasks: Sequence[int], *, gold: bool) -> None:
        """Let gold items take no slot of the ordinary queue: they come by the share alone."""

        def change(c: sa.Connection) -> None:
            wanted = 0
            if not gold:
                query = sa.select(t.projects.c.maximum_annotations)
                wanted = c.execute(query.where(t.projects.c.id == project)).scalar_one()
            done = t.tasks.c.total_annotations >= wanted
            for start in range(0, len(tasks), 500):
                part = t.tasks.c.id.in_(tasks[start : start + 500])
                c.execute(sa.update(t.tasks).where(part).values(overlap=wanted, is_labeled=done))
            recount(c, project)

        from dovetail.labels.store.projects import recount

        self._room.backend.database.write(change)


def _answers(c: sa.Connection, tasks: Sequence[int]) -> list[sa.Row[Any]]:
    a = t.annotations.c
    found: list[Any] = []
    for start in range(0, len(tasks), 500):
        query = sa.select(t.annotations).where(
            a.task_id.in_(tasks[start : start + 500]),
            a.ground_truth.is_(False),
            a.completed_by.is_not(None),
        )
        found += c.execute(query.order_by(a.id)).all()
    return found


def _words(doubt: Doubt) -> str:
    return (
        f"{doubt.failed} of {doubt.answered} people fail it; by their other answers that is "
        f"chance with a probability of {doubt.p:.1g}. {doubt.instead_by} said the same instead."
    )
