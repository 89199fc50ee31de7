"""Counts for the pages, in one statement each."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store.experiments import ACTIVE
from dovetail.tracking.store.schema import experiments, runs
from dovetail.tracking.store.sizes_schema import experiment_sizes

__all__ = ["experiments_with_runs"]

MOST = 500


def experiments_with_runs(connection: Connection) -> list[Row[Any]]:
    """Return active experiments: how many runs they have, when the newest started, their size.

    The size is that of the last measurement: bytes in the database, and of files where they are in
    reach; NULL where there was none.
    """
    query = (
        sa.select(
            experiments.c.experiment_id,
            experiments.c.name,
            experiments.c.creation_time,
            sa.func.count(runs.c.id).label("runs"),
            sa.func.max(runs.c.start_time).label("newest"),
            sa.func.max(experiment_sizes.c.database).label("database"),
            sa.func.max(experiment_sizes.c.bytes).label("bytes"),
        )
        .outerjoin(
            runs,
            sa.and_(
                runs.c.experiment_id == experiments.c.experiment_id,
                runs.c.lifecycle_stage == ACTIVE,
            ),
        )
        .outerjoin(
            experiment_sizes, experiment_sizes.c.experiment_id == experiments.c.experiment_id
        )
        .where(experiments.c.lifecycle_stage == ACTIVE)
        .group_by(experiments.c.experiment_id, experiments.c.name, experiments.c.creation_time)
        .order_by(experiments.c.creation_time.desc(), experiments.c.experiment_id)
        .limit(MOST)
    )
    return list(connection.execute(query))
