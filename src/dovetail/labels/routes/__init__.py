"""HTTP skins: Label Studio's REST API."""

from starlette.routing import BaseRoute

from dovetail.labels.handlers import Handlers
from dovetail.labels.routes.errors import ERRORS
from dovetail.labels.routes.files import file_routes
from dovetail.labels.routes.kit import Kit
from dovetail.labels.routes.projects import project_routes
from dovetail.labels.routes.tasks import task_routes
from dovetail.labels.routes.users import user_routes

__all__ = ["ERRORS", "READS", "routes"]

READS = (r"/api/projects(/\d+)?/validate/?", r"/api/labels/(config/preview|files/peek)")


def routes(handlers: Handlers) -> list[BaseRoute]:
    """Return every route."""
    kit = Kit(handlers)
    return [
        *project_routes(handlers, kit),
        *task_routes(handlers, kit),
        *user_routes(handlers, kit),
        *file_routes(handlers, kit),
    ]
