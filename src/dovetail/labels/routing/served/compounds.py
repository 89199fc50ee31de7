"""Projects whose tasks are parts of another project's tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from dovetail.base.sql import Database, insert
from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.handlers import Handlers
from dovetail.labels.routing.compound import Answered, Part, Rule, joined, label_of, split
from dovetail.labels.routing.served import tables as t
from dovetail.labels.routing.served.room import Room
from dovetail.labels.routing.served.rooms import Rooms
from dovetail.labels.store.tables import annotations, tasks
from dovetail.wire.label_studio.answers import as_region
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["Compound", "Compounds", "Made", "Whole"]

_BATCH = 500


class Compound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tasks a project's tasks are parts of, and how.

    Attributes:
        parent: The project whose tasks are split.
        rule: How.
    """

    parent: int
    rule: Rule


class Made(Struct, frozen=True, kw_only=True):
    """What splitting or putting together came to.

    Attributes:
        parents: Tasks of the parent that were split, or put together.
        parts: Their parts.
        waiting: Tasks of the parent whose parts are not all done.
    """

    parents: int
    parts: int
    waiting: int = 0


class Whole(Struct, frozen=True, kw_only=True):
    """A task of the parent, put together.

    Attributes:
        task: Its id.
        is_done: Whether all its parts need no further answer.
        label: Its class; None as long as a part has no answer.
        confidence: The probability of that.
        parts: Its parts that have answers.
    """

    task: int
    is_done: bool
    label: str | None
    confidence: float | None
    parts: list[Answered]


@dataclass(frozen=True)
class _Kept:
    task: int
    parent: int
    index: int
    place: dict[str, Any]


class Compounds:
    """Splits tasks and puts their results together.

    Args:
        database: Where routing keeps what it keeps.
        handlers: The server's use cases.
        rooms: The projects under a policy.
    """

    def __init__(self, database: Database, handlers: Handlers, rooms: Rooms) -> None:
        self._database, self._handlers, self._rooms = database, handlers, rooms

    @property
    def _backend(self) -> Backend:
        return self._handlers.backend

    def split(self, project: int, wanted: Compound, user: int) -> Made:
        """Split the tasks of a parent that were not split yet into tasks of a project.

        Raises:
            AbsentError: one of the projects does not exist.
            FieldError: a project cannot be split into itself, or is made of another's tasks.
            InvalidInputError: a task cannot be split so; nothing is written.
        """
        self._handlers.projects.row(project)
        self._handlers.projects.row(wanted.parent)
        known = self._known(project)
        if wanted.parent == project:
            raise FieldError("a project is not made of its own tasks", "parent")
        if known is not None and known.parent != wanted.parent:
            raise FieldError(f"the project is made of tasks of project {known.parent}", "parent")
        done = {one.parent for one in self._parts(project)}
        made = [
            (number, part)
            for number, data in self._tasks(wanted.parent)
            if number not in done
            for part in split(data, wanted.rule, self._marked(number, wanted.rule))
        ]
        self._keep(project, wanted)
        for start in range(0, len(made), _BATCH):
            self._import(project, made[start : start + _BATCH], user)
        return Made(parents=len({number for number, _ in made}), parts=len(made))

    def wanted(self, project: int) -> Compound | None:
        """Whose tasks a project's tasks are parts of; None where it is on its own."""
        return self._known(project)

    def wholes(self, project: int) -> list[Whole]:
        """The tasks of the parent, put together from what is known of their parts.

        Raises:
            AbsentError: the project is not made of another's tasks, or has no policy.
        """
        wanted, room = self._needed(project)
        return self._wholes(room, wanted)

    def join(self, project: int) -> Made:
        """Write what was put together as predictions of the parent's tasks, where all is done.

        Raises:
            AbsentError: the project is not made of another's tasks, or has no policy.
        """
        wanted, room = self._needed(project)
        config = self._handlers.projects.config(wanted.parent)
        wholes = self._wholes(room, wanted)
        now, name = self._backend.now(), f"parts-{project}"
        there = {number for number, _ in self._tasks(wanted.parent)}
        rows = [
            {
                "task_id": one.task, "model_version": name, "score": one.confidence,
                "created_at": now, "updated_at": now,
                "result": msgspec.json.encode(_result(one, config)).decode(),
            }
            for one in wholes
            if one.is_done and one.task in there
        ]  # fmt: skip
        self._replace(wanted.parent, name, rows)
        parts = sum(len(one.parts) for one in wholes if one.is_done)
        return Made(parents=len(rows), parts=parts, waiting=sum(not w.is_done for w in wholes))

    def _replace(self, parent: int, name: str, rows: list[dict[str, Any]]) -> None:
        """Write predictions in place of those of an earlier time."""
        import dovetail.labels.store.predictions as prediction_rows
        from dovetail.labels.store.tables import predictions

        mine = (predictions.c.project_id == parent) & (predictions.c.model_version == name)

        def clear(c: sa.Connection) -> None:
            found = [row[0] for row in c.execute(sa.select(predictions.c.task_id).where(mine))]
            c.execute(sa.delete(predictions).where(mine))
            if found:
                prediction_rows.refresh(c, parent, found, by=-len(found))

        self._backend.database.write(clear)
        self._handlers.predictions.add(rows, parent)

    def _wholes(self, room: Room, wanted: Compound) -> list[Whole]:
        grouped: dict[int, list[_Kept]] = {}
        for part in self._parts(room.project):
            grouped.setdefault(part.parent, []).append(part)
        stands = {one.task: one for one in room.posteriors(room.router.items())}
        found = []
        for parent, kept in grouped.items():
            said = [
                Answered(
                    index=one.index,
                    label=stands[one.task].label,
                    confidence=stands[one.task].confidence,
                    place=one.place,
                )
                for one in sorted(kept, key=lambda one: one.index)
                if one.task in stands
            ]
            is_whole = len(said) == len(kept)
            told = label_of(said, wanted.rule) if is_whole else None
            found.append(
                Whole(
                    task=parent,
                    is_done=is_whole and all(stands[one.task].is_done for one in kept),
                    label=told[0] if told else None,
                    confidence=told[1] if told else None,
                    parts=said,
                )
            )
        return found

    def _needed(self, project: int) -> tuple[Compound, Room]:
        self._handlers.projects.row(project)
        wanted = self._known(project)
        if wanted is None:
            raise AbsentError("parent of project", project)
        room = self._rooms.get(project)
        if room is None:
            raise AbsentError("routing policy of project", project)
        return wanted, room

    def _known(self, project: int) -> Compound | None:
        query = sa.select(t.compounds).where(t.compounds.c.project == project)
        row = self._database.read(lambda c: c.execute(query).first())
        if row is None:
            return None
        return Compound(parent=row.parent, rule=msgspec.json.decode(row.rule, type=Rule))

    def _keep(self, project: int, wanted: Compound) -> None:
        text = msgspec.json.encode(wanted.rule).decode()
        row = {"project": project, "parent": wanted.parent, "rule": text}
        query = insert(t.compounds, self._database.dialect).values(row)
        query = query.on_conflict_do_update(index_elements=["project"], set_=row)
        self._database.write(lambda c: c.execute(query))

    def _parts(self, project: int) -> list[_Kept]:
        query = sa.select(t.parts).where(t.parts.c.project == project).order_by(t.parts.c.task)
        rows = self._database.read(lambda c: c.execute(query).all())
        return [
            _Kept(r.task, r.parent_task, r.place_index, msgspec.json.decode(r.place)) for r in rows
        ]

    def _tasks(self, project: int) -> list[tuple[int, dict[str, Any]]]:
        query = sa.select(tasks.c.id, tasks.c.data).where(tasks.c.project_id == project)
        rows = self._backend.database.read(lambda c: c.execute(query.order_by(tasks.c.id)).all())
        return [(row.id, msgspec.json.decode(row.data)) for row in rows]

    def _marked(self, task: int, rule: Rule) -> Sequence[dict[str, Any]]:
        """The regions of a task's first answer that has some."""
        if rule.by != "regions":
            return []
        query = sa.select(annotations.c.result).where(
            annotations.c.task_id == task, annotations.c.was_cancelled.is_(False)
        )
        query = query.order_by(annotations.c.id)
        found = self._backend.database.read(lambda c: [row[0] for row in c.execute(query)])
        results = (msgspec.json.decode(one) for one in found)
        return next((one for one in results if isinstance(one, list) and one), [])

    def _import(self, project: int, made: Sequence[tuple[int, Part]], user: int) -> None:
        body = msgspec.json.encode(
            [
                {"data": part.data, "meta": {"parent_task": number, "part": part.index}}
                for number, part in made
            ]
        )
        report = self._handlers.importing.run(project, body, user, wants_ids=True)
        numbers = report.task_ids if isinstance(report.task_ids, list) else []
        rows = [
            {
                "project": project, "task": number, "parent_task": parent,
                "place_index": part.index, "place": msgspec.json.encode(part.place).decode(),
            }
            for number, (parent, part) in zip(numbers, made, strict=True)
        ]  # fmt: skip
        self._database.write(lambda c: c.execute(sa.insert(t.parts), rows))


def _result(whole: Whole, config: LabelConfig) -> list[dict[str, Any]]:
    """A parent's result: its class, and a region for each part that has a place in it."""
    result: list[dict[str, Any]] = []
    for control in config.controls.values():
        if whole.label in control.options:
            assert whole.label is not None
            result.append(as_region(control, whole.label, whole.confidence))
        elif control.kind == "spans" and control.to_names:
            some = [part for part in whole.parts if part.label in control.classes]
            result += joined(some, control.name, control.to_names[0], control.type)
    return result
