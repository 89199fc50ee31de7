"""Which runs and metrics a chart shows, and whether anything new is there since it was drawn."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store.rollup_schema import rollups
from dovetail.tracking.store.schema import latest_metrics, metrics, runs

__all__ = ["curved", "ends", "runs_of"]


def runs_of(connection: Connection, run_ids: Sequence[str]) -> list[Row[Any]]:
    """Return the rows of those runs that there are, in the order that was asked for."""
    query = sa.select(runs).where(runs.c.run_id.in_(run_ids))
    found = {row.run_id: row for row in connection.execute(query)}
    return [found[run_id] for run_id in dict.fromkeys(run_ids) if run_id in found]


def ends(connection: Connection, keys: Sequence[int], names: Sequence[str]) -> list[Row[Any]]:
    """Return the newest point of metrics, and how many blocks hold the ones before it.

    Args:
        connection: where to read.
        keys: the keys of the runs inside the database.
        names: the metrics.
    """
    latest = latest_metrics.c
    joined = latest_metrics.outerjoin(
        rollups, (rollups.c.run == latest.run) & (rollups.c.key == latest.key)
    )
    query: sa.Select[Any] = (
        sa.select(
            latest.run,
            latest.key,
            latest.step,
            latest.timestamp,
            latest.value,
            latest.is_nan,
            rollups.c.blocks,
            rollups.c.end_step,
        )
        .select_from(joined)
        .where(latest.run.in_(keys), latest.key.in_(names))
        .order_by(latest.run, latest.key)
    )
    return list(connection.execute(query))


def curved(connection: Connection, keys: Sequence[int]) -> list[str]:
    """Return the metrics of which any of some runs has more than one point."""
    latest = latest_metrics.c
    before = sa.select(sa.literal(1)).where(
        metrics.c.run == latest.run,
        metrics.c.key == latest.key,
        sa.or_(metrics.c.step != latest.step, metrics.c.timestamp != latest.timestamp),
    )
    query = sa.select(latest.key).where(latest.run.in_(keys), before.exists()).distinct()
    return sorted(connection.scalars(query))
