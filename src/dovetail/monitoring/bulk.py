"""One INSERT for many rows, at what the database itself costs.

SQLAlchemy binds each row of a bulk insert by itself, and the driver then gives up the interpreter's
lock and takes it back for each, both of which take longer than SQLite takes to store the row. Here
the statement is compiled once, for 1, 2, 4 and up to 64 rows at a time, and given to SQLite's
driver as it is. On PostgreSQL, whose driver costs more than the binding, it is executed as ever.
"""

import sqlite3
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

__all__ = ["Bulk", "driven"]

_MOST = 64


class Bulk:
    """An INSERT whose values are attributes of objects.

    Args:
        statement: The INSERT, without further parameters.
        columns: What is set, each by the attribute of its name; at least two.
        dialect: `Database.dialect`.
    """

    def __init__(self, statement: Any, columns: Sequence[str], dialect: str) -> None:
        self._statement, self._names = statement, tuple(columns)
        self._texts: dict[int, str] = {}
        if dialect != "sqlite":
            return
        compiled = statement.compile(dialect=sqlite.dialect(), column_keys=list(columns))
        self._values = attrgetter(*compiled.positiontup)
        marks = f"({', '.join('?' * len(columns))})"
        head, found, tail = str(compiled).partition(f"VALUES {marks}")
        assert found
        size = _MOST
        while size:
            self._texts[size] = f"{head}VALUES {', '.join([marks] * size)}{tail}"
            size //= 2

    def run(self, connection: Connection, rows: Sequence[object]) -> None:
        """Insert every row; for none it does nothing."""
        if not self._texts:
            if rows:
                said = [{name: getattr(row, name) for name in self._names} for row in rows]
                connection.execute(self._statement, said)
            return
        start, size = 0, _MOST
        while start < len(rows):
            if size > len(rows) - start:
                size //= 2
                continue
            some = rows[start : start + size]
            driven(connection, self._texts[size], [v for r in some for v in self._values(r)])
            start += size


def driven(connection: Connection, statement: str, values: Sequence[Any]) -> sqlite3.Cursor:
    """Execute a statement past SQLAlchemy, which would take longer than SQLite."""
    driver: Any = connection.connection.driver_connection
    try:
        found: sqlite3.Cursor = driver.execute(statement, values)
    except sqlite3.OperationalError as error:
        raise sa.exc.OperationalError(statement, None, error) from error
    return found
