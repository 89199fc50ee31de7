"""How `Database` talks to PostgreSQL: few round trips, on connections that are known to live.

Each round trip wakes another process and is woken by it, which costs more than most statements. So
a read is no transaction: its statements are sent alone, and nothing before or after them. A
connection is asked whether it lives only where it lay idle for long or has something to tell.
"""

import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from dovetail.base.extras import require

__all__ = ["postgres_engines"]

_IDLE_SECONDS = 30.0
"""A connection that lay for longer may have been cut by what lies between, without a word."""
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


def postgres_engines(url: sa.engine.URL, name: str) -> tuple[Engine, Engine, Engine]:
    """Return what reads, what reads one snapshot, and what writes; they share their connections.

    Args:
        url: of the database.
        name: of the schema, which is made where it is missing.

    Raises:
        MissingExtraError: psycopg is not installed.
    """
    psycopg = require("psycopg", extra="postgres", feature="a PostgreSQL store")
    reader = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",  # of the driver: transactions are begun by hand below
        pool_size=8,
        max_overflow=24,
        pool_use_lifo=True,  # the one used last has its statements prepared, and its caches warm
    )
    sa.event.listen(reader, "connect", _schema(name, psycopg.errors.UniqueViolation))
    sa.event.listen(reader, "checkin", _note)  # codespell:ignore checkin
    sa.event.listen(reader, "checkout", _alive(reader.dialect))
    snapshots, writer = reader.execution_options(), reader.execution_options()
    sa.event.listen(snapshots, "begin", _starter(_SNAPSHOT))
    sa.event.listen(writer, "begin", _starter("BEGIN"))
    return reader, snapshots, writer


def _schema(name: str, made_just_now: type[Exception]) -> Callable[[Any, object], None]:
    def enter(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            with suppress(made_just_now):  # by another connection; nothing is to be undone
                cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"')
            cursor.execute(f'SET search_path TO "{name}"')

    return enter


def _note(_connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _alive(dialect: sa.Dialect) -> Callable[[Any, Any, object], None]:
    """Return what has a connection replaced, and all others, where the server is gone.

    A server that ends says so, or its socket is closed: in both cases there is something to read.
    """

    def check(connection: Any, record: Any, _proxy: object) -> None:
        used = record.info.get("used")
        if used is None:  # made just now
            return
        if time.monotonic() - used < _IDLE_SECONDS and _is_quiet(connection):
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise sa.exc.InvalidatePoolError("the server has closed the connection") from error

    return check


def _is_quiet(connection: Any) -> bool:
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _starter(statement: str) -> Callable[[Connection], None]:
    def start(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute(statement, prepare=False)
        except connection.dialect.loaded_dbapi.Error as error:
            raise sa.exc.DBAPIError.instance(
                statement, None, error, connection.dialect.loaded_dbapi.Error
            ) from error

    return start
