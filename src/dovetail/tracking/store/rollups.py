"""Blocks of long metrics: built when somebody looks, cut where an older point arrives late.

Logging stays as it was, but for one look whether the run has rollups at all. Whoever draws a metric
extends its blocks up to now, a chunk of points in each transaction, so that writers wait for a few
milliseconds at most. The row of the newest point is locked first: on PostgreSQL that waits for
writers of this metric who are not done yet, on SQLite there is only one writer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store.bulk import drive, insert_one, insert_or_skip, mark
from dovetail.tracking.store.rollup_schema import BLOCK, FAN, blocks, rollups
from dovetail.tracking.store.schema import latest_metrics, metrics
from dovetail.tracking.store.stretches import Point, Stretch, merged, of_points

__all__ = [
    "TAIL",
    "after",
    "cut",
    "exist",
    "extend",
    "find",
    "forget",
    "points_up_to",
    "stretch_of",
]

TAIL = 2048
CHUNK = 64 * BLOCK
_place = sa.tuple_(metrics.c.step, metrics.c.timestamp, metrics.c.value, metrics.c.is_nan)
_ends = (rollups.c.end_step, rollups.c.end_timestamp, rollups.c.end_value, rollups.c.end_is_nan)
_SUMMARY = slice(3, 3 + len(Stretch._fields))
_of_metric = (metrics.c.run == sa.bindparam("run")) & (metrics.c.key == sa.bindparam("key"))


def find(connection: Connection, run: int, key: str) -> Row[Any] | None:
    """Return the rollup of a metric, if it has one."""
    which = (rollups.c.run == run) & (rollups.c.key == key)
    return connection.execute(sa.select(rollups).where(which)).first()


def exist(connection: Connection, run: int) -> bool:
    """Tell whether any metric of a run has a rollup; asked at each logging, so without detours."""
    asked = f"SELECT 1 FROM rollups WHERE run = {mark(connection)} LIMIT 1"
    return drive(connection, asked, (run,)).fetchone() is not None


def after(
    connection: Connection, run: int, key: str, rollup: Row[Any] | None, limit: int
) -> list[Point]:
    """Return the first points that no block holds yet, in order.

    Args:
        connection: where to read.
        run: the run's key inside the database.
        key: which metric.
        rollup: how far its blocks reach.
        limit: how many points at most.
    """
    where = _of_metric
    if rollup is not None and rollup.blocks:
        end = (rollup.end_step, rollup.end_timestamp, rollup.end_value, rollup.end_is_nan)
        where &= _place > _bound(end)
    query = sa.select(*_place.clauses).where(where).order_by(*_place.clauses).limit(limit)
    return _points(connection, query, {"run": run, "key": key})


def _points(connection: Connection, query: sa.Select[Any], given: dict[str, Any]) -> list[Point]:
    """Run a query for points and return the driver's own tuples, which saves half of the time."""
    result = connection.execute(query, given)
    found: list[Point] = list(result.cursor.fetchall()) if result.cursor else []
    result.close()
    return found


def _bound(end: Sequence[Any]) -> Any:
    columns = (metrics.c.step, metrics.c.timestamp, metrics.c.value, metrics.c.is_nan)
    return sa.tuple_(*(sa.literal(v, c.type) for v, c in zip(end, columns, strict=True)))


def points_up_to(
    connection: Connection, run: int, key: str, block: Row[Any], count: int
) -> list[Point]:
    """Return the points of a block of level 0 and of those before it, in order.

    Args:
        connection: where to read.
        run: the run's key inside the database.
        key: which metric.
        block: the last of the blocks.
        count: how many blocks.
    """
    end = (block.last_step, block.end_timestamp, block.end_value, block.end_is_nan)
    order = [column.desc() for column in _place.clauses]
    query = sa.select(*_place.clauses).where(_of_metric & (_place <= _bound(end)))
    limited = query.order_by(*order).limit(count * BLOCK)
    return _points(connection, limited, {"run": run, "key": key})[::-1]


def stretch_of(row: Row[Any]) -> Stretch:
    """Return what a block holds."""
    return Stretch(*row[_SUMMARY])


def extend(connection: Connection, run: int, key: str) -> bool:
    """Build the blocks of the next chunk of points and tell whether more wait.

    Args:
        connection: a connection in a transaction.
        run: the run's key inside the database.
        key: which metric.
    """
    newest = (latest_metrics.c.run == run) & (latest_metrics.c.key == key)
    lock = sa.select(latest_metrics.c.step).where(newest).with_for_update()
    if connection.scalar(lock) is None:
        return False
    rollup = find(connection, run, key)
    points = after(connection, run, key, rollup, CHUNK)
    whole = len(points) - len(points) % BLOCK
    if not whole:
        return False
    number = 0 if rollup is None else int(rollup.blocks)
    identity = int(rollup.id) if rollup is not None else _begin(connection, run, key)
    rows = [
        _row(
            identity,
            0,
            number + i // BLOCK,
            of_points(points[i : i + BLOCK]),
            points[i + BLOCK - 1],
        )
        for i in range(0, whole, BLOCK)
    ]
    insert_or_skip(connection, blocks, rows)
    total = number + len(rows)
    _raise_levels(connection, identity, number, total)
    _reach(connection, identity, total, points[whole - 1])
    return len(points) == CHUNK


def _begin(connection: Connection, run: int, key: str) -> int:
    return insert_one(connection, rollups, {"run": run, "key": key, "blocks": 0})


def _reach(connection: Connection, rollup: int, total: int, end: Sequence[Any]) -> None:
    ends = {column.name: value for column, value in zip(_ends, end, strict=True)}
    change = sa.update(rollups).where(rollups.c.id == rollup).values(blocks=total, **ends)
    connection.execute(change)


def _row(
    rollup: int, level: int, number: int, stretch: Stretch, end: Sequence[Any]
) -> tuple[Any, ...]:
    return (rollup, level, number, *stretch, end[1], end[2], bool(end[3]))


def _raise_levels(connection: Connection, rollup: int, before: int, now: int) -> None:
    """Insert the blocks of higher levels that became whole."""
    level = 0
    while now // FAN > 0:
        first, last = before // FAN, now // FAN
        if first < last:
            held = _read(connection, rollup, level, first * FAN, last * FAN)
            rows = []
            for i in range(0, len(held), FAN):
                group = held[i : i + FAN]
                end = group[-1]
                stretch = merged([stretch_of(row) for row in group])
                ends = (None, end.end_timestamp, end.end_value, end.end_is_nan)
                rows.append(_row(rollup, level + 1, first + i // FAN, stretch, ends))
            insert_or_skip(connection, blocks, rows)
        before, now, level = first, last, level + 1


def _read(
    connection: Connection, rollup: int, level: int, first: int, last: int
) -> Sequence[Row[Any]]:
    which = (
        (blocks.c.rollup == rollup)
        & (blocks.c.level == level)
        & (blocks.c.number >= first)
        & (blocks.c.number < last)
    )
    return connection.execute(sa.select(blocks).where(which).order_by(blocks.c.number)).all()


def cut(connection: Connection, run: int, least: Mapping[str, tuple[int, int]]) -> None:
    """Drop the blocks that points which were just logged fall into.

    Args:
        connection: a connection in the transaction that logged them, after it did.
        run: the run's key inside the database.
        least: step and time of the first point that was logged of each metric.
    """
    reaching = sa.select(rollups).where(rollups.c.run == run)
    for rollup in connection.execute(reaching).all():
        place = least.get(rollup.key)
        if place and rollup.blocks and place <= (rollup.end_step, rollup.end_timestamp):
            _cut(connection, rollup, place)


def forget(connection: Connection, runs: Sequence[int]) -> None:
    """Drop all blocks of runs that are removed for good; their keys may be given to new runs."""
    mine = rollups.c.run.in_(runs)
    held = sa.select(rollups.c.id).where(mine)
    connection.execute(sa.delete(blocks).where(blocks.c.rollup.in_(held)))
    connection.execute(sa.delete(rollups).where(mine))


def _cut(connection: Connection, rollup: Row[Any], place: tuple[int, int]) -> None:
    mine = blocks.c.rollup == rollup.id
    end = sa.tuple_(blocks.c.last_step, blocks.c.end_timestamp)
    intact = (
        sa.select(blocks)
        .where(mine, blocks.c.level == 0, end < sa.tuple_(*map(sa.literal, place)))
        .order_by(blocks.c.number.desc())
        .limit(1)
    )
    last = connection.execute(intact).first()
    kept = 0 if last is None else int(last.number) + 1
    reach: tuple[Any, ...] = (None,) * 4
    if last is not None:
        reach = (last.last_step, last.end_timestamp, last.end_value, last.end_is_nan)
    _reach(connection, rollup.id, kept, reach)
    level, now = 0, int(rollup.blocks)
    while now:
        beyond = (blocks.c.level == level) & (blocks.c.number >= kept)
        connection.execute(sa.delete(blocks).where(mine, beyond))
        level, now, kept = level + 1, now // FAN, kept // FAN
