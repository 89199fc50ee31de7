"""What the online store must not lose: events by id, latest rows, how far sources came.

Serves `online.engine`, which keeps the same facts in memory. An event with an id is kept
whole, once, so that everything can be computed again when the server starts, also for a view
that was defined after the event came. The table of latest rows holds what has no id, and what
is still needed of events that are old enough to be forgotten. Times are microseconds since
1970.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.migrations import Migration
from dovetail.base.sql import Database, insert
from dovetail.features.online.batches import Batch
from dovetail.features.online.events import Event, key_in
from dovetail.features.online.intents import Intent
from dovetail.features.online.progress import Progress
from dovetail.features.views import LatestView

METADATA = sa.MetaData()
Moment = sa.BigInteger
BATCH = 2_000

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("event_us", Moment, nullable=False),
    sa.Column("known_us", Moment, nullable=False),
    sa.Column("row", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
LATEST = sa.Table(
    "latest",
    METADATA,
    sa.Column("view", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("event_us", Moment, primary_key=True),
    sa.Column("known_us", Moment, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("written", Moment, nullable=False),
    sa.Column("row", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
SOURCES = sa.Table(
    "sources",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("repeats", sa.BigInteger, nullable=False),
    sa.Column("last_event_us", Moment, nullable=False),
    sa.Column("last_known_us", Moment, nullable=False),
    sa.Column("received_us", Moment, nullable=False),
    sa.Column("forgotten_us", Moment, nullable=False),
)
PROGRESS = sa.Table(
    "progress",
    METADATA,
    sa.Column("view", sa.Text, primary_key=True),
    sa.Column("start_us", Moment, nullable=False),
    sa.Column("end_us", Moment, nullable=False),
    sa.Column("since_us", Moment, nullable=False),
    sa.Column("mark", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("at_us", Moment, nullable=False),
)
INTENTS = sa.Table(
    "intents",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at_us", Moment, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
)
MATERIALIZED = sa.Table(
    "materialized",
    METADATA,
    sa.Column("view", sa.Text, primary_key=True),
    sa.Column("until_us", Moment, nullable=False),
    sa.Column("at_us", Moment, nullable=False),
)


def _add_progress(operations: Any) -> None:
    PROGRESS.create(operations.get_bind(), checkfirst=True)


def _add_intents(operations: Any) -> None:
    INTENTS.create(operations.get_bind(), checkfirst=True)


MIGRATIONS = (
    Migration("how far materialising came, piece by piece", _add_progress),
    Migration("pushes to a table and online that are not over", _add_intents),
)


@dataclass(frozen=True)
class Freshness:
    """How far a source came.

    Attributes:
        rows: New rows taken in so far.
        repeats: Rows that had been taken in before.
        last_event_us: The latest event time.
        last_known_us: The latest time of knowing.
        received_us: When rows last came.
        forgotten_us: Events known before this are no longer kept; 0 when all are.
    """

    rows: int = 0
    repeats: int = 0
    last_event_us: int = 0
    last_known_us: int = 0
    received_us: int = 0
    forgotten_us: int = 0

    def after(self, new: Sequence[Event], repeats: int, at: int) -> "Freshness":
        """Return the freshness after rows came."""
        return Freshness(
            self.rows + len(new),
            self.repeats + repeats,
            max(self.last_event_us, *(e.event_us for e in new), 0),
            max(self.last_known_us, *(e.known_us for e in new), 0),
            at,
            self.forgotten_us,
        )


@dataclass(frozen=True)
class Taken:
    """What a push brought.

    Attributes:
        new: Events that were not there before.
        order: Greater for later writes; decides between rows that are otherwise equal.
    """

    new: Sequence[Event]
    order: int


class Store:
    """The tables of the online store.

    Args:
        url: Database URL.
    """

    def __init__(self, url: str) -> None:
        self._db = Database(url, METADATA, name="features", migrations=MIGRATIONS)
        self._known_ids = sa.select(EVENTS.c.id).where(
            EVENTS.c.source == sa.bindparam("of"),
            EVENTS.c.id.in_(sa.bindparam("ids", expanding=True)),
        )
        self._insert_event = (
            sa.insert(EVENTS)
            if self.is_queued
            else insert(EVENTS, self._db.dialect).on_conflict_do_nothing().returning(EVENTS.c.id)
        )
        self._upsert_latest = _upsert_latest(self._db.dialect)
        self._count_rows = _count_rows(self._db.dialect)

    @property
    def is_queued(self) -> bool:
        """Whether writes wait in a queue of their own, so that handing one in is instant."""
        return self._db.dialect == "sqlite"

    def close(self) -> None:
        """Finish writing and close."""
        self._db.close()

    def take(
        self, source: str, events: Sequence[Event], latest: Sequence[LatestView], at: int
    ) -> "Any":
        """Keep events that are new and the rows of the views they feed, in one transaction.

        Args:
            source: Name of the source.
            events: Events of it; those with an id that is known already are passed over.
            latest: LatestViews whose rows are kept on their own, for a source without an id.
            at: The time now.

        Returns:
            A future of `Taken`, done once everything is durable.
        """

        def work(connection: Connection) -> Taken:
            new = self._keep_new(connection, source, events) if _has_id(events) else list(events)
            order = time.time_ns()
            for view in latest:
                self._keep_latest(connection, view, new, order)
            came = vars(Freshness().after(new, len(events) - len(new), at))
            connection.execute(self._count_rows, {"source": source, **came})
            return Taken(new, order)

        return self._db.submit(work)

    def write_latest(self, view: LatestView, events: Sequence[Event]) -> "Any":
        """Keep rows of one LatestView; returns a future of `Taken`."""

        def work(connection: Connection) -> Taken:
            order = time.time_ns()
            self._keep_latest(connection, view, events, order)
            return Taken(events, order)

        return self._db.submit(work)

    def write_batch(self, view: LatestView, batch: Batch, progress: Progress) -> "Any":
        """Keep rows of one LatestView and how far they bring it, in one transaction.

        Returns:
            A future of nothing, done once both are durable.
        """

        def work(connection: Connection) -> None:
            rows = [
                (view.name, key_text(key), v[2], v[3], orjson.dumps(v[4]).decode(), v[5], text)
                for key, v, text in zip(batch.keys, batch.versions, batch.texts, strict=True)
            ]
            rows.sort()  # the order of the table's key
            insert_latest(connection, rows)
            self._keep_progress(connection, progress)

        return self._db.submit(work)

    def keep_progress(self, progress: Progress) -> None:
        """Remember how far materialising a view came."""
        self._db.write(lambda connection: self._keep_progress(connection, progress))

    def _keep_progress(self, connection: Connection, progress: Progress) -> None:
        values = vars(progress)
        statement = insert(PROGRESS, self._db.dialect).on_conflict_do_update(
            index_elements=["view"], set_={k: v for k, v in values.items() if k != "view"}
        )
        connection.execute(statement, values)

    def intend(self, intent: Intent) -> None:
        """Write a push down."""
        self._db.write(lambda c: c.execute(sa.insert(INTENTS), vars(intent)) and None)

    def settle(self, intent: Intent) -> None:
        """Strike a push out."""
        over = sa.delete(INTENTS).where(INTENTS.c.identity == intent.identity)
        self._db.write(lambda c: c.execute(over) and None)

    def intents(self) -> list[Intent]:
        """Return the pushes that are written down."""
        return self._db.read(
            lambda c: [Intent(**row) for row in c.execute(sa.select(INTENTS)).mappings()]
        )

    def progress(self) -> dict[str, Progress]:
        """Return how far materialising came, by view."""

        def work(connection: Connection) -> dict[str, Progress]:
            found = connection.execute(sa.select(PROGRESS)).mappings()
            return {row["view"]: Progress(**row) for row in found}

        return self._db.read(work)

    def _keep_new(
        self, connection: Connection, source: str, events: Sequence[Event]
    ) -> list[Event]:
        """Insert the events whose id is new and return them, each id once.

        On SQLite there is one writer, so asking first is enough. On PostgreSQL another server
        may insert the same event at the same time; the database says whose was first.
        """
        by_id: dict[str, Event] = {}
        for event in events:
            by_id.setdefault(event.id_text, event)
        if self.is_queued:
            ids = list(by_id)
            for start in range(0, len(ids), BATCH):
                part = {"of": source, "ids": ids[start : start + BATCH]}
                for (seen,) in connection.execute(self._known_ids, part):
                    del by_id[seen]
        if not by_id:
            return []
        rows = [_event_row(source, text, by_id[text]) for text in sorted(by_id)]
        if self.is_queued:
            connection.execute(self._insert_event, rows)
            return list(by_id.values())
        added = {text for (text,) in connection.execute(self._insert_event, rows)}
        return [event for text, event in by_id.items() if text in added]

    def _keep_latest(
        self, connection: Connection, view: LatestView, events: Sequence[Event], order: int
    ) -> None:
        rows = {
            (key_text(key), event.event_us, event.known_us, event.id_text): event.row
            for event in events
            if (key := key_in(view, event.row)) is not None
        }
        if not rows:
            return
        connection.execute(
            self._upsert_latest,
            [
                {
                    "view": view.name,
                    "key": key,
                    "event_us": event_us,
                    "known_us": known_us,
                    "id": identity,
                    "written": order,
                    "row": orjson.dumps({f: row[f] for f in view.features}).decode(),
                }
                for (key, event_us, known_us, identity), row in rows.items()
            ],
        )

    def freshness(self) -> dict[str, Freshness]:
        """Return how far each source came."""

        def work(connection: Connection) -> dict[str, Freshness]:
            found = connection.execute(sa.select(SOURCES)).mappings()
            return {
                r["source"]: Freshness(**{k: v for k, v in r.items() if k != "source"})
                for r in found
            }

        return self._db.read(work)

    def events(self, source: str) -> Iterator[Event]:
        """Walk all kept events of a source."""

        def work(connection: Connection) -> list[Any]:
            wanted = sa.select(EVENTS.c.id, EVENTS.c.event_us, EVENTS.c.known_us, EVENTS.c.row)
            return list(connection.execute(wanted.where(EVENTS.c.source == source)))

        for identity, event_us, known_us, row in self._db.read(work):
            yield Event(tuple(orjson.loads(identity)), event_us, known_us, orjson.loads(row))

    def latest(self, view: str) -> Iterator[tuple[Any, Event, int]]:
        """Walk the kept rows of a LatestView: key, row as an event, order of writing."""

        def work(connection: Connection) -> list[Any]:
            c = LATEST.c
            wanted = sa.select(c.key, c.event_us, c.known_us, c.id, c.written, c.row)
            return list(connection.execute(wanted.where(c.view == view).order_by(c.written)))

        for key, event_us, known_us, identity, order, row in self._db.read(work):
            event = Event(tuple(orjson.loads(identity)), event_us, known_us, orjson.loads(row))
            yield key_value(key), event, order

    def forget(
        self,
        source: str,
        before: int,
        oldest: Mapping[str, Mapping[Any, int]],
        rows: Mapping[LatestView, Sequence[Event]],
    ) -> None:
        """Drop events known before a moment, and superseded rows of LatestViews.

        Args:
            source: Name of the source.
            before: The moment.
            oldest: For each LatestView, by key, the event time of the oldest row needed.
            rows: For each LatestView, the rows still needed whose events are dropped.
        """

        def work(connection: Connection) -> None:
            for of, kept in rows.items():
                self._keep_latest(connection, of, kept, 0)
            connection.execute(
                sa.delete(EVENTS).where(EVENTS.c.source == source, EVENTS.c.known_us < before)
            )
            connection.execute(
                sa.update(SOURCES).where(SOURCES.c.source == source).values(forgotten_us=before)
            )
            c = LATEST.c
            for view, keys in oldest.items():
                limits = [{"k": key_text(key), "t": event_us} for key, event_us in keys.items()]
                if limits:
                    connection.execute(
                        sa.delete(LATEST).where(
                            c.view == view,
                            c.key == sa.bindparam("k"),
                            c.event_us < sa.bindparam("t"),
                        ),
                        limits,
                    )

        self._db.write(work)

    def materialized(self) -> dict[str, int]:
        """Return until when each view was materialised."""

        def work(connection: Connection) -> dict[str, int]:
            found = connection.execute(sa.select(MATERIALIZED.c.view, MATERIALIZED.c.until_us))
            return {view: until for view, until in found}

        return self._db.read(work)

    def keep_materialized(self, view: str, until: int, at: int) -> None:
        """Remember until when a view was materialised."""
        values = {"until_us": until, "at_us": at}
        statement = insert(MATERIALIZED, self._db.dialect).on_conflict_do_update(
            index_elements=["view"], set_=values
        )
        self._db.write(lambda c: c.execute(statement, {"view": view, **values}) and None)


def key_text(key: Any) -> str:
    """Write a join key as JSON text."""
    return orjson.dumps(key).decode()


def key_value(text: str) -> Any:
    """Read a join key back."""
    value = orjson.loads(text)
    return tuple(value) if isinstance(value, list) else value


UPSERT_LATEST = """
INSERT INTO latest (view, key, event_us, known_us, id, written, row) VALUES (?,?,?,?,?,?,?)
ON CONFLICT (view, key, event_us, known_us, id) DO UPDATE
SET row = excluded.row, written = excluded.written
"""


def insert_latest(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Keep many rows of LATEST with the driver itself, which takes tuples as they are."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.executemany(UPSERT_LATEST, rows)
        return
    with driver.cursor() as cursor:
        cursor.executemany(UPSERT_LATEST.replace("?", "%s"), rows)


def _has_id(events: Sequence[Event]) -> bool:
    return bool(events) and bool(events[0].id)


def _event_row(source: str, text: str, event: Event) -> dict[str, Any]:
    return {
        "source": source,
        "id": text,
        "event_us": event.event_us,
        "known_us": event.known_us,
        "row": orjson.dumps(event.row).decode(),
    }


def _upsert_latest(dialect: str) -> sa.Insert:
    statement = insert(LATEST, dialect)
    upsert: sa.Insert = statement.on_conflict_do_update(
        index_elements=["view", "key", "event_us", "known_us", "id"],
        set_={"row": statement.excluded.row, "written": statement.excluded.written},
    )
    return upsert


def _count_rows(dialect: str) -> sa.Insert:
    """Add what came to what a source had."""
    statement = insert(SOURCES, dialect)
    held, came = SOURCES.c, statement.excluded

    def later(name: str) -> sa.Case[int]:
        return sa.case((came[name] > held[name], came[name]), else_=held[name])

    upsert: sa.Insert = statement.on_conflict_do_update(
        index_elements=["source"],
        set_={
            "rows": held.rows + came.rows,
            "repeats": held.repeats + came.repeats,
            **{n: later(n) for n in ("last_event_us", "last_known_us", "received_us")},
        },
    )
    return upsert
