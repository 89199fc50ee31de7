"""The loop's own state: cycles, what happened in them, and where traffic goes.

Every step of a cycle is one transaction, so that a loop that is killed at any moment starts again
at the step that it had not finished.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert

__all__ = ["Cycle", "Event", "LoopStore"]

metadata = sa.MetaData()
cycles = sa.Table(
    "loop_cycles",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, nullable=False, index=True),
    sa.Column("started", sa.String(10), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("champion", sa.Text),
    sa.Column("challenger", sa.Text),
    sa.Column("facts", sa.Text, nullable=False),
)
events = sa.Table(
    "loop_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False, index=True),
    sa.Column("cycle", sa.Text),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("version", sa.Text),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
)
values = sa.Table(
    "loop_values",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
FINAL = ("promoted", "rejected", "rolled_back")


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a better champion.

    Attributes:
        id: model and the day on which it began.
        model: the registered model.
        started: the day, YYYY-MM-DD.
        state: training, comparing, canary, promoting; or promoted, rejected, rolled_back.
        champion: the version in force when it began; None for the very first.
        challenger: the version that was trained.
        facts: what later steps need of earlier ones.
    """

    id: str
    model: str
    started: str
    state: str
    champion: str | None
    challenger: str | None
    facts: dict[str, Any]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened.

    Attributes:
        id: position in the history.
        day: on which day, YYYY-MM-DD.
        kind: adopted, looked, training, trained, compared, rejected, canary, refused, promoted,
            kept, rolled_back.
        version: which version it is about.
        text: one sentence.
        facts: the figures behind it.
        cycle: the attempt that it belongs to.
    """

    id: int = 0
    day: str
    kind: str
    version: str | None
    text: str
    facts: dict[str, Any]
    cycle: str | None = None


class LoopStore:
    """Reads and writes the state of one model's loop.

    Args:
        url: the database.
        model: the registered model.
    """

    def __init__(self, url: str, model: str) -> None:
        self._database, self.model = Database(url, metadata, name="loop"), model

    def open_cycle(self) -> Cycle | None:
        """Return the cycle under way, if there is one."""
        query = sa.select(cycles).where(cycles.c.model == self.model, cycles.c.state.not_in(FINAL))
        found = self._cycles(query)
        return found[0] if found else None

    def cycles(self) -> list[Cycle]:
        """Return all cycles, oldest first."""
        return self._cycles(sa.select(cycles).where(cycles.c.model == self.model))

    def _cycles(self, query: sa.Select[Any]) -> list[Cycle]:
        rows = self._database.read(
            lambda c: c.execute(query.order_by(cycles.c.started, cycles.c.id)).mappings().all()
        )
        return [Cycle(**{**row, "facts": msgspec.json.decode(row["facts"])}) for row in rows]

    def begin(
        self,
        day: date,
        champion: str | None,
        event: Event,
        values: Mapping[str, Any] | None = None,
    ) -> Cycle:
        """Start a cycle and say so, with lasting values that change with it, in one transaction."""
        cycle = Cycle(
            id=f"{self.model}-{day}",
            model=self.model,
            started=str(day),
            state="training",
            champion=champion,
            challenger=None,
            facts={},
        )

        def store(connection: Connection) -> None:
            row = {**msgspec.structs.asdict(cycle), "facts": "{}"}
            connection.execute(sa.insert(cycles).values(row))
            self._note(connection, event, cycle.id, values)

        self._database.write(store)
        return cycle

    def advance(
        self,
        cycle: Cycle,
        state: str,
        event: Event,
        *,
        challenger: str | None = None,
        facts: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Cycle:
        """Move a cycle to its next state, with what happened and what is now in force.

        Args:
            cycle: as it was.
            state: the next state.
            event: what happened.
            challenger: the version that was trained, once known.
            facts: added to the cycle's facts.
            values: lasting values that change with it, for example the champion.
        """
        moved = msgspec.structs.replace(
            cycle,
            state=state,
            challenger=challenger or cycle.challenger,
            facts={**cycle.facts, **(facts or {})},
        )

        def store(connection: Connection) -> None:
            text = msgspec.json.encode(moved.facts).decode()
            connection.execute(
                sa.update(cycles)
                .where(cycles.c.id == cycle.id)
                .values(state=state, challenger=moved.challenger, facts=text)
            )
            self._note(connection, event, cycle.id, values)

        self._database.write(store)
        return moved

    def note(self, event: Event, values: Mapping[str, Any] | None = None) -> None:
        """Record something outside a cycle, and lasting values that change with it."""
        self._database.write(lambda c: self._note(c, event, event.cycle, values))

    def history(self, day: date | None = None) -> list[Event]:
        """Return everything that happened, or what happened on one day, oldest first."""
        query = sa.select(events).where(events.c.model == self.model).order_by(events.c.id)
        if day is not None:
            query = query.where(events.c.day == str(day))
        rows = self._database.read(lambda c: c.execute(query).mappings().all())
        return [
            Event(
                **{key: row[key] for key in ("id", "day", "kind", "version", "text", "cycle")},
                facts=msgspec.json.decode(row["facts"]),
            )
            for row in rows
        ]

    def get(self, key: str, default: Any = None) -> Any:
        """Return a lasting value."""
        query = sa.select(values.c.value).where(values.c.model == self.model, values.c.key == key)
        text = self._database.read(lambda c: c.scalar(query))
        return default if text is None else msgspec.json.decode(text)

    def set(self, **given: Any) -> None:
        """Store lasting values durably."""

        def store(connection: Connection) -> None:
            self._set(connection, given)

        self._database.write(store)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _note(
        self,
        connection: Connection,
        event: Event,
        cycle: str | None,
        values: Mapping[str, Any] | None,
    ) -> None:
        row = {
            "model": self.model,
            "cycle": cycle,
            "day": event.day,
            "kind": event.kind,
            "version": event.version,
            "text": event.text,
            "facts": msgspec.json.encode(event.facts).decode(),
        }
        connection.execute(sa.insert(events).values(row))
        self._set(connection, values or {})

    def _set(self, connection: Connection, given: Mapping[str, Any]) -> None:
        for key, value in given.items():
            text = msgspec.json.encode(value).decode()
            row = {"model": self.model, "key": key, "value": text}
            statement = insert(values, self._database.dialect).values(row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["model", "key"], set_={"value": statement.excluded.value}
                )
            )
