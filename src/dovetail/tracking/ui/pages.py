"""Pages that answer: what was tried, how did it go, and which model is in use."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.tracking.backend import Backend
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.store import overview
from dovetail.tracking.ui.files import file_routes
from dovetail.tracking.ui.registry import registry_routes
from dovetail.tracking.ui.runs import run_routes
from dovetail.tracking.ui.traces import trace_page_routes
from dovetail.tracking.ui.views import ExperimentLine, Experiments
from dovetail.web.pages import page_route
from dovetail.web.piece import Page
from dovetail.web.sorting import Sort

__all__ = ["PAGES", "page_routes"]

PAGES = [Page("/tracking", "Tracking"), Page("/tracking/models", "Models")]
_SORTABLE = ("name", "runs", "newest", "created", "size")
T = TypeVar("T")
Look = Callable[[Backend, Connection, Request], T]


def page_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of the pages."""

    def reading(look: Look[T]) -> Callable[[Request], T]:
        def view(request: Request) -> T:
            return operations.database.read(lambda c: look(operations.backend, c, request))

        view.__doc__ = look.__doc__
        return view

    return [
        *file_routes(operations),
        *registry_routes(operations),
        *trace_page_routes(operations),
        *run_routes(operations),
        *page_route(
            "/tracking",
            reading(_experiments),
            template="tracking/experiments.html",
            title="Experiments",
        ),
    ]


def _experiments(b: Backend, c: Connection, request: Request) -> Experiments:
    """What was tried: every experiment with its number of runs and its size."""
    sort = Sort.of(request, allowed=_SORTABLE, default="-newest")
    lines = [
        ExperimentLine(
            name=row.name,
            href=f"/tracking/experiments/{row.experiment_id}",
            runs=row.runs,
            newest=row.newest,
            created=row.creation_time,
            size=None if row.database is None else row.database + (row.bytes or 0),
        )
        for row in overview.experiments_with_runs(c)
    ]
    ordered = sort.apply(lines, lambda line: getattr(line, sort.by))
    is_measured = any(line.size is not None for line in lines)
    return Experiments(ordered, is_measured, sort, str(request.base_url).rstrip("/"))
