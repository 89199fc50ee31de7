"""The page of an experiment's traces: filtered, ordered and paged in the database."""

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from sqlalchemy.engine import Connection, Row
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers import experiments as experiment_cases
from dovetail.tracking.handlers.traces import found
from dovetail.tracking.ui.traces.views import TraceLine, TracesPage
from dovetail.web.sorting import Sort
from dovetail.wire.mlflow import GetExperiment, SearchTraces

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LEVELS", "trace_href", "traces_page"]

PAGE = 50
PREVIEW = 120
LEVELS = {"OK": "ok", "ERROR": "alarm", "IN_PROGRESS": "info"}
_SORTABLE = {
    "name": "name",
    "status": "status",
    "started": "timestamp_ms",
    "seconds": "execution_time_ms",
}


def traces_page(b: Backend, c: Connection, request: Request) -> TracesPage:
    """Return the traces that the address asks for.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: `filter` is a filter string, `sort` a column, `page` a page token.
    """
    number = request.path_params["experiment_id"]
    experiment = experiment_cases.get(b, c, GetExperiment(number)).experiment
    text = request.query_params.get("filter", "").strip()
    sort = Sort.of(request, allowed=_SORTABLE, default="-started")
    asked = SearchTraces(
        filter=text,
        max_results=PAGE,
        order_by=(f"{_SORTABLE[sort.by]} {'DESC' if sort.descending else 'ASC'}",),
        page_token=request.query_params.get("page"),
    )
    problem: str | None = None
    rows: Sequence[Row[Any]] = ()
    token: str | None = None
    try:
        rows, token = found(c, (number,), asked)
    except InvalidParameterError as error:
        problem = str(error)
    return TracesPage(
        name=experiment.name,
        experiment_id=number,
        experiment_href=f"/tracking/experiments/{number}",
        filter=text,
        problem=problem,
        traces=[_line(row) for row in rows],
        sort=sort,
        next=_next(request, token),
        address=str(request.base_url).rstrip("/"),
    )


def trace_href(trace_id: str) -> str:
    """Return where the page of a trace is."""
    return f"/tracking/traces/{quote(trace_id)}"


def _line(row: Row[Any]) -> TraceLine:
    lasted = row.execution_time_ms
    return TraceLine(
        trace_id=row.trace_id,
        name=row.name or row.trace_id,
        href=trace_href(row.trace_id),
        status=row.status,
        level=LEVELS.get(row.status, "idle"),
        started=row.timestamp_ms,
        seconds=None if lasted is None else lasted / 1000,
        request=_short(row.request_preview),
        response=_short(row.response_preview),
    )


def _short(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= PREVIEW else f"{text[: PREVIEW - 1]}…"


def _next(request: Request, token: str | None) -> str:
    if not token:
        return ""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "page"]
    return "?" + urlencode([*kept, ("page", token)])
