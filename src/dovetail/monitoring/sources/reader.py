"""The thread that reads tables: what is new is stored together with the place to go on from."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base import telemetry
from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import DovetailError
from dovetail.base.sql import insert
from dovetail.monitoring import metrics
from dovetail.monitoring import tables as t
from dovetail.monitoring.intake import Item
from dovetail.monitoring.sources.files import read_files
from dovetail.monitoring.sources.queries import read_query
from dovetail.monitoring.sources.rows import Column, items_of
from dovetail.monitoring.sources.settings import Table
from dovetail.monitoring.store import Store

__all__ = ["Reader"]

log = telemetry.logger("monitoring")


class Reader:
    """Reads tables until it is stopped.

    Args:
        tables: Which.
        store: Where their rows go.
        clock: What time it is.
        seconds: Between two readings.
        saw: Told of what has arrived, and when.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        store: Store,
        clock: Clock,
        seconds: float,
        saw: Callable[[Sequence[Item], int], None],
    ) -> None:
        self._tables, self._store, self._clock = tables, store, clock
        self._seconds, self._saw = seconds, saw
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitoring-tables", daemon=True)

    def start(self) -> None:
        """Begin, where there are tables."""
        if self._tables:
            self._thread.start()

    def stop(self) -> None:
        """End after the rows that are being stored."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=12)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for table in self._tables:
                try:
                    self.read(table)
                except DovetailError as error:
                    log.warning("a table cannot be read", table=table.name, error=str(error))
                except Exception as error:  # the thread must outlive one table
                    log.error("reading a table failed", table=table.name, exc_info=error)
            self._stopping.wait(self._seconds)

    def read(self, table: Table) -> int:
        """Store what is new in a table; returns how many of its rows were read.

        Raises:
            DovetailError: It cannot be read; what was read before is stored.
        """
        read = 0
        for columns, cursor in self._new(table):
            now = now_ms(self._clock)
            items, refused = items_of(table, columns, now)
            self._store.database.write(self._storing(table, items, cursor, now))
            self._saw(items, now)
            rows = len(columns.get(table.id, ()))
            read += rows
            metrics.TABLE_ROWS.labels(table.name, "read").inc(rows - refused)
            metrics.TABLE_ROWS.labels(table.name, "refused").inc(refused)
            if self._stopping.is_set():
                break
        return read

    def _new(self, table: Table) -> Iterator[tuple[dict[str, Column], bytes]]:
        c = t.sources.c
        query = sa.select(c.cursor).where(c.name == _key(table))
        cursor = self._store.database.read(lambda x: x.scalar(query)) or b""
        return read_query(table, cursor) if table.is_database else read_files(table, cursor)

    def _storing(
        self, table: Table, items: list[Item], cursor: bytes, now: int
    ) -> Callable[[Connection], None]:
        adding = self._store.adding(items, now)
        row = {"name": _key(table), "cursor": cursor}
        statement = insert(t.sources, self._store.database.dialect).values(row)
        noting = statement.on_conflict_do_update(index_elements=[t.sources.c.name], set_=row)

        def work(connection: Connection) -> None:
            adding(connection)
            connection.execute(noting)

        return work


def _key(table: Table) -> str:
    """What its cursor is kept by; with another meaning of its columns it is another table."""
    said = [table.model, table.url, table.table, table.id, *table.scores, table.label]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:32]
