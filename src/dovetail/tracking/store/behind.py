"""What lies behind versions: the runs that made them and the logged models that they are."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.tracking.store import logged_models as models
from dovetail.tracking.store.bulk import select_for
from dovetail.tracking.store.entities import run_entities
from dovetail.tracking.store.schema import logged_models, runs
from dovetail.wire.mlflow import LoggedModel, Run

__all__ = ["models_of", "runs_of"]

_runs = sa.select(runs).where(runs.c.run_id.in_(sa.bindparam("ids", expanding=True)))
_models = sa.select(logged_models).where(
    logged_models.c.model_id.in_(sa.bindparam("ids", expanding=True))
)


def runs_of(connection: Connection, ids: Iterable[str | None]) -> dict[str, Run]:
    """Return runs by their id; those that are not there are left out."""
    wanted = sorted({one for one in ids if one})
    rows = list(select_for(connection, _runs, "ids", wanted))
    return {run.info.run_id: run for run in run_entities(connection, rows)}


def models_of(connection: Connection, ids: Iterable[str | None]) -> dict[str, LoggedModel]:
    """Return logged models by their id; those that are not there are left out."""
    wanted = sorted({one for one in ids if one})
    rows = list(select_for(connection, _models, "ids", wanted))
    return {model.info.model_id: model for model in models.entities(connection, rows)}
