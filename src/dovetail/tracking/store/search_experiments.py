"""Search experiments."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters import Condition, Order
from dovetail.tracking.store.compile import compare, lookup
from dovetail.tracking.store.schema import experiment_tags, experiments
from dovetail.tracking.validation import experiment_number

__all__ = ["find"]

_OF_NAME = ("=", "!=", "LIKE", "ILIKE")
_OF_NUMBER = ("=", "!=", "IN", "NOT IN")


def find(
    connection: Connection,
    conditions: Sequence[Condition],
    orders: Sequence[Order],
    stages: Sequence[str],
    window: tuple[int, int],
) -> list[Row[Any]]:
    """Return the rows of experiments.

    Args:
        connection: where to read.
        conditions: all must hold.
        orders: by what to order; newest first if empty.
        stages: lifecycle stages to include.
        window: offset and limit.
    """
    chosen = list(orders) or [
        Order("attribute", "creation_time", False),
        Order("attribute", "experiment_id", True),
    ]
    if not any(one.key == "experiment_id" for one in chosen):
        chosen.append(Order("attribute", "experiment_id", False))
    columns = [(experiments.c[one.key], one.ascending) for one in chosen]
    query = (
        sa.select(experiments)
        .where(experiments.c.lifecycle_stage.in_(stages))
        .where(*(_holds(one, connection.dialect.name) for one in conditions))
        .order_by(*(c.asc() if ascending else c.desc() for c, ascending in columns))
        .offset(window[0] or None)
        .limit(window[1])
    )
    return list(connection.execute(query))


def _holds(condition: Condition, dialect: str) -> Any:
    if condition.entity == "tag":
        owner = {"experiment_id": experiments.c.experiment_id}
        return lookup(experiment_tags, owner, condition, dialect)
    column, value = experiments.c[condition.key], condition.value
    if condition.key == "experiment_id":
        if condition.op not in _OF_NUMBER:
            raise InvalidParameterError(f"Invalid comparator for experiment_id: {condition.op}")
        if isinstance(value, tuple):
            return compare(column, condition.op, [experiment_number(v) for v in value], dialect)
        return compare(column, condition.op, experiment_number(str(value)), dialect)
    if condition.key == "name" and condition.op not in _OF_NAME:
        raise InvalidParameterError(f"Invalid comparator for string attribute: {condition.op}")
    return compare(column, condition.op, value, dialect)
