"""A page of the table of runs, in any order, as quick at its end as at its beginning.

A page starts where the one before ended: at a value and, among equals, at a run. An order has
segments that follow each other, such as numbers, then other text, then runs without the parameter;
each is a walk along one index. Where few runs are left over, because the experiment is small or a
condition of the filter is rare, they are all read and ordered here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters import Condition, Order
from dovetail.tracking.store.compile import compare, lookup, value_of
from dovetail.tracking.store.run_orders import place, segments
from dovetail.tracking.store.schema import latest_metrics, params, runs, tags
from dovetail.tracking.store.search_runs import ATTRIBUTES, dataset_holds
from dovetail.tracking.store.table_schema import PREFIX, number_of, prefix_of

__all__ = ["CHILDREN", "FEW", "Cursor", "Page", "TableQuery", "children", "count", "page"]

FEW = 1000
CHILDREN = 5
PARENT = "mlflow.parentRunId"


class Cursor(NamedTuple):
    """Where a page ends: the segment and the keys of its last run."""

    segment: int
    keys: tuple[float | str, ...]


@dataclass(frozen=True)
class TableQuery:
    """What to show.

    Attributes:
        experiment: its number.
        stage: the lifecycle stage of the runs.
        conditions: all must hold.
        order: by what to order.
        after: where the page before ended.
        limit: how many runs at most.
        few: whether the experiment is known to have at most `FEW` runs.
    """

    experiment: int
    stage: str
    conditions: Sequence[Condition]
    order: Order
    after: Cursor | None
    limit: int
    few: bool


@dataclass(frozen=True)
class Page:
    """What was found.

    Attributes:
        rows: the runs.
        next: where the page ends, if there is another.
        total: how many runs fit, where that is known.
    """

    rows: list[Row[Any]]
    next: Cursor | None
    total: int | None


def count(connection: Connection, experiment: int, stage: str) -> int:
    """Return how many runs of a stage an experiment has."""
    mine = (runs.c.experiment_id == experiment) & (runs.c.lifecycle_stage == stage)
    return connection.scalar(sa.select(sa.func.count()).select_from(runs).where(mine)) or 0


def children(
    connection: Connection, run_ids: Sequence[str], most: int = CHILDREN
) -> dict[str, list[Row[Any]]]:
    """Return the first active children of runs, one more than `most` where there are more."""
    found: dict[str, list[Row[Any]]] = {}
    for run_id in run_ids:
        query = (
            sa.select(runs)
            .join(tags, tags.c.run == runs.c.id)
            .where(tags.c.key == PARENT, _equal(connection, tags.c.value, run_id))
            .where(runs.c.lifecycle_stage == "active")
            .order_by(runs.c.id)
            .limit(most + 1)
        )
        if rows := connection.execute(query).all():
            found[run_id] = list(rows)
    return found


def page(connection: Connection, query: TableQuery) -> Page:
    """Return a page of runs.

    Raises:
        InvalidParameterError: the page cannot start where it shall.
    """
    _check(query)
    candidates = None if query.few else _candidates(connection, query)
    if query.few or candidates is not None:
        places, total = _sorted(connection, query, candidates)
    else:
        places, total = _walked(connection, query), None
    shown = places[: query.limit]
    return Page(
        rows=_rows(connection, [key for key, _ in shown]),
        next=shown[-1][1] if len(places) > query.limit else None,
        total=total,
    )


def _check(query: TableQuery) -> None:
    after = query.after
    if after is None:
        return
    held = segments(query.order, query.experiment)
    if after.segment >= len(held) or not held[after.segment].fits(after.keys):
        raise InvalidParameterError(
            "The address asks for rows after a place that this order does not have. "
            "Go to the first page."
        )


Place = tuple[int, Cursor]


def _rows(connection: Connection, keys: Sequence[int]) -> list[Row[Any]]:
    found = {row.id: row for row in connection.execute(sa.select(runs).where(runs.c.id.in_(keys)))}
    return [found[key] for key in keys if key in found]


def _walked(connection: Connection, query: TableQuery) -> list[Place]:
    """Walk the segments of an order until the page is full."""
    where = _where(query, connection.dialect.name)
    found: list[Place] = []
    for number, segment in enumerate(segments(query.order, query.experiment)):
        after = query.after
        if after is not None and number < after.segment:
            continue
        start = after.keys if after is not None and number == after.segment else ()
        for statement in segment.statements(query.order.ascending, start):
            wanted = query.limit + 1 - len(found)
            for key, *keys in connection.execute(statement.where(*where).limit(wanted)):
                found.append((key, Cursor(number, tuple(keys))))
            if len(found) > query.limit:
                return found
    return found


def _sorted(
    connection: Connection, query: TableQuery, candidates: Sequence[int] | None
) -> tuple[list[Place], int]:
    """Read all runs that fit and order them here."""
    statement = place(query.order).where(*_where(query, connection.dialect.name))
    if candidates is not None:
        statement = statement.where(runs.c.id.in_(candidates))
    held: dict[int, list[Place]] = {}
    for key, segment, *keys in connection.execute(statement):
        cursor = Cursor(segment, tuple(one for one in keys if one is not None))
        held.setdefault(segment, []).append((key, cursor))
    ordered: list[Place] = []
    for segment in sorted(held):
        backwards = not query.order.ascending
        ordered += sorted(held[segment], key=lambda one: one[1].keys, reverse=backwards)
    return [one for one in ordered if _comes(query, one[1])], len(ordered)


def _comes(query: TableQuery, cursor: Cursor) -> bool:
    after = query.after
    if after is None or cursor.segment != after.segment:
        return after is None or cursor.segment > after.segment
    return cursor.keys > after.keys if query.order.ascending else cursor.keys < after.keys


def _where(query: TableQuery, dialect: str) -> list[Any]:
    return [
        runs.c.experiment_id == query.experiment,
        runs.c.lifecycle_stage == query.stage,
        *(_holds(condition, dialect) for condition in query.conditions),
    ]


def _holds(condition: Condition, dialect: str) -> Any:
    """Return what holds of each run in itself, so that a walk can stop when its page is full."""
    if condition.entity == "attribute":
        column = ATTRIBUTES[condition.key]
        return compare(column, condition.op, condition.value, dialect)
    if condition.entity == "dataset":
        return dataset_holds(condition, dialect)
    table = {"metric": latest_metrics, "parameter": params, "tag": tags}[condition.entity]
    return lookup(table, {"run": runs.c.id}, condition, dialect)


def _candidates(connection: Connection, query: TableQuery) -> list[int] | None:
    """Return a few runs that hold all that fit, or None where many fit."""
    best: list[int] | None = None
    for statement in _probes(connection, query):
        found = list(connection.scalars(statement.limit(FEW + 1)))
        if len(found) <= FEW and (best is None or len(found) < len(best)):
            best = found
    if best is None and query.conditions and query.order.key != "started":
        # where few fit, a walk in another order would read nearly all runs, and in no handy order
        fitting = sa.select(runs.c.id).where(*_where(query, connection.dialect.name))
        newest = fitting.order_by(runs.c.start_time.desc(), runs.c.run_id.desc())
        found = list(connection.scalars(newest.limit(FEW + 1)))
        best = found if len(found) <= FEW else None
    return best


def _probes(connection: Connection, query: TableQuery) -> Iterator[sa.Select[Any]]:
    """Yield, for each condition that an index answers, the statement that finds its runs."""
    dialect = connection.dialect.name
    for condition in query.conditions:
        if condition.entity == "metric":
            yield sa.select(latest_metrics.c.run).where(
                latest_metrics.c.experiment_id == query.experiment,
                latest_metrics.c.key == condition.key,
                value_of(latest_metrics, condition, dialect),
            )
        elif condition.op == "=" and condition.entity in ("parameter", "tag"):
            table = params if condition.entity == "parameter" else tags
            equal = _equal(connection, table.c.value, str(condition.value))
            yield sa.select(table.c.run).where(table.c.key == condition.key, equal)
        elif condition.op in ("=", "IN") and condition.key in ("run_id", "run_name"):
            column = ATTRIBUTES[condition.key]
            yield sa.select(runs.c.id).where(
                runs.c.experiment_id == query.experiment,
                compare(column, condition.op, condition.value, dialect),
            )


def _equal(connection: Connection, column: sa.ColumnElement[str], text: str) -> Any:
    """Return that a text equals, in the words of the index on its number and its beginning."""
    number = connection.scalar(sa.select(number_of(sa.cast(sa.literal(text), sa.Text))))
    same = number_of(column).is_(None) if number is None else number_of(column) == number
    begins = same & (prefix_of(column) == text[:PREFIX])
    # a plain comparison of the column would make SQLite rewrite the expressions of the index
    return begins if len(text) < PREFIX else begins & (sa.func.substr(column, 1) == text)
