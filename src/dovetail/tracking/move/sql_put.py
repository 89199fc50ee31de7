"""Rows into the tables of MLflow's own database, whatever its revision has of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from dovetail.tracking.move.sql_tables import MlflowTables

__all__ = ["put_rows", "write_rows"]


def put_rows(
    tables: MlflowTables,
    c: Connection,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    key: tuple[str, ...],
    replace: bool = True,
) -> None:
    """Write rows given by the names of their columns; tables and columns may be missing.

    Args:
        tables: the database.
        c: a connection in a transaction.
        table: where.
        rows: values by column, the same columns in each.
        key: columns that name a row.
        replace: whether a row that is there is written over.
    """
    if not rows or not tables.has(table):
        return
    names = tuple(name for name in rows[0] if name in tables.columns[table])
    values = [tuple(row[name] for name in names) for row in rows]
    write_rows(c, table, names, values, key, replace)


def write_rows(
    c: Connection,
    table: str,
    names: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    key: tuple[str, ...],
    replace: bool,
    newer: tuple[str, ...] = (),
) -> None:
    """Write rows given by the order of their columns.

    Args:
        c: a connection in a transaction.
        table: where.
        names: of the columns.
        rows: values in that order.
        key: columns that name a row.
        replace: whether a row that is there is written over.
        newer: only if these columns, compared as one tuple, are greater than what is there.
    """
    if not rows:
        return
    mark = "?" if c.dialect.paramstyle == "qmark" else "%s"
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join(mark for _ in names)
    statement = f'INSERT INTO "{table}" ({columns}) VALUES ({marks}) ON CONFLICT '
    rest = [name for name in names if name not in key]
    if replace and rest:
        sets = ", ".join(f'"{name}" = excluded."{name}"' for name in rest)
        keys = ", ".join(f'"{name}"' for name in key)
        statement += f"({keys}) DO UPDATE SET {sets}"
        if newer:
            given = ", ".join(f'excluded."{name}"' for name in newer)
            kept = ", ".join(f'"{table}"."{name}"' for name in newer)
            statement += f" WHERE ({given}) > ({kept})"
    else:
        statement += "DO NOTHING"
    c.exec_driver_sql(statement, list(rows))
