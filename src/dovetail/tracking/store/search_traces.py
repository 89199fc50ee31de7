"""Search traces: filter, order and page, in the database.

"The newest of an experiment" walks the index `traces_newest` and stops when the page is full; other
filters are checked on the way. All conditions on spans must hold of one and the same span.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters import Condition, Order
from dovetail.tracking.store.compile import compare, lookup, order
from dovetail.tracking.store.traces import NAME, SOURCE_RUN
from dovetail.tracking.store.traces_schema import (
    spans,
    trace_metadata,
    trace_runs,
    trace_tags,
    traces,
)

__all__ = ["TraceQuery", "find"]

ATTRIBUTE = "attributes."
NULLS = ("IS NULL", "IS NOT NULL")
_end = traces.c.timestamp_ms + sa.func.coalesce(traces.c.execution_time_ms, 0)
_COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    "request_id": traces.c.trace_id,
    "experiment_id": traces.c.experiment_id,
    "timestamp_ms": traces.c.timestamp_ms,
    "execution_time_ms": traces.c.execution_time_ms,
    "end_time_ms": _end,
    "status": traces.c.status,
    "client_request_id": traces.c.client_request_id,
    "name": traces.c.name,
}
_ALWAYS = ("request_id", "experiment_id", "timestamp_ms", "status")


@dataclass(frozen=True)
class TraceQuery:
    """What to find.

    Attributes:
        experiments: numbers of the experiments to look in.
        conditions: all must hold.
        orders: by what to order, first things first; newest first where they are equal.
        offset: how many to pass over.
        limit: how many at most.
    """

    experiments: Sequence[int]
    conditions: Sequence[Condition]
    orders: Sequence[Order]
    offset: int
    limit: int


def find(connection: Connection, query: TraceQuery) -> list[Row[Any]]:
    """Return the rows of the traces that a query asks for."""
    if not query.experiments:
        return []
    dialect = connection.dialect.name
    of_spans = [_span_holds(c, dialect) for c in query.conditions if _is_on_spans(c)]
    where = [_within(query.experiments)]
    where += [_holds(c, dialect) for c in query.conditions if not _is_on_spans(c)]
    if of_spans:
        found = sa.select(sa.literal(1)).select_from(spans)
        where.append(found.where(spans.c.trace == traces.c.id, *of_spans).exists())
    source, terms = _ordered(query.orders)
    page = sa.select(traces).select_from(source).where(*where).order_by(*terms)
    return list(connection.execute(page.limit(query.limit).offset(query.offset or None)))


def _within(experiments: Sequence[int]) -> Any:
    if len(experiments) == 1:  # IN would keep SQLite from walking the index in its order
        return traces.c.experiment_id == experiments[0]
    return traces.c.experiment_id.in_(experiments)


def _is_on_spans(condition: Condition) -> bool:
    return condition.entity == "span" or (condition.entity, condition.key) == ("attribute", "text")


def _holds(condition: Condition, dialect: str) -> Any:
    entity, key = condition.entity, condition.key
    if (entity, key) == ("tag", NAME):
        return _compares(traces.c.name, condition, dialect)
    if entity == "attribute" and key != "run_id":
        return _compares(_COLUMNS[key], condition, dialect)
    if entity == "tag":
        return lookup(trace_tags, {"trace": traces.c.id}, condition, dialect)
    if key in ("run_id", SOURCE_RUN):
        return _of_run(condition, dialect)
    return lookup(trace_metadata, {"trace": traces.c.id}, condition, dialect)


def _of_run(condition: Condition, dialect: str) -> Any:
    """Return whether a trace was made in a run, or was linked to one."""
    if condition.op in NULLS:
        inside = traces.c.trace_id.in_(sa.select(trace_runs.c.trace_id))
        return ~inside if condition.op == "IS NULL" else inside
    matching = compare(trace_runs.c.run_id, condition.op, condition.value, dialect)
    return traces.c.trace_id.in_(sa.select(trace_runs.c.trace_id).where(matching))


def _compares(column: sa.ColumnElement[Any], condition: Condition, dialect: str) -> Any:
    if condition.op in NULLS:
        return column.is_(None) if condition.op == "IS NULL" else column.is_not(None)
    return compare(column, condition.op, condition.value, dialect)


def _span_holds(condition: Condition, dialect: str) -> Any:
    key = condition.key
    if key in ("text", "content"):
        if condition.op not in ("LIKE", "ILIKE"):
            raise InvalidParameterError(
                f"span.content comparator '{condition.op}' not one of '{{'ILIKE', 'LIKE'}}'"
            )
        return compare(spans.c.content, condition.op, condition.value, dialect)
    column = _attribute(key, dialect) if key.startswith(ATTRIBUTE) else spans.c[key]
    return compare(column, condition.op, condition.value, dialect)


def _attribute(key: str, dialect: str) -> sa.ColumnElement[Any]:
    """Return an attribute of a span as text: a text as it is, anything else as JSON."""
    name = key.removeprefix(ATTRIBUTE).strip("`")
    if not name or '"' in name or "\0" in name:
        raise InvalidParameterError(f"'{name}' cannot be the name of a span's attribute.")
    if dialect == "postgresql":
        held = sa.cast(spans.c.content, sa.JSON).op("->")("attributes")
        return sa.type_coerce(held.op("->>")(name), sa.Text)
    path = f'$.attributes."{name}"'
    kind = sa.func.json_type(spans.c.content, path)
    text = sa.func.json_extract(spans.c.content, path)
    return sa.type_coerce(
        sa.case((kind == "text", text), else_=spans.c.content.op("->")(path)), sa.Text
    )


def _ordered(orders: Sequence[Order]) -> tuple[Any, list[Any]]:
    """Return what to select from, so that all orders have their columns, and the terms."""
    source: Any = traces
    terms: list[Any] = []
    for one in orders:
        entity, key = one.entity, one.key
        if entity == "attribute" and key == "run_id":
            entity, key = "metadata", SOURCE_RUN
        if (entity, key) == ("tag", NAME):
            entity, key = "attribute", "name"
        if entity == "attribute":
            terms += order(_COLUMNS[key], one.ascending, nullable=key not in _ALWAYS)
            continue
        table = (trace_tags if entity == "tag" else trace_metadata).alias()
        joined = sa.and_(table.c.trace == traces.c.id, table.c.key == key)
        source = source.outerjoin(table, joined)
        terms += order(table.c.value, one.ascending)
    if not any(one.key == "timestamp_ms" for one in orders):
        terms.append(traces.c.timestamp_ms.desc())
    return source, [*terms, traces.c.trace_id]
