"""Rows of runs as the runs that clients see, a page at a time.

A page of a thousand runs has many thousand metrics, parameters and tags. They are fetched with one
statement a table for the whole page.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store import inputs
from dovetail.tracking.store.schema import latest_metrics, params, tags
from dovetail.wire.mlflow import Metric, Param, Run, RunData, RunInfo, RunInputs, RunOutputs, Tag

__all__ = ["info_of", "run_entities", "run_info"]

CHUNK = 1000
_keys: sa.BindParameter[Any] = sa.bindparam("keys", expanding=True)
_params = sa.select(params.c.run, params.c.key, params.c.value).where(params.c.run.in_(_keys))
_tags = sa.select(tags.c.run, tags.c.key, tags.c.value).where(tags.c.run.in_(_keys))
_latest = sa.select(
    latest_metrics.c.run,
    latest_metrics.c.key,
    latest_metrics.c.value,
    latest_metrics.c.timestamp,
    latest_metrics.c.step,
    latest_metrics.c.is_nan,
).where(latest_metrics.c.run.in_(_keys))


def run_info(row: Row[Any]) -> RunInfo:
    """Return what a run is, from its row."""
    return info_of(row._mapping)


def info_of(values: Mapping[Any, Any]) -> RunInfo:
    """Return what a run is, from its columns."""
    return RunInfo(
        run_id=values["run_id"],
        run_uuid=values["run_id"],
        run_name=values["run_name"],
        experiment_id=str(values["experiment_id"]),
        user_id=values["user_id"],
        status=values["status"],
        start_time=values["start_time"],
        end_time=values["end_time"],
        artifact_uri=values["artifact_uri"],
        lifecycle_stage=values["lifecycle_stage"],
    )


def run_entities(connection: Connection, rows: Sequence[Row[Any]]) -> list[Run]:
    """Return runs with what they logged, read and made, in the order of `rows`."""
    found: list[Run] = []
    for start in range(0, len(rows), CHUNK):
        found.extend(_chunk(connection, rows[start : start + CHUNK]))
    return found


def _chunk(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[Run]:
    keys = [row.id for row in rows]
    given = {"keys": keys}
    labels: dict[int, list[Tag]] = {}
    for run, key, value in connection.execute(_tags, given).all():
        labels.setdefault(run, []).append(Tag(key, value))
    settings: dict[int, list[Param]] = {}
    for run, key, value in connection.execute(_params, given).all():
        settings.setdefault(run, []).append(Param(key, value))
    newest: dict[int, list[Metric]] = {}
    for run, key, value, timestamp, step, is_nan in connection.execute(_latest, given).all():
        metric = Metric(key, math.nan if is_nan else value, timestamp, step)
        newest.setdefault(run, []).append(metric)
    around = inputs.of_runs(connection, keys)
    for row in rows:
        read, made = around.get(row.id, (RunInputs(), RunOutputs()))
        data = RunData(
            metrics=tuple(newest.get(row.id, ())),
            params=tuple(settings.get(row.id, ())),
            tags=tuple(labels.get(row.id, ())),
        )
        yield Run(info=run_info(row), data=data, inputs=read, outputs=made)
