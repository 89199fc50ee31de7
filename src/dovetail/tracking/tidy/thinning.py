"""Thinning long histories so that what a chart shows stays: ends, extremes, and the shape.

A history is divided into as many parts of equal length as the bound allows, and of each part the
least and the greatest point stay, and the first that is not a number; with them the first and the
last point of all. No spike is lost, and the newest value stays what it was.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.tracking.store import rollups
from dovetail.tracking.store.schema import metrics
from dovetail.tracking.tidy.rows import Pace, by_index

__all__ = ["History", "keepers", "long_histories", "thin"]

PAGE = 20_000
Point = tuple[int, int, float, bool]
_ORDER = (metrics.c.step, metrics.c.timestamp, metrics.c.value, metrics.c.is_nan)
_place = sa.tuple_(*_ORDER)
_of_key = (metrics.c.run == sa.bindparam("run")) & (metrics.c.key == sa.bindparam("key"))


@dataclass(frozen=True)
class History:
    """One metric of one run.

    Attributes:
        run: the run's key inside the database.
        key: the metric's name.
        points: how many points it has.
        has_nan: whether some are not numbers.
    """

    run: int
    key: str
    points: int
    has_nan: bool


def long_histories(connection: Connection, run: int, most: int) -> list[History]:
    """Return the histories of a run with more points than allowed."""
    count = sa.func.count()
    nan = sa.func.max(sa.case((metrics.c.is_nan, 1), else_=0))
    query = (
        sa.select(metrics.c.key, count.label("points"), nan.label("nan"))
        .where(metrics.c.run == run)
        .group_by(metrics.c.key)
        .having(count > most)
    )
    return [History(run, row.key, row.points, bool(row.nan)) for row in connection.execute(query)]


def keepers(points: Iterator[Point], count: int, most: int, *, has_nan: bool) -> list[Point]:
    """Return the points of a history that stay, in order.

    Args:
        points: all points in order, not fewer than `count`.
        count: how many points to divide.
        most: how many points may stay, at least 10.
        has_nan: whether some of them are not numbers.
    """
    parts = (most - 2) // (3 if has_nan else 2)
    kept: set[Point] = set()
    part = -1
    least: Point | None = None
    greatest: Point | None = None
    nan: Point | None = None
    last: Point | None = None
    for rank, point in enumerate(points):
        if last is None:
            kept.add(point)
        last = point
        now = min(rank * parts // count, parts - 1)
        if now != part:
            kept.update(one for one in (least, greatest, nan) if one is not None)
            part, least, greatest, nan = now, None, None, None
        if point[3]:
            nan = nan or point
            continue
        if least is None or point[2] < least[2]:
            least = point
        if greatest is None or point[2] > greatest[2]:
            greatest = point
    kept.update(one for one in (least, greatest, nan, last) if one is not None)
    return sorted(kept)


def thin(
    database: Database,
    history: History,
    most: int,
    pace: Pace,
    halted: Callable[[], bool],
) -> int:
    """Thin a history, a little at a time, and return how many points went.

    What is logged meanwhile after the last point is left alone. Stopped half way, the history is
    thinner than before and still has its ends and extremes; thinning it again finishes it.

    Args:
        database: the tables.
        history: which one.
        most: how many points may stay.
        pace: how many rows one transaction deletes.
        halted: whether to stop before the end.
    """
    points = (point for page in _pages(database, history) for point in page)
    kept = keepers(points, history.points, most, has_nan=history.has_nan)
    stay, end, gone = set(kept), kept[-1], 0
    for page in _pages(database, history):
        for some in _portions(page, stay, end, lambda: pace.rows):
            if halted():
                return gone
            gone += pace.timed(database, lambda c: _delete(c, history, some))  # noqa: B023
    return gone


def _pages(database: Database, history: History) -> Iterator[list[Point]]:
    """Read a history in short transactions, so that no reader holds up the writer's log."""
    after: Sequence[Any] | None = None
    given = {"run": history.run, "key": history.key}
    while True:
        query = sa.select(*_ORDER).where(_of_key).order_by(*_ORDER).limit(PAGE)
        if after is not None:
            query = query.where(_place > sa.tuple_(*_typed(after)))
        rows = database.read(lambda c: _page(c, query, given))  # noqa: B023
        if not rows:
            return
        yield [(row[0], row[1], row[2], bool(row[3])) for row in rows]
        after = tuple(rows[-1])


def _page(connection: Connection, query: Any, given: Any) -> Sequence[Any]:
    by_index(connection)
    return connection.execute(query, given).all()


def _typed(place: Sequence[Any]) -> list[Any]:
    pairs = zip(place, _ORDER, strict=True)
    return [sa.literal(value, column.type) for value, column in pairs]


def _portions(
    page: Sequence[Point], stay: set[Point], end: Point, size: Callable[[], int]
) -> Iterator[list[tuple[Point, Point]]]:
    """Yield what goes of a page as stretches from a first to a last point, some at a time."""
    stretches: list[tuple[Point, Point]] = []
    first: Point | None = None
    last: Point | None = None
    held = 0
    for point in page:
        if point in stay or point > end or held >= size():
            if first is not None and last is not None:
                stretches.append((first, last))
            first = last = None
        if held >= size():
            yield stretches
            stretches, held = [], 0
        if point in stay or point > end:
            continue
        first, last, held = first or point, point, held + 1
    if first is not None and last is not None:
        stretches.append((first, last))
    if stretches:
        yield stretches


def _delete(
    connection: Connection, history: History, stretches: Sequence[tuple[Point, Point]]
) -> int:
    gone = 0
    given = {"run": history.run, "key": history.key}
    by_index(connection)
    rollups.forget(connection, [history.run])  # blocks of a chart that hold what goes
    for first, last in stretches:
        inside = (
            metrics.c.step.between(first[0], last[0]),  # where PostgreSQL ends its walk
            _place >= sa.tuple_(*_typed(first)),
            _place <= sa.tuple_(*_typed(last)),
        )
        gone += connection.execute(sa.delete(metrics).where(_of_key, *inside), given).rowcount
    return gone
