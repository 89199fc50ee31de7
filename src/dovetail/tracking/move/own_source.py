"""Our own store as a source of a move: what an export sends, and how an import is checked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.base.sql import Database
from dovetail.tracking.move.records import (
    ModelRecord,
    Point,
    RegisteredRecord,
    RunRecord,
    Skip,
    VersionRecord,
)
from dovetail.tracking.move.traces.own import OwnTraceReader
from dovetail.tracking.store import entities, experiments, logged_models, models, versions
from dovetail.tracking.store.schema import experiments as experiment_table
from dovetail.tracking.store.schema import logged_models as model_table
from dovetail.tracking.store.schema import (
    metadata,
    metrics,
    model_versions,
    registered_models,
    runs,
)
from dovetail.wire.mlflow import Alias, Experiment, RegisteredModel, Run, RunData, Tag

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceReader

__all__ = ["OwnSource"]

NOT_READ = ("webhooks",)
RUNS = 200
POINTS = 10_000
_of_runs: sa.BindParameter[Any] = sa.bindparam("listed", expanding=True)
_points = sa.select(
    metrics.c.run,
    metrics.c.key,
    metrics.c.step,
    metrics.c.timestamp,
    metrics.c.value,
    metrics.c.is_nan,
).where(metrics.c.run.in_(_of_runs))


class OwnSource:
    """Our own store.

    Args:
        database: its tables.
        label: its name in reports.
    """

    def __init__(self, database: Database, label: str) -> None:
        self.database, self.label = database, label
        self.traces: TraceReader | None = OwnTraceReader(database)

    def experiments(self) -> Iterator[Experiment]:
        """Yield every experiment, deleted ones too."""
        query = sa.select(experiment_table).order_by(experiment_table.c.experiment_id)
        yield from self.database.read(
            lambda c: experiments.entities(c, list(c.execute(query).all()))
        )

    def runs(self, experiment_id: str, skip: Skip) -> Iterator[list[RunRecord]]:
        """Yield the runs of an experiment in batches, without those that may be skipped."""
        mine = runs.c.experiment_id == int(experiment_id)
        query = sa.select(runs.c.run_id).where(mine).order_by(runs.c.run_id)
        listed = self.database.read(lambda c: c.scalars(query).all())
        ids = [run for run in listed if not skip(run)]
        for start in range(0, len(ids), RUNS):
            yield self._runs(ids[start : start + RUNS])

    def _runs(self, ids: list[str]) -> list[RunRecord]:
        query = sa.select(runs).where(runs.c.run_id.in_(ids)).order_by(runs.c.run_id)
        rows = self.database.read(lambda c: c.execute(query).all())
        found = self.database.read(lambda c: entities.run_entities(c, rows))
        return [
            RunRecord(_without_metrics(run), row.deleted_time)
            for row, run in zip(rows, found, strict=True)
        ]

    def points(self, runs_read: Sequence[RunRecord]) -> Iterator[list[Point]]:
        """Yield every point of the metrics of some runs once, in batches."""
        ids = [one.id for one in runs_read]
        query = sa.select(runs.c.id, runs.c.run_id).where(runs.c.run_id.in_(ids))
        with self.database.reading() as connection:
            names: dict[int, str] = {row[0]: row[1] for row in connection.execute(query)}
            streamed = connection.execution_options(yield_per=POINTS)
            for rows in streamed.execute(_points, {"listed": list(names)}).partitions():
                yield [(names[r[0]], r[1], r[2], r[3], r[4], bool(r[5])) for r in rows]

    def models(self, experiment_id: str) -> Iterator[ModelRecord]:
        """Yield the logged models of an experiment."""
        mine = model_table.c.experiment_id == int(experiment_id)
        query = sa.select(model_table.c.model_id).where(mine).order_by(model_table.c.model_id)
        ids = self.database.read(lambda c: c.scalars(query).all())
        for start in range(0, len(ids), RUNS):
            some = ids[start : start + RUNS]
            yield from self.database.read(lambda c, some=some: _models(c, some))  # type: ignore[misc]

    def registry(self) -> Iterator[RegisteredRecord]:
        """Yield every registered model with all its versions."""
        query = sa.select(registered_models).order_by(registered_models.c.name)
        for row in self.database.read(lambda c: c.execute(query).all()):
            yield self._registered(row)

    def _registered(self, row: Row[Any]) -> RegisteredRecord:
        mine = (
            sa.select(model_versions, registered_models.c.name)
            .join(registered_models, registered_models.c.id == model_versions.c.model)
            .where(model_versions.c.model == row.id)
            .order_by(model_versions.c.version)
        )
        rows = self.database.read(lambda c: c.execute(mine).all())
        seen = self.database.read(lambda c: versions.entities(c, rows))
        tags = self.database.read(lambda c: models.tags_of(c, [row.id])).get(row.id, {})
        pointing = self.database.read(lambda c: models.aliases_of(c, [row.id])).get(row.id, {})
        model = RegisteredModel(
            name=row.name,
            creation_timestamp=row.creation_timestamp,
            last_updated_timestamp=row.last_updated_timestamp,
            description=row.description,
            tags=tuple(Tag(key, value) for key, value in tags.items()),
            aliases=tuple(Alias(alias, str(number)) for alias, number in pointing.items()),
        )
        records = (
            VersionRecord(version, found.storage_location or found.source or "")
            for found, version in zip(rows, seen, strict=True)
        )
        return RegisteredRecord(model, tuple(records))

    def left_out(self) -> Mapping[str, str]:
        """Return what the store has that is not read, each with the reason."""
        found = {}
        for name in NOT_READ:
            if (table := metadata.tables.get(name)) is not None:
                query = sa.select(sa.func.count()).select_from(table)
                if count := self.database.read(lambda c, query=query: c.scalar(query)):  # type: ignore[misc]
                    found[name] = f"{count} here; they are not taken along"
        return found

    def close(self) -> None:
        """Nothing to give back: the database is its owner's."""


def _models(c: Connection, ids: Sequence[str]) -> list[ModelRecord]:
    rows = c.execute(sa.select(model_table).where(model_table.c.model_id.in_(ids))).all()
    found = logged_models.entities(c, rows)
    return [
        ModelRecord(model, row.lifecycle_stage == experiments.DELETED)
        for row, model in zip(rows, found, strict=True)
    ]


def _without_metrics(run: Run) -> Run:
    data = RunData(params=run.data.params, tags=run.data.tags)
    return Run(info=run.info, data=data, inputs=run.inputs, outputs=run.outputs)
