"""Use cases that MLflow's older clients and its own pages still call.

Clients before MLflow 3 tell a run of each model that they logged to it, by an endpoint of its own;
newer ones make a logged model instead.
"""

import json
from typing import Any

from sqlalchemy.engine import Connection

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.store import metrics, runs
from dovetail.tracking.validation import check_tag
from dovetail.wire.mlflow import (
    Empty,
    GetMetricHistoryBulk,
    LogModel,
    Metric,
    MetricsResponse,
    Tag,
)

__all__ = ["log_model", "metric_histories"]

HISTORY_TAG = "mlflow.log-model.history"
MAX_RUNS = 100
MAX_POINTS = 25_000
_REQUIRED = ("artifact_path", "flavors", "utc_time_created", "run_id")
_KEPT = ("run_id", "artifact_path", "utc_time_created", "model_uuid")


def log_model(b: Backend, c: Connection, q: LogModel) -> Empty:
    """Add a model to the tag in which a run lists what was logged to it."""
    described = _described(q.model_json)
    run = runs.active(c, q.run_id)
    listed = json.loads(runs.tag(c, run.id, HISTORY_TAG) or "[]")
    label = Tag(HISTORY_TAG, json.dumps([*listed, described]))
    key, value = check_tag(label)
    if value != label.value:
        raise InvalidParameterError(
            f"The list of the models of run '{q.run_id}' exceeds the maximum length of {len(value)}"
            " characters"
        )
    runs.set_tags(c, run.id, {key: value})
    return Empty()


def _described(text: str) -> dict[str, Any]:
    """Return the parts of an MLmodel file that the tag keeps."""
    try:
        model = json.loads(text)
    except ValueError as error:
        raise InvalidParameterError(
            f"Malformed model info. \n {text} \n is not a valid JSON."
        ) from error
    absent = [name for name in _REQUIRED if not isinstance(model, dict) or name not in model]
    if absent:
        raise InvalidParameterError(
            f"Model json is missing mandatory fields: {{{', '.join(map(repr, absent))}}}"
        )
    flavors = model["flavors"] if isinstance(model["flavors"], dict) else {}
    kept = {name: model.get(name) for name in _KEPT}
    return {**kept, "flavors": {name: _without_config(one) for name, one in flavors.items()}}


def _without_config(flavor: Any) -> Any:
    if not isinstance(flavor, dict):
        return flavor
    return {name: value for name, value in flavor.items() if name != "config"}


def metric_histories(b: Backend, c: Connection, q: GetMetricHistoryBulk) -> MetricsResponse:
    """Get the points of one metric of some runs, run by run; unknown runs have none."""
    if not q.run_id:
        raise InvalidParameterError(
            "GetMetricHistoryBulk request must specify at least one run_id."
        )
    if len(q.run_id) > MAX_RUNS:
        raise InvalidParameterError(
            f"GetMetricHistoryBulk request cannot specify more than {MAX_RUNS} run_ids. "
            f"Received {len(q.run_id)} run_ids."
        )
    if q.metric_key is None:
        raise InvalidParameterError("GetMetricHistoryBulk request must specify a metric_key.")
    left = min(q.max_results, MAX_POINTS)
    points: list[Metric] = []
    for run_id, key in sorted(runs.keys(c, q.run_id).items()):
        found = metrics.history(c, key, q.metric_key, 0, left, run_id)
        points += found
        left -= len(found)
        if left <= 0:
            break
    return MetricsResponse(metrics=tuple(points))
