"""Counts for the pages, in one statement each."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store.experiments import ACTIVE
from dovetail.tracking.store.schema import experiments, runs

__all__ = ["experiments_with_runs"]

MOST = 500


def experiments_with_runs(connection: Connection) -> list[Row[Any]]:
    """Return active experiments with how many runs they have and when the newest started."""
    query = (
        sa.select(
            experiments.c.experiment_id,
            experiments.c.name,
            experiments.c.creation_time,
            sa.func.count(runs.c.id).label("runs"),
            sa.func.max(runs.c.start_time).label("newest"),
        )
        .outerjoin(
            runs,
            sa.and_(
                runs.c.experiment_id == experiments.c.experiment_id,
                runs.c.lifecycle_stage == ACTIVE,
            ),
        )
        .where(experiments.c.lifecycle_stage == ACTIVE)
        .group_by(experiments.c.experiment_id, experiments.c.name, experiments.c.creation_time)
        .order_by(experiments.c.creation_time.desc(), experiments.c.experiment_id)
        .limit(MOST)
    )
    return list(connection.execute(query))
