"""All answers of people in a project, read once and then only what changed.

Gold answers of a manager are no answers of an annotator, and skipped tasks hold none, so both are
left out.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dovetail.base.sql import Database
from dovetail.labels.errors import AbsentError
from dovetail.labels.people.given import Given
from dovetail.labels.people.repeats import repeat_key
from dovetail.labels.people.values import Values
from dovetail.labels.store import tables as t

__all__ = ["Book", "Read", "at_ms"]

_PART = 500
_KEPT = 20
_TRUSTED_S = 1.0
_BATCH = 8 << 20


@dataclass
class Read:
    """The answers of one project.

    Attributes:
        project: Its number.
        values: Reads results as its label config means them.
        answers: What people said, in the order of the annotations' numbers.
        users: Everybody's name by number.
        version: Another one after each change.
    """

    project: int
    values: Values
    answers: list[Given]
    users: dict[int, str]
    version: tuple[Any, ...]


@dataclass
class _Kept:
    xml: str
    values: Values
    of: dict[int, tuple[str, Given]] = field(default_factory=dict)
    keys: dict[int, str | None] = field(default_factory=dict)
    read: Read | None = None
    until: float = 0.0


class Book:
    """Reads answers, and keeps what was read.

    Args:
        database: The labelling server's.
        clock: Seconds that never go back: a label config is trusted for one.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._kept: dict[int, _Kept] = {}
        self._lock = threading.Lock()

    def values(self, project: int) -> Values:
        """Return how results of a project are read.

        Raises:
            AbsentError: there is no such project.
        """
        kept = self._kept.get(project)  # read with every item that is handed out
        if kept is not None and self._clock() < kept.until:
            return kept.values
        with self._lock:
            return self._of(project).values

    def forget(self, project: int) -> None:
        """Look for a project anew at the next question."""
        self._kept.pop(project, None)

    def read(self, project: int) -> Read:
        """Return the answers of a project as they are now.

        Raises:
            AbsentError: there is no such project.
        """
        with self._lock:
            kept = self._of(project)
            version = kept.xml, *self._database.read(lambda c: _version(c, project))
            if kept.read is not None and kept.read.version == version:
                return kept.read
            users = self._database.read(_users)
            known = self._database.read(lambda c: _known(c, project))
            stale = [
                number
                for number, at in known.items()
                if number not in kept.of or kept.of[number][0] != at
            ]
            for number in kept.of.keys() - known.keys():
                del kept.of[number]
            for row in self._database.read(lambda c: _rows(c, stale)):
                kept.of[row.id] = row.updated_at, _given(row, kept.values, users)
            answers = [kept.of[number][1] for number in sorted(kept.of)]
            kept.read = Read(project, kept.values, answers, users, version)
            return kept.read

    def alike(self, project: int, tasks: list[int]) -> dict[int, str]:
        """Return a key by task that near-repeats share, of tasks that show something.

        A task's key is found once; it stays where its data is changed later.
        """
        with self._lock:
            kept = self._of(project)
        fields = sorted(kept.values.fields)
        fresh = [number for number in tasks if number not in kept.keys]
        for part in self._database.read(lambda c: _batches(c, fresh)):
            for number, data in self.data(part).items():
                kept.keys[number] = repeat_key(data, fields)
        return {number: key for number in tasks if (key := kept.keys.get(number)) is not None}

    def data(self, tasks: list[int]) -> dict[int, dict[str, Any]]:
        """Return what tasks hold."""
        import msgspec

        query = sa.select(t.tasks.c.id, t.tasks.c.data).where(t.tasks.c.id.in_(tasks))
        rows = self._database.read(lambda c: list(c.execute(query)))
        return {row.id: msgspec.json.decode(row.data) for row in rows}

    def _of(self, project: int) -> _Kept:
        query = sa.select(t.projects.c.label_config).where(t.projects.c.id == project)
        xml = self._database.read(lambda c: c.execute(query).scalar())
        if xml is None:
            self._kept.pop(project, None)
            raise AbsentError("project", project)
        kept = self._kept.get(project)
        if kept is None or kept.xml != xml:
            while len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[project] = _Kept(xml, Values(xml or "<View></View>"))
        kept.until = self._clock() + _TRUSTED_S
        return kept


def at_ms(moment: str) -> int:
    """Return a stored moment as milliseconds since 1970."""
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _users(c: sa.Connection) -> dict[int, str]:
    return {row.id: row.name for row in c.execute(sa.select(t.users.c.id, t.users.c.name))}


def _version(c: sa.Connection, project: int) -> tuple[Any, ...]:
    """What changes with every annotation of a project, and with every user."""
    a = t.annotations.c
    columns = sa.func.count(), sa.func.max(a.id), sa.func.max(a.updated_at)
    row = c.execute(sa.select(*columns).where(a.project_id == project)).one()
    return (*row, c.execute(sa.select(sa.func.count()).select_from(t.users)).scalar())


def _batches(c: sa.Connection, numbers: list[int]) -> list[list[int]]:
    """Numbers of tasks in parts whose data is small enough to be read at once."""
    found: list[list[int]] = []
    size = _BATCH
    for start in range(0, len(numbers), _PART):
        part = t.tasks.c.id.in_(numbers[start : start + _PART])
        for row in c.execute(sa.select(t.tasks.c.id, sa.func.length(t.tasks.c.data)).where(part)):
            if size >= _BATCH or len(found[-1]) >= _PART:
                found.append([])
                size = 0
            found[-1].append(row[0])
            size += row[1]
    return found


def _known(c: sa.Connection, project: int) -> dict[int, str]:
    a = t.annotations.c
    query = sa.select(a.id, a.updated_at).where(
        a.project_id == project,
        a.was_cancelled.is_(False),
        a.ground_truth.is_(False),
        a.completed_by.is_not(None),
    )
    return {row.id: row.updated_at for row in c.execute(query)}


def _rows(c: sa.Connection, numbers: list[int]) -> list[sa.Row[Any]]:
    a = t.annotations.c
    columns = a.id, a.task_id, a.completed_by, a.created_at, a.updated_at, a.lead_time, a.result
    found: list[Any] = []
    for start in range(0, len(numbers), _PART):
        part = a.id.in_(numbers[start : start + _PART])
        found += c.execute(sa.select(*columns).where(part)).all()
    return found


def _given(row: sa.Row[Any], values: Values, users: dict[int, str]) -> Given:
    return Given(
        annotation=row.id,
        task=row.task_id,
        person=users.get(row.completed_by, f"user {row.completed_by}"),
        at_ms=at_ms(row.created_at),
        seconds=row.lead_time,
        values=values.read(row.result),
    )
