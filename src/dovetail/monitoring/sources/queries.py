"""What is new in a table of a database: rows at and after the last one read, in its order."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.base.errors import InvalidInputError, UnavailableError
from dovetail.monitoring.sources.rows import Column
from dovetail.monitoring.sources.settings import Table

__all__ = ["read_query"]

_ROWS = 5000


def read_query(table: Table, cursor: bytes) -> Iterator[tuple[dict[str, Column], bytes]]:
    """Read the rows that were added or changed since a cursor.

    Args:
        table: Which columns to read.
        cursor: From the last reading; empty for none.

    Yields:
        Columns of some rows, and the cursor to go on from once they are stored.

    Raises:
        UnavailableError: The database does not answer, or has no such table or column.
    """
    try:
        engine = sa.create_engine(_url(table))
        try:
            yield from _read(engine, table, cursor)
        finally:
            engine.dispose()
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise UnavailableError(
            f"the table {table.name} cannot be read",
            why=str(reason).strip().splitlines()[0],
            fix="look whether the database answers and has the columns; it is tried again",
        ) from error


def _url(table: Table) -> sa.engine.URL:
    url = sa.engine.make_url(table.url)
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _read(
    engine: sa.Engine, table: Table, cursor: bytes
) -> Iterator[tuple[dict[str, Column], bytes]]:
    schema, _, name = table.table.rpartition(".")
    found = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=engine)
    chosen = [found.c[column] for column in _columns(table, found)]
    order, key = found.c[table.changed or table.time], found.c[table.id]
    query = sa.select(*chosen).where(order.is_not(None), key.is_not(None)).order_by(order, key)
    start = _start(cursor, table.lag_seconds, order)
    after: tuple[Any, Any] | None = None
    with engine.connect() as connection:
        while True:
            page = query if start is None else query.where(order >= start)
            if after is not None:
                last, name_ = after
                page = query.where((order > last) | ((order == last) & (key > name_)))
            rows = connection.execute(page.limit(_ROWS)).all()
            if not rows:
                return
            columns: dict[str, Column] = {
                column.name: list(values)
                for column, values in zip(chosen, zip(*rows, strict=True), strict=True)
            }
            after = (columns[order.name][-1], columns[key.name][-1])
            yield columns, msgspec.json.encode({"changed": _plain(after[0])})


def _columns(table: Table, found: sa.Table) -> list[str]:
    missing = [name for name in [*table.named, *(table.features or ())] if name not in found.c]
    if missing:
        raise InvalidInputError(
            f"the table {table.name} has no column '{missing[0]}'",
            why=f"its columns are {', '.join(found.c.keys()[:20])}",
        )
    if table.features is None:
        return [c.name for c in found.c if not isinstance(c.type, sa.LargeBinary | sa.JSON)]
    return list(dict.fromkeys([*table.named, *table.features]))


def _start(cursor: bytes, lag_seconds: float, order: sa.Column[Any]) -> Any:
    """Where to begin: a little before the last row, where rows are ordered by time."""
    if not cursor:
        return None
    kind = order.type.python_type
    last: Any = msgspec.json.decode(cursor)["changed"]
    if issubclass(kind, datetime):
        return datetime.fromisoformat(last) - timedelta(seconds=lag_seconds)
    if issubclass(kind, date):
        return date.fromisoformat(last)
    return last


def _plain(value: Any) -> Any:
    return value if isinstance(value, datetime | date | str | int | float) else float(value)
