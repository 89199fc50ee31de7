"""What is kept of the labellers: their settings, versions and the answers that other tools told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert
from dovetail.labels.learning.tables import answers, learners, others, versions
from dovetail.wire.label_learner import Settings, Version

__all__ = ["MOST", "Kept", "Records", "Told"]

MOST = 20_000
"""Answered tasks that are learned from at most, the latest."""

KEPT = 3
"""Versions whose model is kept; of older ones the figures are."""
LISTED = 200
_MOST_OTHERS = 5_000


@dataclass(frozen=True)
class Kept:
    """A version with its model.

    Attributes:
        number: From 1.
        counted: Annotations that were there.
        version: Its figures.
        body: The model; None where it is not read or no longer kept.
    """

    number: int
    counted: int
    version: Version
    body: bytes | None


@dataclass(frozen=True)
class Told:
    """An answer that another tool told.

    Attributes:
        annotation: Its number there.
        task: The task's number there.
        source: Who answered.
        is_gold: Whether it is held to be true.
        data: The task's data, JSON.
        result: The regions, JSON.
    """

    annotation: int
    task: int
    source: str
    is_gold: bool
    data: str
    result: str


class Records:
    """Reads and writes.

    Args:
        database: The tables.
        defaults: Settings of a room that has none.
    """

    def __init__(self, database: Database, defaults: Settings) -> None:
        self._database, self._defaults = database, defaults

    def settings(self, room: str) -> Settings:
        """What is wanted of a room's labeller."""
        text = self._one(sa.select(learners.c.settings).where(learners.c.room == room))
        return self._defaults if not text else msgspec.json.decode(text, type=Settings)

    def config(self, room: str) -> tuple[str, str]:
        """The label config and the title that another tool told; empty where none did."""
        query = sa.select(learners.c.config, learners.c.title).where(learners.c.room == room)
        row = self._database.read(lambda c: c.execute(query).first())
        return (row.config, row.title) if row is not None else ("", "")

    def rooms(self) -> list[str]:
        """The rooms that have settings, or that another tool told of."""
        query = sa.select(learners.c.room).order_by(learners.c.room)
        return self._database.read(lambda c: [row[0] for row in c.execute(query)])

    def keep(self, room: str, settings: Settings) -> None:
        """Keep settings."""
        self._keep(room, {"settings": msgspec.json.encode(settings).decode()})

    def keep_config(self, room: str, config: str, title: str = "") -> None:
        """Keep the label config that another tool told."""
        self._keep(room, {"config": config, **({"title": title} if title else {})})

    def _keep(self, room: str, values: dict[str, str]) -> None:
        fresh = {"room": room, "settings": msgspec.json.encode(self._defaults).decode(), **values}
        query = insert(learners, self._database.dialect).values(fresh)
        query = query.on_conflict_do_update(index_elements=["room"], set_=values)
        self._database.write(lambda c: c.execute(query))

    def forget(self, room: str) -> None:
        """Forget a room."""

        def write(c: Connection) -> None:
            for table in (learners, versions, answers, others):
                c.execute(sa.delete(table).where(table.c.room == room))

        self._database.write(write)

    # Versions

    def latest(self, room: str, *, with_body: bool = False) -> Kept | None:
        """The newest version; its model is read only where it is asked for."""
        columns = [versions.c.number, versions.c.counted, versions.c.facts]
        query = sa.select(*columns, *([versions.c.body] if with_body else []))
        query = query.where(versions.c.room == room).order_by(versions.c.number.desc()).limit(1)
        row = self._database.read(lambda c: c.execute(query).first())
        if row is None:
            return None
        facts = msgspec.json.decode(row.facts, type=Version)
        return Kept(row.number, row.counted, facts, row.body if with_body else None)

    def listed(self, room: str) -> list[Version]:
        """The versions, the newest first."""
        query = sa.select(versions.c.facts).where(versions.c.room == room)
        query = query.order_by(versions.c.number.desc()).limit(LISTED)
        rows = self._database.read(lambda c: c.execute(query).all())
        return [msgspec.json.decode(row.facts, type=Version) for row in rows]

    def add(self, room: str, kept: Kept) -> bool:
        """Keep a version, and let go of old models; False where another server was first."""

        def write(c: Connection) -> bool:
            row = {"room": room, "number": kept.number, "counted": kept.counted}
            facts = msgspec.json.encode(kept.version).decode()
            query = insert(versions, self._database.dialect)
            query = query.values(**row, facts=facts, body=kept.body).on_conflict_do_nothing()
            if c.execute(query).rowcount == 0:
                return False
            old = (versions.c.room == room) & (versions.c.number <= kept.number - KEPT)
            c.execute(sa.update(versions).where(old).values(body=None))
            return True

        return self._database.write(write)

    def change(self, room: str, number: int, version: Version) -> None:
        """Keep further figures of a version."""
        mine = (versions.c.room == room) & (versions.c.number == number)
        facts = msgspec.json.encode(version).decode()
        query = sa.update(versions).where(mine).values(facts=facts)
        self._database.write(lambda c: c.execute(query))

    # What other tools told

    def tell(self, room: str, told: Sequence[Told], seen: Iterable[tuple[int, str]] = ()) -> None:
        """Keep answers, in place of older ones of the same number, and data of open tasks.

        Args:
            room: Where.
            told: The answers.
            seen: Tasks without an answer, with their data as JSON.
        """
        dialect = self._database.dialect
        rows = [{"room": room, **vars(one)} for one in told]
        open_ = [{"room": room, "task": task, "data": data} for task, data in seen]

        def write(c: Connection) -> None:
            for row in rows:
                query = insert(answers, dialect).values(row)
                c.execute(
                    query.on_conflict_do_update(index_elements=["room", "annotation"], set_=row)
                )
            known = c.execute(
                sa.select(sa.func.count()).select_from(others).where(others.c.room == room)
            ).scalar()
            for row in open_[: max(0, _MOST_OTHERS - int(known or 0))]:
                query = insert(others, dialect).values(row)
                c.execute(query.on_conflict_do_nothing())

        self._database.write(write)

    def take_back(
        self, room: str, *, annotations: Sequence[int] = (), tasks: Sequence[int] = ()
    ) -> int:
        """Forget answers by their own numbers or by their tasks', and say how many there were."""

        def write(c: Connection) -> int:
            gone = 0
            for column, numbers in ((answers.c.annotation, annotations), (answers.c.task, tasks)):
                for start in range(0, len(numbers), 500):
                    wanted = column.in_(numbers[start : start + 500])
                    mine = sa.delete(answers).where(answers.c.room == room, wanted)
                    gone += c.execute(mine).rowcount
            return gone

        return self._database.write(write)

    def told(self, room: str, limit: int) -> list[Told]:
        """The latest answers that other tools told, by task."""
        newest = (
            sa.select(answers)
            .where(answers.c.room == room)
            .order_by(answers.c.annotation.desc())
            .limit(limit)
        )
        rows = self._database.read(lambda c: c.execute(newest).all())
        found = [Told(r.annotation, r.task, r.source, r.is_gold, r.data, r.result) for r in rows]
        return sorted(found, key=lambda one: (one.task, one.annotation))

    def count_told(self, room: str) -> int:
        """How many answers other tools told."""
        query = sa.select(sa.func.count()).select_from(answers).where(answers.c.room == room)
        return int(self._one(query) or 0)

    def seen(self, room: str) -> list[tuple[int, str]]:
        """Open tasks that other tools told of: number and data as JSON."""
        query = sa.select(others.c.task, others.c.data).where(others.c.room == room)
        return self._database.read(lambda c: [(r.task, r.data) for r in c.execute(query)])

    def _one(self, query: sa.Select[Any]) -> Any:
        return self._database.read(lambda c: c.execute(query).scalar())
