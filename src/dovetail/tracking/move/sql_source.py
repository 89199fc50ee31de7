"""MLflow's own database as a source of a move: experiments, runs and logged models.

Every read is a short transaction: a server of MLflow that still runs on the database is not held
up, and what it writes meanwhile comes with the next import.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from dovetail.tracking.move.records import ModelRecord, Point, RegisteredRecord, RunRecord, Skip
from dovetail.tracking.move.sql_registry import read_registry
from dovetail.tracking.move.sql_tables import MlflowTables
from dovetail.tracking.move.traces.sql import SqlTraceReader
from dovetail.wire.mlflow import (
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    LoggedModelData,
    LoggedModelInfo,
    LoggedModelParameter,
    Metric,
    ModelInput,
    ModelOutput,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    Tag,
)

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceReader

__all__ = ["STATUSES", "SqlSource"]

RUNS = 200
POINTS = 10_000
WORKSPACE = "default"
STATUSES = (
    "LOGGED_MODEL_STATUS_UNSPECIFIED",
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
)
_NOT_READ = {
    "assessments": "assessments of traces",
    "evaluation_datasets": "evaluation datasets",
    "scorers": "scorers",
    "webhooks": "webhooks",
    "label_schemas": "label schemas",
    "secrets": "secrets of the gateway",
    "endpoints": "endpoints of the gateway",
}
Grouped = dict[str, list[Row[Any]]]


class SqlSource:
    """A database of MLflow.

    Args:
        tables: the database.
    """

    def __init__(self, tables: MlflowTables) -> None:
        self.tables = tables
        self.label = tables.label
        self.traces: TraceReader | None = SqlTraceReader(tables)

    def _here(self, name: str, query: sa.Select[Any]) -> sa.Select[Any]:
        """Narrow a query to the default workspace, where the database has workspaces."""
        if "workspace" not in self.tables.columns[name]:
            return query
        return query.where(sa.column("workspace") == WORKSPACE)

    def experiments(self) -> Iterator[Experiment]:
        """Yield every experiment, deleted ones too."""
        columns = ("experiment_id", "name", "artifact_location", "lifecycle_stage")
        query = self.tables.select("experiments", *columns, "creation_time", "last_update_time")
        rows = self.tables.rows(self._here("experiments", query).order_by(sa.text("1")))
        ids = [row.experiment_id for row in rows]
        tags = self._grouped("experiment_tags", "experiment_id", ids, "key", "value")
        for row in rows:
            made = row.creation_time or 0
            yield Experiment(
                experiment_id=str(row.experiment_id),
                name=row.name,
                artifact_location=row.artifact_location or "",
                lifecycle_stage=row.lifecycle_stage or "active",
                creation_time=made,
                last_update_time=row.last_update_time or made,
                tags=_tags(tags.get(str(row.experiment_id), ())),
            )

    def _grouped(self, name: str, key: str, ids: Sequence[Any], *wanted: str) -> Grouped:
        found: Grouped = {}
        for row in self.tables.rows_for(name, key, ids, key, *wanted):
            found.setdefault(str(row[0]), []).append(row)
        return found

    def runs(self, experiment_id: str, skip: Skip) -> Iterator[list[RunRecord]]:
        """Yield the runs of an experiment in batches, without those that may be skipped."""
        mine = sa.column("experiment_id") == int(experiment_id)
        listed = self.tables.rows(self.tables.select("runs", "run_uuid").where(mine))
        ids = sorted(row[0] for row in listed if not skip(row[0]))
        for start in range(0, len(ids), RUNS):
            yield self._runs(ids[start : start + RUNS])

    def _runs(self, ids: list[str]) -> list[RunRecord]:
        columns = (
            *("run_uuid", "name", "experiment_id", "user_id", "status", "start_time", "end_time"),
            *("artifact_uri", "lifecycle_stage", "deleted_time"),
        )
        params = self._grouped("params", "run_uuid", ids, "key", "value")
        tags = self._grouped("tags", "run_uuid", ids, "key", "value")
        read, models, made = self._inputs(ids)
        records = []
        for row in self.tables.rows_for("runs", "run_uuid", ids, *columns):
            data = RunData(
                params=tuple(Param(p.key, p.value or "") for p in params.get(row.run_uuid, ())),
                tags=_tags(tags.get(row.run_uuid, ())),
            )
            run = Run(
                info=_info(row, data.tags),
                data=data,
                inputs=RunInputs(
                    dataset_inputs=tuple(read.get(row.run_uuid, ())),
                    model_inputs=tuple(models.get(row.run_uuid, ())),
                ),
                outputs=RunOutputs(model_outputs=tuple(made.get(row.run_uuid, ()))),
            )
            records.append(RunRecord(run, row.deleted_time))
        return records

    def _inputs(
        self, ids: list[str]
    ) -> tuple[
        dict[str, list[DatasetInput]], dict[str, list[ModelInput]], dict[str, list[ModelOutput]]
    ]:
        """Return what runs read and made; MLflow keeps all such links in one table."""
        models: dict[str, list[ModelInput]] = {}
        made: dict[str, list[ModelOutput]] = {}
        columns = ("source_id", "source_type", "destination_id", "step")
        for row in self.tables.rows_for("inputs", "source_id", ids, *columns):
            if row.source_type == "RUN_INPUT":
                models.setdefault(row.source_id, []).append(ModelInput(row.destination_id))
            elif row.source_type == "RUN_OUTPUT":
                output = ModelOutput(row.destination_id, row.step or 0)
                made.setdefault(row.source_id, []).append(output)
        return self._datasets(ids), models, made

    def _datasets(self, ids: list[str]) -> dict[str, list[DatasetInput]]:
        columns = ("input_uuid", "source_id", "source_type", "destination_id")
        links = [
            row
            for row in self.tables.rows_for("inputs", "destination_id", ids, *columns)
            if row.source_type == "DATASET"
        ]
        tags = self._grouped("input_tags", "input_uuid", [r[0] for r in links], "name", "value")
        wanted = sorted({row.source_id for row in links})
        described = (
            *("dataset_uuid", "name", "digest", "dataset_source_type", "dataset_source"),
            *("dataset_schema", "dataset_profile"),
        )
        known = {
            row.dataset_uuid: Dataset(
                name=row.name,
                digest=row.digest,
                source_type=row.dataset_source_type,
                source=row.dataset_source,
                schema=row.dataset_schema,
                profile=row.dataset_profile,
            )
            for row in self.tables.rows_for("datasets", "dataset_uuid", wanted, *described)
        }
        found: dict[str, list[DatasetInput]] = {}
        for row in links:
            if (dataset := known.get(row.source_id)) is not None:
                labels = tuple(Tag(t.name, t.value or "") for t in tags.get(row.input_uuid, ()))
                one = DatasetInput(dataset=dataset, tags=labels)
                found.setdefault(row.destination_id, []).append(one)
        return found

    def points(self, runs: Sequence[RunRecord]) -> Iterator[list[Point]]:
        """Yield every point of the metrics of some runs once, in batches."""
        listed: sa.BindParameter[Any] = sa.bindparam("listed", expanding=True)
        columns = ("run_uuid", "key", "step", "timestamp", "value", "is_nan")
        query = self.tables.select("metrics", *columns).where(sa.column("run_uuid").in_(listed))
        with self.tables.connect() as connection:
            streamed = connection.execution_options(yield_per=POINTS)
            result = streamed.execute(query, {"listed": [one.id for one in runs]})
            for rows in result.partitions():
                yield [(r[0], r[1], r[2] or 0, r[3] or 0, r[4], bool(r[5])) for r in rows]

    def models(self, experiment_id: str) -> Iterator[ModelRecord]:
        """Yield the logged models of an experiment; MLflow 2 has none."""
        if not self.tables.has("logged_models"):
            return
        mine = sa.column("experiment_id") == int(experiment_id)
        listed = self.tables.rows(self.tables.select("logged_models", "model_id").where(mine))
        ids = sorted(row[0] for row in listed)
        for start in range(0, len(ids), RUNS):
            yield from self._models(ids[start : start + RUNS])

    def _models(self, ids: list[str]) -> Iterator[ModelRecord]:
        columns = (
            *("model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms"),
            *("last_updated_timestamp_ms", "status", "lifecycle_stage", "model_type"),
            *("source_run_id", "status_message"),
        )
        tags = self._grouped("logged_model_tags", "model_id", ids, "tag_key", "tag_value")
        params = self._grouped("logged_model_params", "model_id", ids, "param_key", "param_value")
        measured = self._grouped(
            *("logged_model_metrics", "model_id", ids, "metric_name", "metric_value"),
            *("metric_timestamp_ms", "metric_step", "run_id", "dataset_name", "dataset_digest"),
        )
        for row in self.tables.rows_for("logged_models", "model_id", ids, *columns):
            labels = tuple(Tag(t.tag_key, t.tag_value or "") for t in tags.get(row.model_id, ()))
            data = LoggedModelData(
                params=tuple(
                    LoggedModelParameter(p.param_key, p.param_value or "")
                    for p in params.get(row.model_id, ())
                ),
                metrics=tuple(_measured(m) for m in measured.get(row.model_id, ())),
            )
            model = LoggedModel(info=_model_info(row, labels), data=data)
            yield ModelRecord(model, row.lifecycle_stage == "deleted")

    def registry(self) -> Iterator[RegisteredRecord]:
        """Yield every registered model."""
        return read_registry(self.tables, self._here)

    def left_out(self) -> Mapping[str, str]:
        """Return what the database has that is not read, each with the reason."""
        counts = {what: self.tables.count(name) for name, what in _NOT_READ.items()}
        found = {
            what: f"{count} in the source; they are not brought over"
            for what, count in counts.items()
            if count
        }
        for name in ("experiments", "registered_models"):
            if self.tables.has(name) and "workspace" in self.tables.columns[name]:
                others = self.tables.count(name, sa.column("workspace") != WORKSPACE)
                if others:
                    what = f"{name.replace('_', ' ')} of other workspaces"
                    found[what] = f"{others} in the source; only {WORKSPACE!r} is brought over"
        return found

    def close(self) -> None:
        """Give the connections back."""
        self.tables.close()


def _tags(rows: Sequence[Row[Any]]) -> tuple[Tag, ...]:
    return tuple(Tag(row.key, row.value or "") for row in rows)


def _info(row: Row[Any], tags: tuple[Tag, ...]) -> RunInfo:
    named = next((tag.value for tag in tags if tag.key == "mlflow.runName"), "")
    return RunInfo(
        run_id=row.run_uuid,
        run_name=row.name or named,
        experiment_id=str(row.experiment_id),
        user_id=row.user_id or "",
        status=row.status or "RUNNING",
        start_time=row.start_time or 0,
        end_time=row.end_time,
        artifact_uri=row.artifact_uri or "",
        lifecycle_stage=row.lifecycle_stage or "active",
    )


def _model_info(row: Row[Any], labels: tuple[Tag, ...]) -> LoggedModelInfo:
    return LoggedModelInfo(
        model_id=row.model_id,
        experiment_id=str(row.experiment_id),
        name=row.name,
        creation_timestamp_ms=row.creation_timestamp_ms,
        last_updated_timestamp_ms=row.last_updated_timestamp_ms,
        artifact_uri=row.artifact_location,
        status=STATUSES[row.status or 0],  # type: ignore[arg-type]
        model_type=row.model_type,
        source_run_id=row.source_run_id,
        status_message=row.status_message,
        tags=labels,
    )


def _measured(row: Row[Any]) -> Metric:
    return Metric(
        key=row.metric_name,
        value=0.0 if row.metric_value is None else row.metric_value,
        timestamp=row.metric_timestamp_ms,
        step=row.metric_step or 0,
        model_id=row.model_id,
        dataset_name=row.dataset_name,
        dataset_digest=row.dataset_digest,
        run_id=row.run_id,
    )
