"""The SQL engine: SQLite with group commit, or PostgreSQL, behind the same four methods.

A piece gives its `sqlalchemy.MetaData` once and writes SQLAlchemy Core statements. On SQLite one
thread owns the only writing connection: jobs that wait at the same time share one commit, so many
clients cost few syncs to disk. On PostgreSQL each piece has a schema of its own name.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from dovetail.base.commit import PATIENCE_MS, Bare, GroupCommit
from dovetail.base.errors import InvalidInputError, UnavailableError
from dovetail.base.migrations import Migration, prepare
from dovetail.base.promise import Promise, promised

__all__ = ["Database", "insert", "rows_of"]

T = TypeVar("T")


class Database:
    """One piece's tables.

    Args:
        url: `sqlite:///path` or `postgresql://...`. On SQLite `?synchronous=normal` skips the sync
            of each commit: it still survives the death of the process, not that of the machine.
        metadata: the tables; made where they are missing.
        name: the piece, which names the PostgreSQL schema and the revision record.
        migrations: steps from each earlier revision of `metadata` to the next.

    Raises:
        InvalidInputError: the URL names no supported database.
        UnavailableError: the database does not answer.
    """

    def __init__(
        self,
        url: str,
        metadata: sa.MetaData,
        *,
        name: str,
        migrations: Sequence[Migration] = (),
    ) -> None:
        self.name = name
        if url.startswith("sqlite"):
            self._reader, self._write_engine = _sqlite_engines(url)
            self._snapshots = self._reader
        elif url.startswith(("postgresql", "postgres")):
            from dovetail.base.postgres import postgres_engines

            self._reader, self._snapshots, self._write_engine = postgres_engines(_parsed(url), name)
        else:
            raise InvalidInputError(
                f"database {url!r} is not supported",
                fix="give sqlite:///file.db or postgresql://user@host/database",
            )
        self.dialect: str = self._reader.dialect.name
        try:
            with self._write_engine.begin() as connection:
                prepare(connection, metadata, name, migrations)
        except BaseException as error:
            self._reader.dispose()
            self._write_engine.dispose()
            if not isinstance(error, sa.exc.DatabaseError) or not _is_closed(error):
                raise
            raise UnavailableError(
                f"the database of {name} at {_shown(url)} cannot be opened",
                why=str(error.orig).strip().splitlines()[0],
                fix="check [server] database and state, and that you may write there",
            ) from error
        self._writer = GroupCommit(self._write_engine, name) if self.dialect == "sqlite" else None

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` and return what it returns. Any thread may call.

        On SQLite it sees one snapshot; on PostgreSQL each statement sees what was committed when
        it began, which saves the two round trips of a transaction.
        """
        with self._reader.connect() as connection:
            return fn(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a consistent snapshot for the length of a block, for what is read row by row."""
        with self._snapshots.connect() as connection:
            yield connection

    def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in a transaction and return once its work is durable.

        An exception of `fn` undoes its own work only, and is raised here.
        """
        if self._writer is not None:
            return self._writer.submit(fn).result()
        with self._write_engine.begin() as connection:
            return fn(connection)

    def submit(self, fn: Callable[[Connection], T]) -> "Future[T]":
        """Like `write`, but return at once with a future of the durable result."""
        if self._writer is not None:
            return self._writer.submit(fn)
        done: Future[T] = Future()
        try:
            done.set_result(self.write(fn))
        except Exception as error:
            done.set_exception(error)
        return done

    async def write_soon(self, fn: Callable[[Connection], T]) -> T:
        """Like `write`, for an event loop, which goes on while the work becomes durable.

        The work is done even if nobody waits for it any more.
        """
        if self._writer is None:
            import anyio.to_thread

            return await anyio.to_thread.run_sync(self.write, fn)
        promise: Promise[T] = Promise()
        self._writer.enqueue(fn, promise)
        return await promise

    def write_quick(self, fn: Callable[[Connection], T]) -> Promise[T]:
        """Like `write_soon`, for work of a few rows: done on the loop itself where that is quicker.

        On SQLite the quick jobs of one turn of the loop share a commit at its end, unless the disk
        is slow to sync or the writer is at work.
        """
        if self._writer is None:
            return promised(asyncio.ensure_future(self.write_soon(fn)))
        promise: Promise[T] = Promise()
        self._writer.offer(fn, promise)
        return promise

    def outside(self, fn: Callable[[Any], T]) -> T:
        """Run `fn` with a connection of the driver, outside any transaction.

        For statements that no transaction may hold, such as VACUUM. On SQLite it is the writer's
        connection, so other writes wait until `fn` returns.
        """
        if self._writer is not None:
            done: Future[T] = Future()
            self._writer.enqueue(Bare(fn), done)
            return done.result()
        with self._reader.connect() as connection:
            return fn(connection.connection.driver_connection)

    def close(self) -> None:
        """Finish waiting writes and close every connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader.dispose()
        self._write_engine.dispose()


def _parsed(url: str) -> sa.engine.URL:
    try:
        return sa.engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise InvalidInputError(
            f"database {url!r} is not a URL",
            fix="give sqlite:///file.db, sqlite:////absolute/file.db or "
            "postgresql://user@host/database",
        ) from error


def _sqlite_engines(url: str) -> tuple[Engine, Engine]:
    """Return the reading and the writing engine of one SQLite file."""
    parsed = _parsed(url)
    synchronous = str(parsed.query.get("synchronous", "full")).lower()
    if synchronous not in ("full", "normal"):
        raise InvalidInputError(f"synchronous={synchronous} is unknown", fix="use full or normal")
    parsed = parsed.difference_update_query(["synchronous"])
    location = parsed.database or ":memory:"
    if location == ":memory:":
        raise InvalidInputError(
            "an in-memory database is not supported",
            why="readers and the writer have connections of their own",
            fix="give a file, for example sqlite:///dovetail.db",
        )
    try:
        Path(location).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"the folder of the database {location} cannot be made",
            why=str(error),
            fix="make the folder, or give a path below which you may write",
        ) from error
    arguments = {"check_same_thread": False, "timeout": 30}
    reader = sa.create_engine(parsed, connect_args=arguments, pool_size=8, max_overflow=64)
    writer = sa.create_engine(parsed, connect_args=arguments, pool_size=1, max_overflow=1)
    for engine, begin in ((reader, "BEGIN"), (writer, "BEGIN IMMEDIATE")):
        sa.event.listen(engine, "connect", _pragmas(synchronous))
        sa.event.listen(engine, "begin", _starter(begin))
    return reader, writer


def _pragmas(synchronous: str) -> Callable[[Any, object], None]:
    def apply(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "auto_vacuum = INCREMENTAL",  # only a new file takes it, and only before its first page
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            "foreign_keys = ON",
            f"busy_timeout = {PATIENCE_MS}",
            "temp_store = MEMORY",
            "cache_size = -16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return apply


def _starter(statement: str) -> Callable[[Connection], None]:
    def start(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if driver.in_transaction:  # begun by `GroupCommit`, and SQLAlchemy hears of it only now
            return
        try:
            driver.execute(statement)  # past SQLAlchemy, which would take longer than SQLite
        except sqlite3.OperationalError as error:
            raise sa.exc.OperationalError(statement, None, error) from error

    return start


def _is_closed(error: sa.exc.DatabaseError) -> bool:
    """Tell whether a store cannot be opened: no such place, no right to it, or no database."""
    return isinstance(error, sa.exc.OperationalError) or type(error) is sa.exc.DatabaseError


def _shown(url: str) -> str:
    return sa.engine.make_url(url).render_as_string(hide_password=True)


def insert(table: sa.Table, dialect: str) -> Any:
    """Return the dialect's INSERT, which has `on_conflict_do_nothing` and `..._do_update`.

    Args:
        table: where to insert.
        dialect: `Database.dialect`, "sqlite" or "postgresql".
    """
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def rows_of(connection: Connection, statement: sa.Select[Any]) -> list[dict[str, Any]]:
    """Run a SELECT and return its rows as dictionaries."""
    return [dict(row) for row in connection.execute(statement).mappings()]
