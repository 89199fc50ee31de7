"""Records as rows of MLflow's own tables, by the names of their columns."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dovetail.tracking.move.records import ModelRecord, RegisteredRecord, RunRecord
from dovetail.tracking.move.sql_source import STATUSES

__all__ = ["RunRows", "model_rows", "registered_rows", "run_rows"]

Row = dict[str, Any]
WORKSPACE = "default"


@dataclass
class RunRows:
    """The rows of a batch of runs.

    Attributes:
        runs: of `runs`.
        params: of `params`.
        tags: of `tags`.
        datasets: of `datasets`.
        inputs: run, name and digest of a dataset, and the tags of that link.
        links: of `inputs`, from runs to logged models.
    """

    runs: list[Row] = field(default_factory=list)
    params: list[Row] = field(default_factory=list)
    tags: list[Row] = field(default_factory=list)
    datasets: list[Row] = field(default_factory=list)
    inputs: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)
    links: list[Row] = field(default_factory=list)


def _id(*parts: object) -> str:
    """Return an id that is the same whenever the same thing is written."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def run_rows(experiment: int, records: Sequence[RunRecord]) -> RunRows:
    """Return the rows of a batch of runs."""
    rows = RunRows()
    for record in records:
        info, data = record.run.info, record.run.data
        rows.runs.append(
            {
                "run_uuid": info.run_id,
                "name": info.run_name or "",
                "source_type": "UNKNOWN",
                "source_name": "",
                "entry_point_name": "",
                "user_id": info.user_id or "",
                "status": info.status,
                "start_time": info.start_time or 0,
                "end_time": info.end_time,
                "deleted_time": record.deleted_time,
                "source_version": "",
                "lifecycle_stage": info.lifecycle_stage,
                "artifact_uri": info.artifact_uri or "",
                "experiment_id": experiment,
            }
        )
        of_run = {"run_uuid": info.run_id}
        rows.params += [{**of_run, "key": p.key, "value": p.value} for p in data.params]
        rows.tags += [{**of_run, "key": t.key, "value": t.value} for t in data.tags]
        _inputs(rows, experiment, record)
        _links(rows, record)
    return rows


def _inputs(rows: RunRows, experiment: int, record: RunRecord) -> None:
    for one in record.run.inputs.dataset_inputs if record.run.inputs else ():
        d = one.dataset
        rows.datasets.append(
            {
                "dataset_uuid": _id(experiment, d.name, d.digest),
                "experiment_id": experiment,
                "name": d.name,
                "digest": d.digest,
                "dataset_source_type": d.source_type or "",
                "dataset_source": d.source or "",
                "dataset_schema": d.schema,
                "dataset_profile": d.profile,
            }
        )
        labels = {tag.key: tag.value for tag in one.tags}
        rows.inputs.append((record.id, d.name, d.digest, labels))


def _links(rows: RunRows, record: RunRecord) -> None:
    run = record.run
    links = [("INPUT", m.model_id, 0) for m in (run.inputs.model_inputs if run.inputs else ())]
    made = run.outputs.model_outputs if run.outputs else ()
    links += [("OUTPUT", m.model_id, m.step) for m in made]
    for role, model, step in links:
        rows.links.append(
            {
                "input_uuid": _id(role, record.id, model),
                "source_type": f"RUN_{role}",
                "source_id": record.id,
                "destination_type": f"MODEL_{role}",
                "destination_id": model,
                "step": step,
            }
        )


def model_rows(experiment: int, record: ModelRecord) -> tuple[Row, list[Row], list[Row], list[Row]]:
    """Return the rows of a logged model: itself, its parameters, tags and metrics."""
    info, data = record.model.info, record.model.data
    model = {
        "model_id": info.model_id,
        "experiment_id": experiment,
        "name": info.name,
        "artifact_location": info.artifact_uri or "",
        "creation_timestamp_ms": info.creation_timestamp_ms or 0,
        "last_updated_timestamp_ms": info.last_updated_timestamp_ms or 0,
        "status": STATUSES.index(info.status),
        "lifecycle_stage": "deleted" if record.is_deleted else "active",
        "model_type": info.model_type,
        "source_run_id": info.source_run_id,
        "status_message": info.status_message,
    }
    mine = {"model_id": info.model_id, "experiment_id": experiment}
    params = [{**mine, "param_key": p.key, "param_value": p.value} for p in data.params]
    tags = [{**mine, "tag_key": t.key, "tag_value": t.value} for t in info.tags]
    metrics = [
        {
            **mine,
            "metric_name": m.key,
            "metric_timestamp_ms": m.timestamp,
            "metric_step": m.step,
            "metric_value": m.value,
            "run_id": m.run_id or "",
            "dataset_name": m.dataset_name,
            "dataset_digest": m.dataset_digest,
        }
        for m in data.metrics
    ]
    return model, params, tags, metrics


def registered_rows(record: RegisteredRecord) -> dict[str, list[Row]]:
    """Return the rows of a registered model by table."""
    model = record.model
    mine = {"workspace": WORKSPACE, "name": model.name}
    versions, version_tags = [], []
    for one in record.versions:
        v = one.version
        number = {**mine, "version": int(v.version)}
        versions.append(
            {
                **number,
                "creation_time": v.creation_timestamp or 0,
                "last_updated_time": v.last_updated_timestamp or 0,
                "description": v.description,
                "user_id": v.user_id,
                "current_stage": v.current_stage or "None",
                "source": v.source,
                "storage_location": one.location,
                "run_id": v.run_id,
                "run_link": v.run_link,
                "status": v.status or "READY",
                "status_message": v.status_message,
            }
        )
        version_tags += [{**number, "key": t.key, "value": t.value} for t in v.tags]
    return {
        "registered_models": [
            {
                **mine,
                "creation_time": model.creation_timestamp or 0,
                "last_updated_time": model.last_updated_timestamp or 0,
                "description": model.description,
            }
        ],
        "registered_model_tags": [{**mine, "key": t.key, "value": t.value} for t in model.tags],
        "model_versions": versions,
        "model_version_tags": version_tags,
        "registered_model_aliases": [
            {**mine, "alias": a.alias, "version": int(a.version)} for a in model.aliases
        ],
    }
