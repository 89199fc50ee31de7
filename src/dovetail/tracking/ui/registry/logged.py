"""Logged models of MLflow 3: those of an experiment as a table, and one by itself."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers import experiments as experiment_cases
from dovetail.tracking.handlers import logged_models as cases
from dovetail.tracking.previews.card import ModelCard
from dovetail.tracking.store.behind import runs_of
from dovetail.tracking.ui.files import FilesView, files_view, of_model
from dovetail.tracking.ui.registry.model import finite
from dovetail.tracking.ui.registry.models import following, own_tags
from dovetail.tracking.ui.registry.telling import version_href
from dovetail.tracking.ui.registry.views import Pair
from dovetail.web.sorting import Sort
from dovetail.wire.mlflow import (
    GetExperiment,
    GetLoggedModel,
    LoggedModel,
    OrderBy,
    Run,
    SearchLoggedModels,
    SearchLoggedModelsResponse,
)

__all__ = ["LoggedModelPage", "LoggedModelsPage", "logged_model_page", "logged_models_page"]

PAGE = 50
WIDEST = 6
REGISTERED = "mlflow.modelVersions"
LEVELS = {"READY": "ok", "PENDING": "info", "UPLOAD_FAILED": "alarm"}
_FIXED = {"name": "name", "created": "creation_timestamp", "status": "status"}


class LoggedModelsPage(msgspec.Struct, frozen=True, kw_only=True):
    """The page `/tracking/experiments/{experiment_id}/logged-models`."""

    experiment: Pair
    filter: str
    problem: str | None
    columns: list[dict[str, Any]]
    models: list[dict[str, Any]]
    sort: Sort
    next: str


class LoggedModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one logged model; times in milliseconds since 1970."""

    model_id: str
    name: str
    state: str
    level: str
    type: str
    created: int | None
    updated: int | None
    experiment: Pair
    run: Pair | None
    registered: list[Pair]
    params: list[Pair]
    metrics: list[dict[str, Any]]
    tags: list[Pair]
    card: ModelCard | None
    files: FilesView
    load: str


class _Sortable(frozenset[str]):
    """The columns that the table may be ordered by: any metric."""

    def __contains__(self, column: object) -> bool:
        entity, dot, key = str(column).partition(".")
        return column in _FIXED or (entity == "metrics" and bool(dot and key))


def logged_models_page(b: Backend, c: Connection, request: Request) -> LoggedModelsPage:
    """Return the logged models of an experiment that the address asks for.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: `filter` is a filter string, `sort` a column, `page` a page token.
    """
    number = request.path_params["experiment_id"]
    experiment = experiment_cases.get(b, c, GetExperiment(number)).experiment
    text = request.query_params.get("filter", "").strip()
    sort = Sort.of(request, allowed=_Sortable(), default="-created")
    field = _FIXED.get(sort.by, sort.by)
    asked = SearchLoggedModels(
        experiment_ids=(number,),
        filter=text or None,
        max_results=PAGE,
        order_by=(OrderBy(field_name=field, ascending=not sort.descending),),
        page_token=request.query_params.get("page"),
    )
    problem, found = None, SearchLoggedModelsResponse()
    try:
        found = cases.search(b, c, asked)
    except InvalidParameterError as error:
        problem = str(error)
    counted = Counter(key for model in found.models for key in _newest(model))
    keys = [key for key, _ in counted.most_common(WIDEST)]
    runs = runs_of(c, (model.info.source_run_id for model in found.models))
    return LoggedModelsPage(
        experiment=Pair(experiment.name, f"/tracking/experiments/{number}"),
        filter=text,
        problem=problem,
        columns=_columns(keys),
        models=[_line(model, keys, runs) for model in found.models],
        sort=sort,
        next=following(request, found.next_page_token),
    )


def _newest(model: LoggedModel) -> dict[str, float]:
    """Return the newest value of each metric, whatever it was measured on."""
    ordered = sorted(model.data.metrics, key=lambda metric: (metric.timestamp, metric.step))
    return {metric.key: metric.value for metric in ordered}


def _columns(keys: list[str]) -> list[dict[str, Any]]:
    return [
        {"key": "name", "title": "Model", "href": "href", "sort": True},
        {"key": "status", "title": "Status", "kind": "badge", "level": "level", "sort": True},
        {"key": "created", "title": "Logged", "kind": "age", "sort": True},
        {"key": "run", "title": "Run", "href": "run_href"},
        {"key": "registered", "title": "Registered"},
        *(
            {"key": f"metrics.{key}", "title": key, "kind": "number", "digits": 4, "sort": True}
            for key in keys
        ),
    ]


def _line(model: LoggedModel, keys: list[str], runs: Mapping[str, Run]) -> dict[str, Any]:
    info, values = model.info, _newest(model)
    run = runs.get(info.source_run_id or "")
    status = info.status.removeprefix("LOGGED_MODEL_")
    return {
        "model_id": info.model_id,
        "name": info.name,
        "href": f"/tracking/logged-models/{info.model_id}",
        "status": status,
        "level": LEVELS.get(status, "idle"),
        "created": info.creation_timestamp_ms,
        "run": (run.info.run_name or run.info.run_id) if run else None,
        "run_href": f"/tracking/runs/{run.info.run_id}" if run else "",
        "registered": ", ".join(one.key for one in _registered(model)) or None,
        **{f"metrics.{key}": finite(values[key]) if key in values else None for key in keys},
    }


def _registered(model: LoggedModel) -> list[Pair]:
    """Return where a model was registered, which it notes in a tag."""
    noted = next((tag.value for tag in model.info.tags if tag.key == REGISTERED), "[]")
    try:
        listed = json.loads(noted)
        found = [(str(one["name"]), str(one["version"])) for one in listed]
    except (ValueError, TypeError, KeyError):
        return []
    once = dict.fromkeys(found)
    return [Pair(f"{name} {number}", version_href(name, number)) for name, number in once]


def logged_model_page(b: Backend, c: Connection, request: Request) -> LoggedModelPage:
    """Return everything about one logged model.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: names the model.
    """
    model_id = request.path_params["model_id"]
    model = cases.get(b, c, GetLoggedModel(model_id)).model
    info = model.info
    experiment = experiment_cases.get(b, c, GetExperiment(info.experiment_id)).experiment
    run = runs_of(c, [info.source_run_id]).get(info.source_run_id or "")
    files = files_view(b, of_model(c, model_id), "")
    status = info.status.removeprefix("LOGGED_MODEL_")
    return LoggedModelPage(
        model_id=model_id,
        name=info.name,
        state=status,
        level=LEVELS.get(status, "idle"),
        type=info.model_type or "",
        created=info.creation_timestamp_ms,
        updated=info.last_updated_timestamp_ms,
        experiment=Pair(experiment.name, f"/tracking/experiments/{info.experiment_id}"),
        run=Pair(run.info.run_name or run.info.run_id, f"/tracking/runs/{run.info.run_id}")
        if run
        else None,
        registered=_registered(model),
        params=[Pair(param.key, param.value) for param in model.data.params],
        metrics=[_metric(metric) for metric in model.data.metrics],
        tags=own_tags(info.tags),
        card=files.card,
        files=files,
        load=f"models:/{model_id}",
    )


def _metric(metric: Any) -> dict[str, Any]:
    return {
        "key": metric.key,
        "value": finite(metric.value),
        "step": metric.step,
        "at": metric.timestamp,
        "dataset": metric.dataset_name,
        "digest": metric.dataset_digest,
        "run": f"/tracking/runs/{metric.run_id}" if metric.run_id else "",
    }
