"""How large each experiment is: rows, points, files, bytes; measured off the request path.

Measuring reads every point and lists every file, so it is done in a thread and kept with its
instant. The size in the database is an estimate: the text of the rows and what a row costs beside
it, twice on PostgreSQL, where the rows lie beside their index.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.sql import Database
from dovetail.tracking.store.bulk import insert_or_update
from dovetail.tracking.store.experiments import PURGING
from dovetail.tracking.store.schema import (
    datasets,
    experiment_tags,
    experiments,
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
from dovetail.tracking.store.traces_schema import traces
from dovetail.tracking.tidy.places import Places
from dovetail.wire.tidy import ExperimentSize

__all__ = ["Sizes"]

PER_COLUMN = 5
PER_ROW = {"sqlite": 4, "postgresql": 28}
COPIES = {"sqlite": 1, "postgresql": 2}
_OF_RUN = (metrics, latest_metrics, params, tags, inputs, run_models)
_OF_MODEL = (logged_model_metrics, logged_model_params, logged_model_tags)
_OF_EXPERIMENT = (experiment_tags, datasets, runs, logged_models, traces)


class Sizes:
    """Measures experiments and remembers what it found.

    Args:
        database: the tables.
        places: the store of the files.
        now: gives the time in milliseconds.
    """

    def __init__(self, database: Database, places: Places, now: Callable[[], int]) -> None:
        self._database, self._places, self._now = database, places, now

    def known(self) -> list[ExperimentSize]:
        """Return every experiment with its size, where it was measured; the largest first."""
        query = (
            sa.select(
                experiments.c.experiment_id.label("number"),
                experiments.c.name,
                experiments.c.lifecycle_stage,
                experiment_sizes,
            )
            .outerjoin(
                experiment_sizes,
                experiment_sizes.c.experiment_id == experiments.c.experiment_id,
            )
            .where(experiments.c.lifecycle_stage != PURGING)
        )
        rows = self._database.read(lambda c: c.execute(query).all())
        found = [_size(row) for row in rows]
        return sorted(found, key=lambda one: (-(one.database or 0) - (one.bytes or 0), one.id))

    def measure(self, halted: Callable[[], bool]) -> None:
        """Measure every experiment."""
        query = sa.select(experiments.c.experiment_id, experiments.c.artifact_location).where(
            experiments.c.lifecycle_stage != PURGING
        )
        for number, location in self._database.read(lambda c: c.execute(query).all()):
            if halted():
                return
            row = (number, self._now(), *self._rows(number), *self._files(location))
            self._database.write(lambda c: insert_or_update(c, experiment_sizes, [row]))  # noqa: B023
        self._database.write(_forget_gone)

    def _rows(self, number: int) -> tuple[int, ...]:
        return self._database.read(lambda c: _rows_of(c, number))

    def _files(self, location: str) -> tuple[int | None, int | None]:
        path = self._places.path_of(location)
        if path is None:
            return None, None
        usage = self._places.usage(path)
        return usage.files, usage.bytes


def _forget_gone(connection: Connection) -> None:
    there = sa.select(experiments.c.experiment_id)
    connection.execute(
        sa.delete(experiment_sizes).where(experiment_sizes.c.experiment_id.not_in(there))
    )


def _rows_of(connection: Connection, number: int) -> tuple[int, ...]:
    """Return how many runs, models, points, rows and bytes an experiment has."""
    own = sa.select(runs.c.id).where(runs.c.experiment_id == number)
    made = sa.select(logged_models.c.model_id).where(logged_models.c.experiment_id == number)
    counts: dict[str, int] = {}
    size = 0
    for tables, column, keys in (
        (_OF_RUN, "run", own),
        (_OF_MODEL, "model_id", made),
        (_OF_EXPERIMENT, "experiment_id", [number]),
    ):
        for table in tables:
            counts[table.name], text = _measured(connection, table, table.c[column].in_(keys))
            row = PER_ROW[connection.dialect.name] + PER_COLUMN * len(table.c)
            copies = COPIES[connection.dialect.name]
            size += copies * (text + counts[table.name] * row)
    return (
        counts["runs"],
        counts["logged_models"],
        counts["metrics"],
        sum(counts.values()) + 1,
        size,
    )


def _measured(connection: Connection, table: sa.Table, where: Any) -> tuple[int, int]:
    texts = [c for c in table.c if isinstance(c.type, sa.String)]
    length: Any = sa.literal(0)
    for column in texts:
        length = length + sa.func.coalesce(sa.func.length(column), 0)
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(length), 0)).where(where)
    count, text = connection.execute(query.select_from(table)).one()
    return int(count), int(text)


def _size(row: Row[Any]) -> ExperimentSize:
    names: Sequence[str] = ("runs", "models", "points", "rows", "database", "files", "bytes")
    return ExperimentSize(
        id=str(row.number),
        name=row.name,
        deleted=row.lifecycle_stage == "deleted",
        measured=row.at,
        **{name: row._mapping[name] for name in names},
    )
