"""What runs read and made: datasets in, logged models in and out."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.tracking.store.bulk import insert_one, insert_or_skip, insert_or_update
from dovetail.tracking.store.runs import RunKey
from dovetail.tracking.store.schema import (
    datasets,
    input_tags,
    inputs,
    run_models,
)
from dovetail.wire.mlflow import (
    Dataset,
    DatasetInput,
    DatasetSummary,
    ModelInput,
    ModelOutput,
    RunInputs,
    RunOutputs,
    Tag,
)

__all__ = ["log_datasets", "log_models", "of_runs", "summaries"]

CONTEXT = "mlflow.data.context"
SUMMARIES = 1000
_keys: sa.BindParameter[Any] = sa.bindparam("keys", expanding=True)
_models = sa.select(run_models).where(run_models.c.run.in_(_keys))
_datasets = (
    sa.select(inputs.c.id.label("input"), inputs.c.run, datasets)
    .join(datasets, datasets.c.id == inputs.c.dataset)
    .where(inputs.c.run.in_(_keys))
    .order_by(inputs.c.id)
)
_input_tags = (
    sa.select(input_tags)
    .join(inputs, inputs.c.id == input_tags.c.input)
    .where(inputs.c.run.in_(_keys))
)


def log_datasets(connection: Connection, run: RunKey, given: Sequence[DatasetInput]) -> None:
    """Record the datasets that a run read; one that it already named keeps its first tags."""
    first = {(one.dataset.name, one.dataset.digest): one for one in reversed(given)}
    for one in first.values():
        dataset = _dataset_key(connection, run.experiment_id, one.dataset)
        values = {"run": run.id, "dataset": dataset}
        known = sa.select(inputs.c.id).filter_by(**values)
        if connection.scalar(known) is not None:
            continue
        key = insert_one(connection, inputs, values)
        insert_or_update(connection, input_tags, [(key, t.key, t.value) for t in one.tags])


def _dataset_key(connection: Connection, experiment: int, given: Dataset) -> int:
    known = sa.select(datasets.c.id).where(
        datasets.c.experiment_id == experiment,
        datasets.c.name == given.name,
        datasets.c.digest == given.digest,
    )
    key = connection.scalar(known)
    if key is not None:
        return int(key)
    values = {
        "experiment_id": experiment,
        "name": given.name,
        "digest": given.digest,
        "source_type": given.source_type or "",
        "source": given.source or "",
        "schema": given.schema,
        "profile": given.profile,
    }
    return insert_one(connection, datasets, values)


def log_models(
    connection: Connection, run: RunKey, role: str, given: Sequence[ModelInput | ModelOutput]
) -> None:
    """Record the logged models that a run read (`input`) or made (`output`)."""
    rows = [(run.id, role, one.model_id, getattr(one, "step", 0)) for one in given]
    insert_or_skip(connection, run_models, rows)


def of_runs(connection: Connection, keys: Sequence[int]) -> dict[int, tuple[RunInputs, RunOutputs]]:
    """Return what runs read and made, by their key inside the database."""
    read = _datasets_of(connection, keys)
    roles: dict[int, dict[str, list[tuple[str, int]]]] = {}
    for row in connection.execute(_models, {"keys": keys}):
        roles.setdefault(row.run, {}).setdefault(row.role, []).append((row.model_id, row.step))
    found = {}
    for key in {*read, *roles}:
        by_role = roles.get(key, {})
        models = tuple(ModelInput(model) for model, _ in by_role.get("input", ()))
        made = tuple(ModelOutput(model, step) for model, step in by_role.get("output", ()))
        found[key] = (
            RunInputs(dataset_inputs=tuple(read.get(key, ())), model_inputs=models),
            RunOutputs(model_outputs=made),
        )
    return found


def _datasets_of(connection: Connection, keys: Sequence[int]) -> dict[int, list[DatasetInput]]:
    rows = list(connection.execute(_datasets, {"keys": keys}))
    if not rows:
        return {}
    labels: dict[int, list[Tag]] = {}
    for tag in connection.execute(_input_tags, {"keys": keys}):
        labels.setdefault(tag.input, []).append(Tag(tag.key, tag.value))
    found: dict[int, list[DatasetInput]] = {}
    for row in rows:
        dataset = Dataset(
            name=row.name,
            digest=row.digest,
            source_type=row.source_type,
            source=row.source,
            schema=row.schema,
            profile=row.profile,
        )
        one = DatasetInput(dataset=dataset, tags=tuple(labels.get(row.input, ())))
        found.setdefault(row.run, []).append(one)
    return found


def summaries(connection: Connection, experiments: Sequence[int]) -> list[DatasetSummary]:
    """Return the datasets that the runs of some experiments read, by name and role."""
    context = sa.and_(input_tags.c.input == inputs.c.id, input_tags.c.key == CONTEXT)
    query = (
        sa.select(
            datasets.c.experiment_id,
            datasets.c.name,
            datasets.c.digest,
            input_tags.c.value.label("context"),
        )
        .join(inputs, inputs.c.dataset == datasets.c.id)
        .outerjoin(input_tags, context)
        .where(datasets.c.experiment_id.in_(experiments))
        .distinct()
        .limit(SUMMARIES)
    )
    return [
        DatasetSummary(
            experiment_id=str(row.experiment_id),
            name=row.name,
            digest=row.digest,
            context=row.context,
        )
        for row in connection.execute(query)
    ]
