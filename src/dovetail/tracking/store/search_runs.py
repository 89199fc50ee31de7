"""Search runs: filter, order and page, in the database.

The common question "the best runs by this metric" walks the index `latest_metrics_best` and stops
when the page is full. Runs whose metric is NaN or absent come after all others; they are fetched by
a second statement only when a page reaches them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.filters import Condition, Order
from dovetail.tracking.store.compile import compare, exists, lookup, order, value_of
from dovetail.tracking.store.schema import (
    datasets,
    input_tags,
    inputs,
    latest_metrics,
    params,
    runs,
    tags,
)

__all__ = ["ATTRIBUTES", "RunQuery", "dataset_holds", "find"]

CONTEXT = "mlflow.data.context"
ATTRIBUTES = {
    column.name: column
    for column in runs.c
    if column.name not in ("id", "experiment_id", "deleted_time", "lifecycle_stage")
}


@dataclass(frozen=True)
class RunQuery:
    """What to find.

    Attributes:
        experiments: numbers of the experiments to look in.
        stages: lifecycle stages to include.
        conditions: all must hold.
        orders: by what to order, first things first; newest first where they are equal.
        offset: how many to pass over.
        limit: how many at most.
    """

    experiments: Sequence[int]
    stages: Sequence[str]
    conditions: Sequence[Condition]
    orders: Sequence[Order]
    offset: int
    limit: int


def find(connection: Connection, query: RunQuery) -> list[Row[Any]]:
    """Return the rows of the runs that a query asks for."""
    if not query.experiments:
        return []
    first = query.orders[0] if query.orders else None
    if first is not None and first.entity == "metric" and len(query.experiments) == 1:
        return _best(connection, query, first)
    return list(connection.execute(_plain(connection.dialect.name, query)))


def _plain(dialect: str, query: RunQuery) -> sa.Select[Any]:
    source, terms = _ordered(query.orders)
    where = _where(query, query.conditions, dialect)
    return _paged(sa.select(runs).select_from(source).where(*where), terms, query)


def _paged(statement: sa.Select[Any], terms: list[Any], query: RunQuery) -> sa.Select[Any]:
    return statement.order_by(*terms).limit(query.limit).offset(query.offset or None)


def _ordered(orders: Sequence[Order]) -> tuple[Any, list[Any]]:
    """Return what to select from, so that all orders have their columns, and the terms."""
    source: Any = runs
    terms: list[Any] = []
    for one in orders:
        if one.entity == "attribute":
            column = ATTRIBUTES[one.key]
            terms += order(column, one.ascending, nullable=bool(column.nullable))
            continue
        table = {"metric": latest_metrics, "parameter": params, "tag": tags}[one.entity].alias()
        joined = sa.and_(table.c.run == runs.c.id, table.c.key == one.key)
        source = source.outerjoin(table, joined)
        if one.entity == "metric":
            absent = sa.case((table.c.is_nan, 1), (table.c.value.is_(None), 2), else_=0)
            terms += [absent, table.c.value.asc() if one.ascending else table.c.value.desc()]
        else:
            terms += order(table.c.value, one.ascending)
    if not any(one.entity == "attribute" and one.key == "start_time" for one in orders):
        terms.append(runs.c.start_time.desc())
    return source, [*terms, runs.c.run_id]


def _where(query: RunQuery, conditions: Sequence[Condition], dialect: str) -> list[Any]:
    where: list[Any] = [
        runs.c.experiment_id.in_(query.experiments),
        runs.c.lifecycle_stage.in_(query.stages),
    ]
    for condition in conditions:
        where.append(_holds(query, condition, dialect))
    return where


def _holds(query: RunQuery, condition: Condition, dialect: str) -> Any:
    if condition.entity == "attribute":
        column = ATTRIBUTES[condition.key]
        return compare(column, condition.op, condition.value, dialect)
    if condition.entity == "metric":
        matching = sa.select(latest_metrics.c.run).where(
            latest_metrics.c.experiment_id.in_(query.experiments),
            latest_metrics.c.key == condition.key,
            value_of(latest_metrics, condition, dialect),
        )
        return runs.c.id.in_(matching)
    if condition.entity == "dataset":
        return dataset_holds(condition, dialect)
    table = params if condition.entity == "parameter" else tags
    return lookup(table, {"run": runs.c.id}, condition, dialect)


def dataset_holds(condition: Condition, dialect: str) -> Any:
    """Return the expression that is true of the runs which read such a dataset."""
    joined = inputs.join(datasets, datasets.c.id == inputs.c.dataset)
    where = [inputs.c.run == runs.c.id]
    if condition.key == "context":
        context = [
            input_tags.c.input == inputs.c.id,
            input_tags.c.key == CONTEXT,
            compare(input_tags.c.value, condition.op, condition.value, dialect),
        ]
        where.append(exists(input_tags, context))
    else:
        where.append(compare(datasets.c[condition.key], condition.op, condition.value, dialect))
    return sa.select(sa.literal(1)).select_from(joined).where(*where).exists()


def _best(connection: Connection, query: RunQuery, first: Order) -> list[Row[Any]]:
    """Return a page ordered by a metric, by way of the index on its values."""
    dialect = connection.dialect.name
    same = [c for c in query.conditions if c.entity == "metric" and c.key == first.key]
    rest = [c for c in query.conditions if c not in same]
    valued = _with_value(query, first, same, rest, dialect)
    found = list(connection.execute(valued.limit(query.limit).offset(query.offset or None)))
    if len(found) == query.limit or any(c.op != "!=" for c in same):
        return found
    passed = query.offset + len(found)
    if not found and query.offset:
        counted = valued.order_by(None).subquery()
        passed = connection.scalar(sa.select(sa.func.count()).select_from(counted)) or 0
    tail = _without_value(query, first, rest, dialect, only_nan=bool(same))
    skipped = max(0, query.offset - passed) or None
    page = tail.limit(query.limit - len(found)).offset(skipped)
    return found + list(connection.execute(page))


def _with_value(
    query: RunQuery, first: Order, same: list[Condition], rest: list[Condition], dialect: str
) -> sa.Select[Any]:
    best = latest_metrics
    source, others = _ordered(query.orders[1:])
    where = [
        best.c.experiment_id == query.experiments[0],
        best.c.key == first.key,
        best.c.is_nan == sa.false(),
        *(compare(best.c.value, c.op, c.value, dialect) for c in same),
    ]
    value = best.c.value.asc() if first.ascending else best.c.value.desc()
    return (
        sa.select(runs)
        .select_from(source.join(best, best.c.run == runs.c.id))
        .where(*where, *_where(query, rest, dialect))
        .order_by(value, *others)
    )


def _without_value(
    query: RunQuery, first: Order, rest: list[Condition], dialect: str, *, only_nan: bool
) -> sa.Select[Any]:
    lacking = latest_metrics.alias()
    source, others = _ordered(query.orders[1:])
    joined = sa.and_(lacking.c.run == runs.c.id, lacking.c.key == first.key)
    is_nan = lacking.c.is_nan == sa.true()
    which = is_nan if only_nan else sa.or_(lacking.c.run.is_(None), is_nan)
    return (
        sa.select(runs)
        .select_from(source.outerjoin(lacking, joined))
        .where(which, *_where(query, rest, dialect))
        .order_by(sa.case((is_nan, 0), else_=1), *others)
    )
