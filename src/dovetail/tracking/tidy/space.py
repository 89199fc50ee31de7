"""The room that a database takes on disk, and giving back what deleted rows have left.

SQLite keeps the pages of deleted rows for new ones. A file made by this version gives them back a
few at a time while others write; an older one only by being written anew, which holds up writers.
PostgreSQL's autovacuum makes the space of deleted rows free for new ones by itself.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.errors import ConflictError
from dovetail.base.sql import Database
from dovetail.tracking.tidy.rows import Pace
from dovetail.wire.tidy import Compacted, Space

__all__ = ["compact", "measure_space"]

INCREMENTAL = 2
_relations = sa.text(
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'm')"
)


def measure_space(database: Database) -> Space:
    """Say how large the database is and how much of that is free."""
    if database.dialect == "sqlite":
        return database.read(_of_file)
    size = database.read(lambda c: c.scalar(_relations))
    return Space(
        kind="postgresql",
        bytes=int(size or 0),
        note="autovacuum makes the space of deleted rows free for new ones",
    )


def _of_file(connection: Connection) -> Space:
    page = _pragma(connection, "page_size")
    free = _pragma(connection, "freelist_count") * page
    steady = _pragma(connection, "auto_vacuum") == INCREMENTAL
    note = "compacting gives the free space back" if free else "nothing to give back"
    if free and not steady:
        note = "only a full compaction, which holds up writers, gives the free space back"
    size = _pragma(connection, "page_count") * page
    return Space(kind="sqlite", bytes=size, free=free, incremental=steady, note=note)


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def compact(
    database: Database, *, full: bool, halted: Callable[[], bool] = lambda: False
) -> Compacted:
    """Give the free space of a SQLite file back to the disk.

    Args:
        database: the tables.
        full: write the whole file anew, while writers wait.
        halted: whether to stop before the end.

    Raises:
        ConflictError: the database gives space back by itself, or only in full.
    """
    before = measure_space(database)
    if before.kind != "sqlite":
        raise ConflictError(
            "a PostgreSQL database is not compacted from here",
            why="autovacuum makes the space of deleted rows free for new ones",
            fix="to give it back to the disk, run VACUUM FULL on its server",
        )
    if full:
        database.outside(_rewrite)
    elif not before.incremental:
        raise ConflictError(
            "this SQLite file can only be compacted in full",
            why="it was made by an earlier version",
            fix="compact in full at a quiet hour: writers wait until it is done",
        )
    else:
        _in_pieces(database, halted)
    database.outside(_checkpoint)
    return Compacted(before=before, after=measure_space(database))


def _in_pieces(database: Database, halted: Callable[[], bool]) -> None:
    pace = Pace()
    pace.rows = 200

    def some(connection: Connection) -> int:
        before = _pragma(connection, "freelist_count")
        driver: Any = (
            connection.connection.driver_connection
        )  # a row a page, which SQLAlchemy drops
        driver.execute(f"PRAGMA incremental_vacuum({pace.rows})").fetchall()
        return before - _pragma(connection, "freelist_count")

    while not halted() and pace.timed(database, some):
        pass


def _rewrite(connection: Any) -> None:
    connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
    connection.execute("VACUUM")


def _checkpoint(connection: Any) -> None:
    """Move everything from the log into the file, which only then becomes smaller."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
