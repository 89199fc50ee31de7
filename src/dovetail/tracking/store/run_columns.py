"""What a table of runs can show: which columns there are, and the cells of a page.

An experiment may have thousands of metrics and a hundred thousand runs. Keys of metrics are found
by leaping along an index, those of parameters and tags in the newest runs, and cells are read only
for the columns that are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.tracking.store.schema import (
    datasets,
    inputs,
    latest_metrics,
    logged_models,
    model_versions,
    params,
    registered_models,
    run_models,
    runs,
    tags,
)

__all__ = ["Cells", "Keys", "cells", "keys_in", "keys_of"]

NEWEST = 300
MOST = 1000
_every_metric = sa.text(
    """
    WITH RECURSIVE held(name) AS (
        SELECT min("key") FROM latest_metrics WHERE experiment_id = :experiment
        UNION ALL
        SELECT (
            SELECT min("key") FROM latest_metrics
            WHERE experiment_id = :experiment AND "key" > held.name
        ) FROM held WHERE held.name IS NOT NULL
    )
    SELECT name FROM held WHERE name IS NOT NULL LIMIT :most
    """
)


@dataclass(frozen=True)
class Keys:
    """Which metrics, parameters and tags the runs of an experiment have, common ones first."""

    metrics: tuple[str, ...]
    params: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Cells:
    """What a run shows besides its attributes."""

    metrics: Mapping[str, float | None] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    models: Sequence[tuple[str, str]] = ()
    datasets: Sequence[str] = ()


def keys_of(connection: Connection, experiment: int, stage: str) -> Keys:
    """Return the keys of an experiment's runs; of parameters and tags those of the newest."""
    newest = (
        sa.select(runs.c.id)
        .where(runs.c.experiment_id == experiment, runs.c.lifecycle_stage == stage)
        .order_by(runs.c.start_time.desc(), runs.c.run_id.desc())
        .limit(NEWEST)
    )
    chosen = list(connection.scalars(newest))
    metrics = _common(connection, latest_metrics, chosen)
    given = {"experiment": experiment, "most": MOST}
    every = connection.scalars(_every_metric, given).all()
    known = set(metrics)
    return Keys(
        metrics=(*metrics, *(key for key in every if key not in known)),
        params=tuple(_common(connection, params, chosen)),
        tags=tuple(_common(connection, tags, chosen)),
    )


def keys_in(connection: Connection, chosen: Sequence[int]) -> Keys:
    """Return every key that some runs have.

    Args:
        connection: where to read.
        chosen: the keys of the runs inside the database.
    """
    held = (_common(connection, table, chosen) for table in (latest_metrics, params, tags))
    return Keys(*map(tuple, held))


def _common(connection: Connection, table: sa.Table, chosen: Sequence[int]) -> list[str]:
    count = sa.func.count()
    query = (
        sa.select(table.c.key)
        .where(table.c.run.in_(chosen))
        .group_by(table.c.key)
        .order_by(count.desc(), table.c.key)
        .limit(MOST)
    )
    return list(connection.scalars(query))


def cells(
    connection: Connection, rows: Mapping[int, str], wanted: Keys, links: bool = True
) -> dict[int, Cells]:
    """Return what runs show.

    Args:
        connection: where to read.
        rows: the public ids of the runs by their keys inside the database.
        wanted: the columns.
        links: whether models and datasets are wanted too.
    """
    keys = list(rows)
    values: dict[int, dict[str, float | None]] = {}
    latest = latest_metrics.c
    query = sa.select(latest.run, latest.key, latest.value, latest.is_nan)
    query = query.where(latest.run.in_(keys), latest.key.in_(wanted.metrics))
    for run, key, value, is_nan in connection.execute(query):
        values.setdefault(run, {})[key] = None if is_nan else value
    settings = _texts(connection, params, keys, wanted.params)
    labels = _texts(connection, tags, keys, wanted.tags)
    models = _models(connection, rows) if links else {}
    read = _datasets(connection, keys) if links else {}
    return {
        key: Cells(
            values.get(key, {}),
            settings.get(key, {}),
            labels.get(key, {}),
            models.get(key, ()),
            read.get(key, ()),
        )
        for key in keys
    }


def _texts(
    connection: Connection, table: sa.Table, keys: Sequence[int], wanted: Sequence[str]
) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    if wanted:
        query = sa.select(table.c.run, table.c.key, table.c.value)
        query = query.where(table.c.run.in_(keys), table.c.key.in_(wanted))
        for run, key, value in connection.execute(query):
            found.setdefault(run, {})[key] = value
    return found


def _models(connection: Connection, rows: Mapping[int, str]) -> dict[int, list[tuple[str, str]]]:
    """Return the models of runs as what to show and the registered name, if it has one."""
    found: dict[int, list[tuple[str, str]]] = {}
    numbers = {run_id: key for key, run_id in rows.items()}
    registered = (
        sa.select(model_versions.c.run_id, registered_models.c.name, model_versions.c.version)
        .join(registered_models, registered_models.c.id == model_versions.c.model)
        .where(model_versions.c.run_id.in_(list(numbers)))
        .order_by(registered_models.c.name, model_versions.c.version)
    )
    for run_id, name, version in connection.execute(registered):
        found.setdefault(numbers[run_id], []).append((f"{name} {version}", name))
    logged = (
        sa.select(run_models.c.run, logged_models.c.name)
        .join(logged_models, logged_models.c.model_id == run_models.c.model_id)
        .where(run_models.c.run.in_(list(rows)), run_models.c.role == "output")
    )
    for run, name in connection.execute(logged):
        if run not in found:
            found[run] = [(name, "")]
    return found


def _datasets(connection: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    query: Any = (
        sa.select(inputs.c.run, datasets.c.name)
        .join(datasets, datasets.c.id == inputs.c.dataset)
        .where(inputs.c.run.in_(keys))
        .order_by(inputs.c.id)
    )
    found: dict[int, list[str]] = {}
    for run, name in connection.execute(query):
        held = found.setdefault(run, [])
        if name not in held:
            held.append(name)
    return found
