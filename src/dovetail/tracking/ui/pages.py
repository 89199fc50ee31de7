"""Pages that answer: what was tried, how did it go, and which model is in use."""

from starlette.routing import BaseRoute

from dovetail.tracking.routes.protocol import Operations
from dovetail.web.piece import Page

__all__ = ["PAGES", "page_routes"]

PAGES = [Page("/tracking", "Tracking"), Page("/tracking/models", "Models")]


def page_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of the pages."""
    return []
