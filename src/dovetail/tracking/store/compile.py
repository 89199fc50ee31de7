"""Turn parsed search conditions into SQL expressions with bound parameters.

Only columns named here can be compared, and every key and value of a filter becomes a bound
parameter, so no text of a request is ever part of a statement.

LIKE differs between databases: SQLite ignores case, PostgreSQL does not and has an escape
character. MLflow's LIKE respects case and has no escape; its ILIKE ignores case.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from dovetail.tracking.filters import Condition

__all__ = ["compare", "exists", "lookup", "order"]

_PLAIN: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def compare(column: sa.ColumnElement[Any], op: str, value: Any, dialect: str) -> Any:
    """Return `column op value` as an expression.

    Args:
        column: what to compare.
        op: a comparator of MLflow's grammar.
        value: a number, a text, or a tuple of texts.
        dialect: `sqlite` or `postgresql`.
    """
    if op == "LIKE":
        return _like(column, value, dialect)
    if op == "ILIKE":
        if dialect == "sqlite":
            return column.like(value)
        return column.ilike(_unescaped(value))
    if op == "IN":
        return column.in_(value)
    if op == "NOT IN":
        return column.not_in(value)
    return _PLAIN[op](column, value)


def _like(column: sa.ColumnElement[Any], pattern: str, dialect: str) -> Any:
    if dialect == "sqlite":
        return column.op("GLOB", is_comparison=True)(_glob(pattern))
    return column.like(_unescaped(pattern))


def _unescaped(pattern: str) -> str:
    return pattern.replace("\\", "\\\\")


def _glob(pattern: str) -> str:
    """Return the GLOB pattern that matches what a LIKE pattern matches, respecting case.

    Example:
        >>> _glob("gb[m]_%")
        'gb[[]m]?*'
    """
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(special.get(char, char) for char in pattern)


def lookup(table: sa.Table, owner: Mapping[str, Any], condition: Condition, dialect: str) -> Any:
    """Return an expression that is true where a table of keys and values satisfies a condition.

    Args:
        table: has the columns `key` and `value`, perhaps `is_nan`.
        owner: columns of `table` and what they must equal in the outer statement.
        condition: on one key.
        dialect: `sqlite` or `postgresql`.
    """
    where = [table.c[name] == outer for name, outer in owner.items()]
    where.append(table.c.key == condition.key)
    if condition.op in ("IS NULL", "IS NOT NULL"):
        found = exists(table, where)
        return ~found if condition.op == "IS NULL" else found
    return exists(table, [*where, value_of(table, condition, dialect)])


def value_of(table: sa.Table, condition: Condition, dialect: str) -> Any:
    """Return the comparison of a row's value; NaN satisfies only `!=`."""
    holds = compare(table.c.value, condition.op, condition.value, dialect)
    if "is_nan" not in table.c:
        return holds
    if condition.op == "!=":
        return sa.or_(holds, table.c.is_nan)
    return sa.and_(holds, sa.not_(table.c.is_nan))


def exists(table: sa.Table, where: list[Any]) -> sa.ColumnElement[bool]:
    """Return EXISTS over a table."""
    return sa.select(sa.literal(1)).select_from(table).where(*where).exists()


def order(column: sa.ColumnElement[Any], ascending: bool, *, nullable: bool = True) -> list[Any]:
    """Return ORDER BY terms that put absent values last in both directions."""
    value = column.asc() if ascending else column.desc()
    return [sa.case((column.is_(None), 1), else_=0), value] if nullable else [value]
