"""Deleting rows a little at a time, so that a server goes on answering meanwhile.

A run may have ten million points. They are deleted along the primary key in pieces whose size
follows how long the last one took, and other writers have their turn between two pieces.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.tracking.store import rollups, traces
from dovetail.tracking.store.retention_schema import retention_rules, thinned_runs
from dovetail.tracking.store.schema import (
    datasets,
    experiment_tags,
    experiments,
    input_tags,
    inputs,
    latest_metrics,
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
    metrics,
    params,
    run_models,
    runs,
    tags,
)
from dovetail.tracking.store.sizes_schema import experiment_sizes
from dovetail.tracking.store.traces_schema import trace_runs

__all__ = ["Pace", "by_index", "delete_experiment", "delete_models", "delete_points", "delete_runs"]

_KEY = (metrics.c.key, metrics.c.step, metrics.c.timestamp, metrics.c.value, metrics.c.is_nan)
_place = sa.tuple_(*_KEY)
_of_run = metrics.c.run == sa.bindparam("run")


def by_index(connection: Connection) -> None:
    """Have the rest of the transaction walk indexes in their order.

    PostgreSQL otherwise collects and sorts all points of a run to find the next two thousand, as
    long as it has no statistics that tell it how many there are.
    """
    if connection.dialect.name == "postgresql":
        for way in ("seqscan", "bitmapscan", "sort"):
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")


class Pace:
    """How many rows one transaction deletes, so that each takes about as long.

    Args:
        seconds: how long one may take.
    """

    def __init__(self, seconds: float = 0.02) -> None:
        self._seconds = seconds
        self.rows = 2000

    def timed(self, database: Database, work: Callable[[Connection], int]) -> int:
        """Run a deletion in a transaction of its own, and learn from how long it took."""
        took = [0.0]

        def measured(connection: Connection) -> int:
            began = time.perf_counter()
            count = work(connection)
            took[0] = time.perf_counter() - began
            return count

        count = database.write(measured)
        if count:
            fair = self.rows * self._seconds / max(took[0], 1e-4)
            self.rows = int(min(max(fair, self.rows / 2, 200), self.rows * 2, 20_000))
        return count


def delete_points(
    database: Database, run: int, pace: Pace, halted: Callable[[], bool]
) -> tuple[int, bool]:
    """Delete the points of a run until few are left, and return how many went.

    Args:
        database: the tables.
        run: the run's key inside the database.
        pace: how many at a time.
        halted: whether to stop before the end.

    Returns:
        How many points were deleted, and whether no more than one piece is left.
    """
    gone = 0
    start: Sequence[Any] | None = None
    while not halted():
        count = pace.rows
        stop = database.read(lambda c: _after(c, run, start, count))  # noqa: B023
        if stop is None:
            return gone, True
        delete = _counted if database.dialect == "postgresql" else _between
        gone += pace.timed(database, lambda c: delete(c, run, start, stop, count))  # noqa: B023
        start = stop
    return gone, False


def _from(start: Sequence[Any] | None) -> list[Any]:
    return [] if start is None else [_place >= sa.tuple_(*_typed(start))]


def _typed(place: Sequence[Any]) -> list[Any]:
    pairs = zip(place, _KEY, strict=True)
    return [sa.literal(value, column.type) for value, column in pairs]


def _after(
    connection: Connection, run: int, start: Sequence[Any] | None, count: int
) -> Sequence[Any] | None:
    """Return the point that comes a number of points after another."""
    by_index(connection)
    query = sa.select(*_KEY).where(_of_run, *_from(start)).order_by(*_KEY).offset(count).limit(1)
    row = connection.execute(query, {"run": run}).first()
    return None if row is None else tuple(row)


def _between(
    connection: Connection,
    run: int,
    start: Sequence[Any] | None,
    stop: Sequence[Any],
    _count: int,
) -> int:
    some = sa.delete(metrics).where(_of_run, *_from(start), _place < sa.tuple_(*_typed(stop)))
    return connection.execute(some, {"run": run}).rowcount


def _counted(
    connection: Connection,
    run: int,
    start: Sequence[Any] | None,
    _stop: Sequence[Any],
    count: int,
) -> int:
    """Delete so many points from a place on; PostgreSQL does not stop at an upper place."""
    by_index(connection)
    address: Any = sa.literal_column("ctid")
    some = sa.select(address).select_from(metrics).where(_of_run, *_from(start))
    some = some.order_by(*_KEY).limit(count)
    these = sa.any_(sa.func.array(some.scalar_subquery()))
    return connection.execute(sa.delete(metrics).where(address == these), {"run": run}).rowcount


def _delete(connection: Connection, column: Any, keys: Sequence[Any]) -> int:
    return connection.execute(sa.delete(column.table).where(column.in_(keys))).rowcount


def delete_runs(connection: Connection, keys: Sequence[int], ids: Sequence[str]) -> int:
    """Delete runs with few points, and all that hangs on them.

    Args:
        connection: a connection in a transaction.
        keys: of the runs inside the database.
        ids: their public ids, which hidden runs no longer have.
    """
    read = sa.select(inputs.c.id).where(inputs.c.run.in_(keys))
    gone = connection.execute(sa.delete(input_tags).where(input_tags.c.input.in_(read))).rowcount
    rollups.forget(connection, keys)
    for table in (inputs, run_models, metrics, latest_metrics, params, tags):
        gone += _delete(connection, table.c.run, keys)
    gone += _delete(connection, trace_runs.c.run_id, ids)
    _delete(connection, thinned_runs.c.run, keys)
    return gone + _delete(connection, runs.c.id, keys)


def delete_models(connection: Connection, ids: Sequence[str]) -> int:
    """Delete logged models and all that hangs on them."""
    gone = _delete(connection, run_models.c.model_id, ids)
    for table in (logged_model_metrics, logged_model_params, logged_model_tags, logged_models):
        gone += _delete(connection, table.c.model_id, ids)
    return gone


def delete_experiment(connection: Connection, number: int) -> int:
    """Delete an experiment that has neither runs nor logged models any more."""
    gone = traces.delete_of_experiment(connection, number)
    for own in (retention_rules, experiment_sizes):
        _delete(connection, own.c.experiment_id, [number])
    for table in (experiment_tags, datasets, experiments):
        gone += _delete(connection, table.c.experiment_id, [number])
    return gone
