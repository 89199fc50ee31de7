"""Ids taken before rows are written, so that rows which refer to each other go in as one batch."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

__all__ = ["mark", "take"]


def take(c: Connection, table: sa.Table, count: int) -> list[int]:
    """Return ids for new rows, rising.

    Args:
        c: the transaction that will insert the rows.
        table: where.
        count: how many.
    """
    if count == 0:
        return []
    if c.dialect.name == "postgresql":
        query = sa.text(
            "SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)"
        )
        return [int(row[0]) for row in c.execute(query, {"name": table.name, "count": count})]
    last = c.execute(
        sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
    ).scalar()
    first = int(last or 0) + 1
    return list(range(first, first + count))


def mark(c: Connection, table: sa.Table, highest: int) -> None:
    """Let later ids follow one that was chosen elsewhere. SQLite does so by itself."""
    if c.dialect.name == "postgresql":
        query = sa.text(
            "SELECT setval(s.name, GREATEST(:highest, (SELECT COALESCE(MAX(id), 1)"
            f" FROM \"{table.name}\"))) FROM (SELECT pg_get_serial_sequence(:name, 'id') AS name) s"
        )
        c.execute(query, {"name": table.name, "highest": highest})
