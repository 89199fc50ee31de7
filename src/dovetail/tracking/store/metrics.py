"""Metrics in the database: logged by the thousand, read by the page, sampled for charts.

A point that is logged twice is kept once. NaN and the infinities have no place in an SQL order, so
NaN is stored as zero with a mark, and an infinity as the greatest finite number, as MLflow does.
"""

import math
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store import rollups
from dovetail.tracking.store.bulk import insert_or_skip, insert_or_update
from dovetail.tracking.store.runs import RunKey
from dovetail.tracking.store.schema import latest_metrics, metrics
from dovetail.tracking.store.stretches import MOST
from dovetail.wire.mlflow import Metric

__all__ = ["history", "log", "sample", "storable"]

EXACT = 5000
Point = Row[float, int, int, bool]
_NEWER = ("step", "timestamp", "value")
_of_key = (metrics.c.run == sa.bindparam("run")) & (metrics.c.key == sa.bindparam("key"))
_point = (metrics.c.value, metrics.c.timestamp, metrics.c.step, metrics.c.is_nan)
_in_order = (metrics.c.step, metrics.c.timestamp, metrics.c.value, metrics.c.is_nan)

# Divides a range of steps evenly and seeks, for each part, the first point at or after its start.
_spread = sa.text(
    """
    WITH RECURSIVE targets(i, at) AS (
        SELECT 0, CAST(:low AS BIGINT)
        UNION ALL
        SELECT i + 1, CAST(:low AS BIGINT) + CAST(:span AS BIGINT) * (i + 1) / :parts
        FROM targets WHERE i < :parts
    ), steps AS (
        SELECT DISTINCT (
            SELECT min(m.step) FROM metrics AS m
            WHERE m.run = :run AND m."key" = :key AND m.step >= targets.at
        ) AS step FROM targets
    ), firsts AS (
        SELECT step, (
            SELECT min(m."timestamp") FROM metrics AS m
            WHERE m.run = :run AND m."key" = :key AND m.step = steps.step
        ) AS at FROM steps
    )
    SELECT m.value, m."timestamp", m.step, m.is_nan
    FROM firsts JOIN metrics AS m
    ON m.run = :run AND m."key" = :key AND m.step = firsts.step AND m."timestamp" = firsts.at
    ORDER BY m.step, m.value
    """
).columns(*_point)


def storable(value: float) -> tuple[float, bool]:
    """Return the number to store for a value, and whether the value was NaN."""
    if math.isfinite(value):
        return value, False
    if math.isnan(value):
        return 0.0, True
    return (MOST if value > 0 else -MOST), False


def log(connection: Connection, run: RunKey, points: Sequence[Metric]) -> None:
    """Insert points and keep the newest of each key at hand."""
    rows = []
    newest: dict[str, tuple[Any, ...]] = {}
    for point in points:
        key = point.key
        value, is_nan = storable(point.value)
        row = (run.id, key, point.step, point.timestamp, value, is_nan)
        rows.append(row)
        best = newest.get(key)
        if best is None or row[2:5] > best[2:5]:
            newest[key] = row
    insert_or_skip(connection, metrics, rows)
    keys = sorted(newest) if len(newest) > 1 else newest  # in one order, or writers lock each other
    latest = [(*newest[key], run.experiment_id) for key in keys]
    insert_or_update(connection, latest_metrics, latest, newer=_NEWER)
    rolled = run.has_rollups
    if rollups.exist(connection, run.id) if rolled is None else rolled:
        least: dict[str, tuple[int, int]] = {}
        for row in rows:
            least[row[1]] = min(row[2:4], least.get(row[1], row[2:4]))
        rollups.cut(connection, run.id, least)


def _metric(key: str, row: Point, run_id: str | None = None) -> Metric:
    value = math.nan if row[3] else row[0]
    return Metric(key, value, row[1], row[2], run_id=run_id)


def history(
    connection: Connection,
    run: int,
    key: str,
    offset: int,
    limit: int | None,
    run_id: str | None = None,
) -> list[Metric]:
    """Return the points of one metric by time.

    Args:
        connection: where to read.
        run: the run's key inside the database.
        key: which metric.
        offset: how many points to pass over.
        limit: how many points at most; None for all.
        run_id: the run's public id, where each point shall say whose it is.
    """
    query = (
        sa.select(*_point)
        .where(_of_key)
        .order_by(metrics.c.timestamp, metrics.c.step, metrics.c.value)
        .offset(offset or None)
        .limit(limit)
    )
    rows = connection.execute(query, {"run": run, "key": key}).all()
    return [_metric(key, row, run_id) for row in rows]


def sample(
    connection: Connection,
    run: tuple[int, str],
    key: str,
    count: int,
    steps: tuple[int, int] | None,
) -> list[Metric]:
    """Return at most `count` points of one metric, evenly spread, with the first and the last.

    Short series are divided by rank, as MLflow does. Long ones are divided by step, which needs
    one index seek a point instead of reading the whole series.

    Args:
        connection: where to read.
        run: the run's key inside the database and its public id.
        key: which metric.
        count: how many points at most.
        steps: first and last step to look at; None for all.
    """
    where = _within(steps)
    given = {"run": run[0], "key": key}
    some = sa.select(sa.literal(1)).where(where).limit(EXACT + 1).subquery()
    size = connection.scalar(sa.select(sa.func.count()).select_from(some), given) or 0
    if size > EXACT:
        ends = sa.select(sa.func.min(metrics.c.step), sa.func.max(metrics.c.step)).where(where)
        low, high = connection.execute(ends, given).one()
        if high - low + 1 >= count:
            rows = _by_step(connection, steps, given, count, (low, high))
            return [_metric(key, row, run[1]) for row in rows]
    rows = _by_rank(connection, where, given, count)
    return [_metric(key, row, run[1]) for row in rows]


def _by_step(
    connection: Connection,
    steps: tuple[int, int] | None,
    given: dict[str, Any],
    count: int,
    ends: tuple[int, int],
) -> list[Point]:
    low, high = ends
    asked = {**given, "low": low, "span": high - low, "parts": max(1, count - 1)}
    found: dict[int, Point] = {}
    for row in connection.execute(_spread, asked):
        found.setdefault(row[2], row)
    last = _last(connection, _within(steps), given)
    kept = [row for step, row in found.items() if step <= high][: count - 1]
    if last is None or (kept and kept[-1] == last):
        return kept
    return [*kept, last]


def _within(steps: tuple[int, int] | None) -> sa.ColumnElement[bool]:
    return _of_key if steps is None else _of_key & metrics.c.step.between(*steps)


def _last(
    connection: Connection, where: sa.ColumnElement[bool], given: dict[str, Any]
) -> Point | None:
    query = sa.select(*_point).where(where).order_by(*(c.desc() for c in _in_order)).limit(1)
    return connection.execute(query, given).first()


def _by_rank(
    connection: Connection, where: sa.ColumnElement[bool], given: dict[str, Any], count: int
) -> list[Point]:
    bucket = sa.func.ntile(count).over(order_by=_in_order).label("bucket")
    bucketed = sa.select(*_point, bucket).where(where).subquery()
    order = [bucketed.c[column.name] for column in _in_order]
    rank = sa.func.row_number().over(partition_by=bucketed.c.bucket, order_by=order).label("rank")
    ranked = sa.select(bucketed, rank).subquery()
    query = (
        sa.select(ranked.c.value, ranked.c.timestamp, ranked.c.step, ranked.c.is_nan)
        .where(ranked.c.rank == 1)
        .order_by(*(ranked.c[column.name] for column in _in_order))
    )
    rows = list(connection.execute(query, given))
    last = _last(connection, where, given)
    if last is not None and (not rows or tuple(rows[-1]) != tuple(last)):
        rows = [*rows[: count - 1], last] if len(rows) >= count else [*rows, last]
    return rows
