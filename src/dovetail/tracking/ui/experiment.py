"""The page of one experiment: a table of runs that is filtered and ordered in the database."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers import experiments as experiment_cases
from dovetail.tracking.handlers import runs as run_cases
from dovetail.tracking.ui.views import ExperimentPage
from dovetail.web.sorting import Sort
from dovetail.wire.mlflow import GetExperiment, Run, SearchRuns, SearchRunsResponse

__all__ = ["LEVELS", "duration_of", "experiment_page"]

PAGE = 50
WIDEST = 8
LEVELS = {"FINISHED": "ok", "FAILED": "alarm", "KILLED": "warn", "RUNNING": "info"}
_FIXED = {"name": "run_name", "status": "status", "started": "start_time"}
_ENTITIES = ("metrics", "params")


def experiment_page(b: Backend, c: Connection, request: Request) -> ExperimentPage:
    """Return the runs that the address asks for.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: `filter` is a filter string, `sort` a column, `page` a page token.
    """
    number = request.path_params["experiment_id"]
    experiment = experiment_cases.get(b, c, GetExperiment(number)).experiment
    text = request.query_params.get("filter", "").strip()
    sort = Sort.of(request, allowed=_Sortable(), default="-started")
    asked = SearchRuns(
        experiment_ids=(number,),
        filter=text,
        max_results=PAGE,
        order_by=(_order(sort),),
        page_token=request.query_params.get("page"),
    )
    problem = None
    try:
        found = run_cases.search(b, c, asked)
    except InvalidParameterError as error:
        problem, found = str(error), SearchRunsResponse()
    metrics = _common(run.data.metrics for run in found.runs)
    params = _common(run.data.params for run in found.runs)
    return ExperimentPage(
        name=experiment.name,
        experiment_id=number,
        filter=text,
        problem=problem,
        columns=_columns(metrics, params),
        runs=[_line(run, metrics, params) for run in found.runs],
        sort=sort,
        next=_next(request, found.next_page_token),
    )


class _Sortable(Sequence[str]):
    """The columns that a table of runs may be ordered by: any metric and any parameter."""

    def __contains__(self, column: object) -> bool:
        entity, dot, key = str(column).partition(".")
        return column in _FIXED or (entity in _ENTITIES and bool(dot and key) and "`" not in key)

    def __getitem__(self, index: Any) -> Any:
        return tuple(_FIXED)[index]

    def __len__(self) -> int:
        return len(_FIXED)


def _order(sort: Sort) -> str:
    entity, dot, key = sort.by.partition(".")
    name = f"{entity}.`{key}`" if dot else _FIXED[sort.by]
    return f"{name} {'DESC' if sort.descending else 'ASC'}"


def _common(columns: Iterable[Sequence[Any]]) -> list[str]:
    """Return the keys that most runs have, most common first."""
    counted = Counter(one.key for column in columns for one in column)
    return [key for key, _ in counted.most_common(WIDEST)]


def _columns(metrics: Sequence[str], params: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"key": "name", "title": "Run", "href": "href", "sort": True},
        {"key": "status", "title": "Status", "kind": "badge", "level": "level", "sort": True},
        {"key": "started", "title": "Started", "kind": "age", "sort": True},
        {"key": "seconds", "title": "Took", "kind": "duration"},
        *(
            {"key": f"metrics.{key}", "title": key, "kind": "number", "digits": 4, "sort": True}
            for key in metrics
        ),
        *({"key": f"params.{key}", "title": key, "sort": True} for key in params),
    ]


def _line(run: Run, metrics: Sequence[str], params: Sequence[str]) -> dict[str, Any]:
    info = run.info
    values = {metric.key: metric.value for metric in run.data.metrics}
    settings = {param.key: param.value for param in run.data.params}
    return {
        "run_id": info.run_id,
        "name": info.run_name or info.run_id,
        "href": f"/tracking/runs/{info.run_id}",
        "status": info.status,
        "level": LEVELS.get(info.status, "idle"),
        "started": info.start_time or None,
        "seconds": duration_of(info.start_time, info.end_time),
        **{f"metrics.{key}": values.get(key) for key in metrics},
        **{f"params.{key}": settings.get(key) for key in params},
    }


def duration_of(start: int | None, end: int | None) -> float | None:
    """Return the seconds between two instants in milliseconds, None while there is no end."""
    return (end - start) / 1000 if start and end and end >= start else None


def _next(request: Request, token: str | None) -> str:
    if not token:
        return ""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "page"]
    return "?" + urlencode([*kept, ("page", token)])
