"""Routes of the pages of traces."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.tracking.backend import Backend
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.ui.traces.listing import traces_page
from dovetail.tracking.ui.traces.trace import trace_page
from dovetail.tracking.ui.traces.views import TracePage, TracesPage
from dovetail.web.pages import page_route

__all__ = ["trace_page_routes"]

T = TypeVar("T")


def trace_page_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of the pages of traces."""

    def reading(look: Callable[[Backend, Connection, Request], T]) -> Callable[[Request], T]:
        def view(request: Request) -> T:
            return operations.read(lambda c: look(operations.backend, c, request))

        view.__doc__ = look.__doc__
        return view

    return [
        *page_route(
            "/tracking/experiments/{experiment_id}/traces",
            reading(_traces),
            template="tracking/traces.html",
            title=lambda page: f"Traces of {page.name}",
        ),
        *page_route(
            "/tracking/traces/{trace_id}",
            reading(_trace),
            template="tracking/trace.html",
            title=lambda page: page.trace["name"],
        ),
    ]


def _traces(b: Backend, c: Connection, request: Request) -> TracesPage:
    """What was called: the traces of an experiment, newest first."""
    return traces_page(b, c, request)


def _trace(b: Backend, c: Connection, request: Request) -> TracePage:
    """One trace: its spans as a tree on a time axis, with what went in and what came out."""
    return trace_page(b, c, request)
