"""The orders of the table of runs, each as segments that follow each other.

Within a segment all runs have a comparable value. The runs without one, or with NaN, make segments
of their own at the end, in both directions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dovetail.tracking.filters import Order
from dovetail.tracking.store.compile import exists
from dovetail.tracking.store.schema import latest_metrics, params, runs, tags
from dovetail.tracking.store.stretches import MOST
from dovetail.tracking.store.table_schema import number_of, prefix_of

__all__ = ["SORTABLE", "Segment", "place", "segments"]

_TOOK = runs.c.end_time - runs.c.start_time
SORTABLE: dict[str, sa.ColumnElement[Any]] = {
    "name": runs.c.run_name,
    "status": runs.c.status,
    "user": runs.c.user_id,
    "started": runs.c.start_time,
    "ended": runs.c.end_time,
    "took": _TOOK,
}
_NULLABLE = ("ended", "took")


@dataclass(frozen=True)
class Segment:
    """Runs that are ordered by the same columns.

    Attributes:
        source: what to select from.
        where: which rows of it belong to the segment.
        keys: what is ordered by; the last is unique.
        bound: what tells the segment from others on the same index, where no page came before.
    """

    source: Any
    where: tuple[Any, ...]
    keys: tuple[sa.ColumnElement[Any], ...]
    bound: tuple[Any, ...] = ()

    def fits(self, after: Sequence[Any]) -> bool:
        """Tell whether keys, which came in an address, can be keys of this segment."""
        return len(after) == len(self.keys) and all(
            isinstance(value, str) is isinstance(key.type, sa.String)
            and (isinstance(value, str) or abs(value) <= MOST)
            and not (isinstance(value, int) and abs(value) >= 1 << 63)
            for key, value in zip(self.keys, after, strict=True)
        )

    def statements(self, ascending: bool, after: Sequence[Any] = ()) -> Iterator[sa.Select[Any]]:
        """Yield what finds the runs with their keys, from where a page ended.

        Those that share keys with the last run come first, by statements of their own: databases
        walk an index on an expression only for plain comparisons.
        """
        order = [key.asc() if ascending else key.desc() for key in self.keys]
        query = sa.select(runs.c.id, *self.keys).select_from(self.source).where(*self.where)
        query = query.order_by(*order)
        if not after:
            yield query.where(*self.bound)
        for width in range(len(after) - 1, -1, -1):
            same = (k == v for k, v in zip(self.keys[:width], after, strict=False))
            key, value = self.keys[width], after[width]
            yield query.where(*same, key > value if ascending else key < value)


def segments(order: Order, experiment: int) -> list[Segment]:
    """Return the segments of an order, the first things first."""
    if order.entity == "attribute":
        return _by_attribute(order.key)
    if order.entity == "metric":
        return _by_metric(order.key, experiment)
    table = (params if order.entity == "parameter" else tags).alias()
    number, text = number_of(table.c.value), prefix_of(table.c.value)
    joined = runs.join(table, table.c.run == runs.c.id)
    of_key = table.c.key == order.key
    has = _has(params if order.entity == "parameter" else tags, order.key)
    return [
        Segment(joined, (of_key,), (number, text, table.c.run), bound=(number >= -MOST,)),
        Segment(joined, (of_key, number.is_(None)), (text, table.c.run)),
        Segment(runs, (~has,), (runs.c.id,)),
    ]


def _by_attribute(key: str) -> list[Segment]:
    column = SORTABLE[key]
    if key in _NULLABLE:
        return [
            Segment(runs, (column.is_not(None),), (column, runs.c.id)),
            Segment(runs, (column.is_(None),), (runs.c.id,)),
        ]
    return [Segment(runs, (), (column, runs.c.run_id if key == "started" else runs.c.id))]


def _by_metric(key: str, experiment: int) -> list[Segment]:
    best = latest_metrics.alias()
    joined = runs.join(best, best.c.run == runs.c.id)
    mine = (best.c.experiment_id == experiment, best.c.key == key)
    has = _has(latest_metrics, key)
    return [
        Segment(joined, (*mine, best.c.is_nan == sa.false()), (best.c.value, best.c.run)),
        Segment(joined, (*mine, best.c.is_nan == sa.true()), (best.c.run,)),
        Segment(runs, (~has,), (runs.c.id,)),
    ]


def _has(table: sa.Table, key: str) -> sa.ColumnElement[bool]:
    return exists(table, [table.c.run == runs.c.id, table.c.key == key])


def place(order: Order) -> sa.Select[Any]:
    """Return all runs with their segment and up to three keys, to be ordered by who asks.

    What is NULL is no key of the run's segment.
    """
    if order.entity == "attribute":
        column = SORTABLE[order.key]
        tie = runs.c.run_id if order.key == "started" else runs.c.id
        segment = sa.case((column.is_(None), 1), else_=0)
        return sa.select(runs.c.id, segment, column, sa.null(), tie)
    table = {"metric": latest_metrics, "parameter": params, "tag": tags}[order.entity].alias()
    joined = runs.outerjoin(table, (table.c.run == runs.c.id) & (table.c.key == order.key))
    if order.entity == "metric":
        segment = sa.case((table.c.run.is_(None), 2), (table.c.is_nan, 1), else_=0)
        value: Any = sa.case((table.c.is_nan, None), else_=table.c.value)
        text: Any = sa.null()
    else:
        value, text = number_of(table.c.value), prefix_of(table.c.value)
        segment = sa.case((table.c.run.is_(None), 2), (value.is_(None), 1), else_=0)
    return sa.select(runs.c.id, segment, value, text, runs.c.id).select_from(joined)
