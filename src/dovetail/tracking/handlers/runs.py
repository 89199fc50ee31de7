"""Use cases on runs: their life, what they log, and how they are found.

`log_batch`, `log_metric` and `create` are the hot paths. They do no more than check, find the run,
and insert.
"""

from typing import Any

from sqlalchemy.engine import Connection

from dovetail.base.ids import new_id
from dovetail.tracking import paging
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters import RUNS, parse_filter, parse_order
from dovetail.tracking.handlers.views import stages_of
from dovetail.tracking.names import random_name
from dovetail.tracking.paths import append
from dovetail.tracking.store import (
    entities,
    experiments,
    inputs,
    logged_models,
    metrics,
    runs,
    search_runs,
)
from dovetail.tracking.validation import (
    check_batch,
    check_dataset_inputs,
    check_first_tag,
    check_max_results,
    check_metric,
    check_param,
    check_run_id,
    check_tag,
    experiment_number,
    missing,
)
from dovetail.wire.mlflow import (
    CreateRun,
    DeleteTag,
    Empty,
    GetMetricHistory,
    GetMetricHistoryBulkInterval,
    GetRun,
    LogBatch,
    LogInputs,
    LogMetric,
    LogOutputs,
    LogParam,
    Metric,
    MetricsResponse,
    Param,
    Run,
    RunData,
    RunInputs,
    RunResponse,
    SearchRuns,
    SearchRunsResponse,
    SetTag,
    Tag,
    UpdateRun,
    UpdateRunResponse,
)

__all__ = [
    "create",
    "delete",
    "delete_tag",
    "get",
    "log_batch",
    "log_inputs",
    "log_metric",
    "log_outputs",
    "log_param",
    "metric_history",
    "metric_sample",
    "restore",
    "search",
    "set_tag",
    "update",
]

MAX_RUNS_SAMPLED = 100
MAX_SAMPLE = 2500
_EMPTY = Empty()


def create(b: Backend, c: Connection, q: CreateRun) -> RunResponse:
    """Start a run; one without a name gets one."""
    experiment = experiments.active(c, experiment_number(q.experiment_id or "0"))
    labels = dict(check_first_tag(tag) for tag in q.tags)
    named = labels.get(runs.RUN_NAME)
    if q.run_name and named and q.run_name != named:
        raise InvalidParameterError(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{q.run_name}', mlflow.runName='{named}')."
        )
    labels[runs.RUN_NAME] = name = q.run_name or named or random_name()
    run_id = new_id()
    values: dict[str, Any] = {
        "run_id": run_id,
        "experiment_id": experiment.experiment_id,
        "run_name": name,
        "user_id": q.user_id or "",
        "status": "RUNNING",
        "start_time": q.start_time or 0,
        "end_time": None,
        "deleted_time": None,
        "artifact_uri": append(experiment.artifact_location, run_id, "artifacts"),
        "lifecycle_stage": experiments.ACTIVE,
    }
    runs.create(c, values, labels)
    data = RunData(tags=tuple(Tag(key, value) for key, value in labels.items()))
    return RunResponse(Run(info=entities.info_of(values), data=data, inputs=RunInputs()))


def get(b: Backend, c: Connection, q: GetRun) -> RunResponse:
    """Get a run, deleted or not."""
    return RunResponse(entities.run_entities(c, [runs.get(c, q.run)])[0])


def update(b: Backend, c: Connection, q: UpdateRun) -> UpdateRunResponse:
    """Change the state, the end or the name of a run."""
    given = {"status": q.status, "end_time": q.end_time, "run_name": q.run_name or None}
    values = {name: value for name, value in given.items() if value is not None}
    return UpdateRunResponse(entities.info_of(runs.change(c, q.run, values)))


def delete(b: Backend, c: Connection, q: GetRun) -> Empty:
    """Mark a run as deleted."""
    runs.delete(c, q.run, b.now())
    return _EMPTY


def restore(b: Backend, c: Connection, q: GetRun) -> Empty:
    """Undo a deletion."""
    runs.restore(c, q.run)
    return _EMPTY


def log_metric(b: Backend, c: Connection, q: LogMetric) -> Empty:
    """Log one point of one metric."""
    point = Metric(
        q.key, q.value, q.timestamp, q.step, q.model_id, q.dataset_name, q.dataset_digest
    )
    check_metric(point)
    metrics.log(c, runs.active(c, q.run), (point,))
    if q.model_id:
        logged_models.log_metrics(c, q.run, (point,))
    return _EMPTY


def log_param(b: Backend, c: Connection, q: LogParam) -> Empty:
    """Log a parameter; a second time only with the same value."""
    key, value = check_param(Param(q.key, q.value))
    older = runs.log_params(c, runs.active(c, q.run).id, {key: value})
    if older:
        raise InvalidParameterError(
            f"Changing param values is not allowed. Param with key='{key}' was already logged with"
            f" value='{older[key]}' for run ID='{q.run}'. Attempted logging new value '{value}'."
        )
    return _EMPTY


def set_tag(b: Backend, c: Connection, q: SetTag) -> Empty:
    """Set a tag of a run."""
    key, value = check_tag(Tag(q.key, q.value))
    runs.set_tags(c, runs.active(c, q.run).id, {key: value})
    return _EMPTY


def delete_tag(b: Backend, c: Connection, q: DeleteTag) -> Empty:
    """Delete a tag of a run."""
    runs.delete_tag(c, q.run_id, q.key)
    return _EMPTY


def log_batch(b: Backend, c: Connection, q: LogBatch) -> Empty:
    """Log metrics, parameters and tags at once: all of them or, on an error, none."""
    check_run_id(q.run_id)
    params, labels = check_batch(q.metrics, q.params, q.tags)
    run = runs.active(c, q.run_id)
    if params:
        _log_params(c, run.id, q.run_id, params)
    if q.metrics:
        metrics.log(c, run, q.metrics)
        logged_models.log_metrics(c, q.run_id, q.metrics)
    if labels:
        runs.set_tags(c, run.id, labels)
    return _EMPTY


def _log_params(c: Connection, key: int, run_id: str, params: dict[str, str]) -> None:
    older = runs.log_params(c, key, params)
    if older:
        changes = [
            {"key": name, "old_value": old, "new_value": params[name]}
            for name, old in older.items()
        ]
        raise InvalidParameterError(
            f"Changing param values is not allowed. Params were already logged='{changes}' for "
            f"run ID='{run_id}'."
        )


def log_inputs(b: Backend, c: Connection, q: LogInputs) -> Empty:
    """Record the datasets and logged models that a run read."""
    check_run_id(q.run_id)
    check_dataset_inputs(q.datasets)
    run = runs.active(c, q.run_id)
    inputs.log_datasets(c, run, q.datasets)
    inputs.log_models(c, run, "input", q.models)
    return _EMPTY


def log_outputs(b: Backend, c: Connection, q: LogOutputs) -> Empty:
    """Record the logged models that a run made."""
    inputs.log_models(c, runs.active(c, q.run_id), "output", q.models)
    return _EMPTY


def search(b: Backend, c: Connection, q: SearchRuns) -> SearchRunsResponse:
    """Find runs, a page at a time."""
    check_max_results(q.max_results)
    offset = paging.offset_of(q.page_token)
    query = search_runs.RunQuery(
        experiments=[experiment_number(text) for text in q.experiment_ids],
        stages=stages_of(q.run_view_type),
        conditions=parse_filter(q.filter, RUNS),
        orders=parse_order(q.order_by, RUNS),
        offset=offset,
        limit=q.max_results + 1,
    )
    rows, token = paging.page(search_runs.find(c, query), offset, q.max_results)
    return SearchRunsResponse(runs=tuple(entities.run_entities(c, rows)), next_page_token=token)


def metric_history(b: Backend, c: Connection, q: GetMetricHistory) -> MetricsResponse:
    """Get the points of one metric by time."""
    if q.max_results is not None and q.max_results <= 0:
        raise InvalidParameterError(
            f"Invalid value {q.max_results} for parameter 'max_results' supplied. "
            "It must be a positive integer."
        )
    offset = paging.offset_of(q.page_token)
    key = runs.keys(c, [q.run]).get(q.run)
    if key is None:  # MLflow knows no points of it, and does not mind
        return MetricsResponse()
    limit = q.max_results
    found = metrics.history(c, key, q.metric_key, offset, limit and limit + 1)
    if limit is None:
        return MetricsResponse(metrics=tuple(found))
    points, token = paging.page(found, offset, limit)
    return MetricsResponse(metrics=tuple(points), next_page_token=token)


def metric_sample(b: Backend, c: Connection, q: GetMetricHistoryBulkInterval) -> MetricsResponse:
    """Get an even sample of one metric of some runs, for drawing."""
    count = MAX_SAMPLE if q.max_results is None else q.max_results
    if not 1 <= count <= MAX_SAMPLE:
        raise _invalid(f"max_results must be between 1 and {MAX_SAMPLE}.")
    if not q.run_ids:
        raise missing("run_ids")
    if len(q.run_ids) > MAX_RUNS_SAMPLED:
        raise _invalid(
            "GetMetricHistoryBulkInterval request must specify at most "
            f"{MAX_RUNS_SAMPLED} run_ids. Received {len(q.run_ids)} run_ids."
        )
    steps = _interval(q.start_step, q.end_step)
    points: list[Metric] = []
    known = runs.keys(c, q.run_ids)
    for run_id in q.run_ids:
        if run_id in known:
            points += metrics.sample(c, (known[run_id], run_id), q.metric_key, count, steps)
    return MetricsResponse(metrics=tuple(points))


def _invalid(message: str) -> InvalidParameterError:
    see = " See the API docs for more information about request parameters."
    return InvalidParameterError(message + see)


def _interval(start: int | None, end: int | None) -> tuple[int, int] | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise InvalidParameterError(
            "If either start step or end step are specified, both must be specified."
        )
    if start > end:
        raise InvalidParameterError(
            "end_step must be greater than start_step. "
            f"Found start_step={start} and end_step={end}."
        )
    return start, end
