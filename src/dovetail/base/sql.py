"""The SQL engine: SQLite with group commit, or PostgreSQL, behind the same four methods.

A piece gives its `sqlalchemy.MetaData` once and writes SQLAlchemy Core statements. On SQLite one
thread owns the only writing connection: jobs that wait at the same time share one commit, so many
clients cost few syncs to disk. On PostgreSQL each piece has a schema of its own name.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from dovetail.base.errors import InvalidInputError, UnavailableError
from dovetail.base.migrations import Migration, prepare

__all__ = ["Database", "insert", "rows_of"]

T = TypeVar("T")
GROUP = 256


class _Outcome(Protocol):
    """Who is told what became of a job."""

    def set_result(self, value: Any, /) -> None: ...

    def set_exception(self, error: BaseException, /) -> None: ...


Job = tuple[Callable[[Connection], Any], _Outcome]


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
        elif url.startswith(("postgresql", "postgres")):
            self._reader = self._write_engine = _postgres_engine(url, name)
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
        self._writer = _GroupCommit(self._write_engine, name) if self.dialect == "sqlite" else None

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` on a consistent snapshot and return what it returns. Any thread may call."""
        with self._reader.connect() as connection:
            return fn(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a consistent snapshot for the length of a block, for what is read row by row."""
        with self._reader.connect() as connection:
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
        awaited = _Awaited(asyncio.get_running_loop())
        self._writer.enqueue(fn, awaited)
        done: T = await awaited.future
        return done

    def outside(self, fn: Callable[[Any], T]) -> T:
        """Run `fn` with a connection of the driver, outside any transaction.

        For statements that no transaction may hold, such as VACUUM. On SQLite it is the writer's
        connection, so other writes wait until `fn` returns.
        """
        if self._writer is not None:
            done: Future[T] = Future()
            self._writer.enqueue(_Bare(fn), done)
            return done.result()
        with self._write_engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            return fn(alone.connection.driver_connection)

    def close(self) -> None:
        """Finish waiting writes and close every connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader.dispose()
        self._write_engine.dispose()


class _Awaited:
    """An outcome that wakes a coroutine; a third of the cost of wrapping a thread's future.

    Args:
        loop: where it waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self.future = loop, loop.create_future()

    def set_result(self, value: Any, /) -> None:
        self._tell(value, None)

    def set_exception(self, error: BaseException, /) -> None:
        self._tell(None, error)

    def _tell(self, value: Any, error: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._settle, value, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.future.done():  # cancelled
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)


class _GroupCommit:
    """The one writer of a SQLite file."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[[Connection], T]) -> "Future[T]":
        done: Future[T] = Future()
        self.enqueue(fn, done)
        return done

    def enqueue(self, fn: Callable[[Connection], Any], done: _Outcome) -> None:
        if self._closed:
            raise UnavailableError("the store is closed", why="the server is stopping")
        self._jobs.put((fn, done))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        with self._engine.connect() as connection:
            job = self._jobs.get()
            while job is not None:
                if isinstance(job[0], _Bare):
                    job[0].run(connection, job[1])
                    job = self._jobs.get()
                    continue
                group, job = self._gather(job)
                _commit(connection, group)
                if job is _NOTHING:
                    job = self._jobs.get()

    def _gather(self, first: Job) -> tuple[list[Job], Any]:
        """Return jobs that wait and fit into one transaction, and what was taken after them."""
        group = [first]
        while len(group) < GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None or isinstance(job[0], _Bare):
                return group, job
            group.append(job)
        return group, _NOTHING


_NOTHING = object()


class _Bare:
    """A job that no transaction may hold.

    Args:
        fn: takes the driver's connection.
    """

    def __init__(self, fn: Callable[[Any], Any]) -> None:
        self._fn = fn

    def __call__(self, connection: Connection) -> Any:
        return self._fn(connection.connection.driver_connection)

    def run(self, connection: Connection, done: _Outcome) -> None:
        try:
            value = self(connection)
        except Exception as error:
            done.set_exception(error)
        else:
            done.set_result(value)


def _commit(connection: Connection, group: list[Job]) -> None:
    """Run a group of jobs in one transaction, each in a savepoint, and answer all after it."""
    if len(group) == 1:
        _commit_alone(connection, *group[0])
        return
    outcomes: list[tuple[_Outcome, Any, BaseException | None]] = []
    try:
        with connection.begin():
            for fn, done in group:
                try:
                    with connection.begin_nested():
                        outcomes.append((done, fn(connection), None))
                except Exception as error:
                    outcomes.append((done, None, error))
    except Exception as error:
        for _, done in group:
            done.set_exception(error)
        return
    for done, value, failure in outcomes:
        if failure is None:
            done.set_result(value)
        else:
            done.set_exception(failure)


def _commit_alone(connection: Connection, fn: Callable[[Connection], Any], done: _Outcome) -> None:
    """Run one job in a transaction of its own, which needs no savepoint to be undone."""
    try:
        with connection.begin():
            value = fn(connection)
    except Exception as error:
        done.set_exception(error)
    else:
        done.set_result(value)


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
            "busy_timeout = 30000",
            "temp_store = MEMORY",
            "cache_size = -16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return apply


def _starter(statement: str) -> Callable[[Connection], None]:
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return start


def _postgres_engine(url: str, name: str) -> Engine:
    from dovetail.base.extras import require

    require("psycopg", extra="postgres", feature="a PostgreSQL store")
    parsed = _parsed(url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(parsed, pool_size=8, max_overflow=24, pool_pre_ping=True)

    def set_schema(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"')
            cursor.execute(f'SET search_path TO "{name}"')
        connection.commit()

    sa.event.listen(engine, "connect", set_schema)
    return engine


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
