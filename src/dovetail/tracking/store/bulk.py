"""Insert many rows with one prepared statement.

SQLAlchemy looks at every parameter of every row, which at a thousand metrics a request costs more
than SQLite does, and at one metric a request costs more than the rest. These statements are
therefore written once per table from its columns and run by the driver, on SQLAlchemy's connection
and in its transaction; values are bound, never formatted.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

__all__ = [
    "drive",
    "insert_new",
    "insert_one",
    "insert_or_skip",
    "insert_or_update",
    "mark",
    "run_many",
    "select_for",
    "update_one",
    "update_where",
]

CHUNK = 1000
_MANY = 8


@cache
def _insert(table: sa.Table, mark: str) -> str:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join(mark for _ in table.columns)
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'


_ARRAYS: tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...] = (
    (sa.String, "text"),  # as text, so that a value that is too long is refused and not cut
    (sa.Integer, "bigint"),
    (sa.Double, "double precision"),
    (sa.Boolean, "boolean"),
)


@cache
def _insert_columns(table: sa.Table) -> str:
    """Return PostgreSQL's INSERT from one array a column; empty where a type has no array here."""
    arrays = []
    for column in table.columns:
        kind = next((name for type_, name in _ARRAYS if isinstance(column.type, type_)), "")
        if not kind:
            return ""
        arrays.append(f"%s::{kind}[]")
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'INSERT INTO "{table.name}" ({columns}) SELECT * FROM unnest({", ".join(arrays)})'


@cache
def _update(table: sa.Table, newer: tuple[str, ...]) -> str:
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    rest = [c.name for c in table.columns if c not in set(table.primary_key)]
    sets = ", ".join(f'"{name}" = excluded."{name}"' for name in rest)
    clause = f" ON CONFLICT ({keys}) DO UPDATE SET {sets}"
    if newer:
        given = ", ".join(f'excluded."{name}"' for name in newer)
        kept = ", ".join(f'"{table.name}"."{name}"' for name in newer)
        clause += f" WHERE ({given}) > ({kept})"
    return clause


@cache
def _insert_named(table: sa.Table, names: tuple[str, ...], mark: str) -> str:
    columns = ", ".join(f'"{table.c[name].name}"' for name in names)
    marks = ", ".join(mark for _ in names)
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'


@cache
def _insert_one(table: sa.Table, names: tuple[str, ...], mark: str) -> str:
    (key,) = table.primary_key
    return f'{_insert_named(table, names, mark)} RETURNING "{key.name}"'


@cache
def _update_where(
    table: sa.Table, names: tuple[str, ...], which: tuple[str, ...], mark: str
) -> str:
    sets = ", ".join(f'"{table.c[name].name}" = {mark}' for name in names)
    where = " AND ".join(f'"{table.c[name].name}" = {mark}' for name in which)
    return f'UPDATE "{table.name}" SET {sets} WHERE {where} RETURNING *'


@cache
def _keys(table: sa.Table) -> tuple[int, ...]:
    """Return where the columns of the primary key stand."""
    return tuple(i for i, column in enumerate(table.columns) if column.primary_key)


def insert_one(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> int:
    """Insert one row and return the number that the database gave it."""
    names, given = tuple(values), tuple(values.values())
    if connection.dialect.name == "sqlite":  # the number is that of the row, known without asking
        return int(drive(connection, _insert_named(table, names, "?"), given).lastrowid)
    statement = _insert_one(table, names, mark(connection))
    return int(drive(connection, statement, given).fetchone()[0])


def insert_new(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> int | None:
    """Insert one row and return its number, or None where a row with such a name is there."""
    statement = _insert_one(table, tuple(values), mark(connection))
    skipping = statement.replace(" RETURNING ", " ON CONFLICT DO NOTHING RETURNING ")
    found = drive(connection, skipping, tuple(values.values())).fetchone()
    return None if found is None else int(found[0])


def update_one(
    connection: Connection, table: sa.Table, key: int, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Change columns of the row with a number and return the row as it is then, by column."""
    (name,) = table.primary_key
    row = update_where(connection, table, {name.name: key}, values)
    assert row is not None, f"{table.name} has no row {key}"
    return row


def update_where(
    connection: Connection, table: sa.Table, which: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Change columns of the one row that has some values; return it as it is then, if it is there.

    Args:
        connection: a connection in a transaction.
        table: where.
        which: columns and what they have; no more than one row may have all of it.
        values: columns and what they get.
    """
    statement = _update_where(table, tuple(values), tuple(which), mark(connection))
    cursor = drive(connection, statement, (*values.values(), *which.values()))
    row = cursor.fetchone()
    if row is None:
        return None
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def mark(connection: Connection) -> str:
    """Return how the driver writes a bound value."""
    return "?" if connection.dialect.name == "sqlite" else "%s"


def drive(connection: Connection, statement: str, given: tuple[Any, ...] | list[Any]) -> Any:
    """Run a statement by the driver and return its cursor.

    Args:
        connection: a connection in a transaction.
        statement: with marks of the driver.
        given: values for one run of the statement, or a list of them for many.

    Raises:
        sqlalchemy.exc.DBAPIError: as SQLAlchemy would.
    """
    cursor = connection.connection.cursor()
    try:
        if isinstance(given, list):
            cursor.executemany(statement, given)
        else:
            cursor.execute(statement, given)
    except connection.dialect.loaded_dbapi.Error as error:
        kinds = connection.dialect.loaded_dbapi.Error
        raise sa.exc.DBAPIError.instance(
            statement, given, error, kinds, dialect=connection.dialect
        ) from error
    return cursor


def select_for(
    connection: Connection, statement: sa.Select[Any], name: str, values: Sequence[Any]
) -> Iterator[Row[Any]]:
    """Yield the rows of a statement for a list of any length, a thousand values at a time.

    Args:
        connection: where to read.
        statement: has an expanding parameter.
        name: of that parameter.
        values: for that parameter; databases bound how many a statement may have.
    """
    for start in range(0, len(values), CHUNK):
        yield from connection.execute(statement, {name: values[start : start + CHUNK]})


def run_many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run one statement for many rows and return how many rows it touched."""
    given = rows[0] if len(rows) == 1 else list(rows)
    return int(drive(connection, statement, given).rowcount)


def insert_or_skip(connection: Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> int:
    """Insert rows, skipping those whose key is there, and return how many were new.

    Args:
        connection: a connection in a transaction.
        table: where to insert.
        rows: values in the order of the table's columns.
    """
    if not rows:
        return 0
    return _insert_all(connection, table, rows, " ON CONFLICT DO NOTHING")


def insert_or_update(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[tuple[Any, ...]],
    newer: tuple[str, ...] = (),
) -> None:
    """Insert rows, replacing those whose key is there.

    Args:
        connection: a connection in a transaction.
        table: where to insert.
        rows: values in the order of the table's columns.
        newer: replace only if these columns, compared as one tuple, are greater than what is there.
    """
    if not rows:
        return
    once = len(rows) == 1
    if not once:
        keys = _keys(table)
        once = len({tuple([row[index] for index in keys]) for row in rows}) == len(rows)
    _insert_all(connection, table, rows, _update(table, newer), at_once=once)


def _insert_all(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[tuple[Any, ...]],
    clause: str,
    *,
    at_once: bool = True,
) -> int:
    """Insert rows and return how many rows were touched.

    PostgreSQL takes many rows as one array a column, in one run of the statement, for a third of
    what row by row costs it; but then no two of them may have the same key.
    """
    if len(rows) >= _MANY and at_once and connection.dialect.name == "postgresql":
        statement = _insert_columns(table)
        if statement:
            columns = tuple(list(column) for column in zip(*rows, strict=True))
            return int(drive(connection, statement + clause, columns).rowcount)
    return run_many(connection, _insert(table, mark(connection)) + clause, rows)
