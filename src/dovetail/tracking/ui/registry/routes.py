"""Where the pages of the registry live."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.tracking.backend import Backend
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.ui.registry.history import HistoryView, history_page
from dovetail.web.pages import page_route

__all__ = ["registry_routes"]

T = TypeVar("T")
Look = Callable[[Backend, Connection, Request], T]


def registry_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of the pages, their twins and their forms."""

    def reading(look: Look[T]) -> Callable[[Request], T]:
        def view(request: Request) -> T:
            return operations.database.read(lambda c: look(operations.backend, c, request))

        view.__doc__ = look.__doc__
        return view

    return [
        *page_route(
            "/tracking/models/{name}/history",
            reading(_history),
            template="tracking/history.html",
            title=lambda page: f"History of {page.name}",
        ),
    ]


def _history(b: Backend, c: Connection, request: Request) -> HistoryView:
    """Who moved which alias and stage of a model when, and what was in force at an instant."""
    return history_page(b, c, request)
