"""How the labelling server comes to its routing: what the piece has to call, and nothing more."""

from typing import TYPE_CHECKING

from dovetail.labels.handlers import Handlers
from dovetail.labels.routes.kit import Kit
from dovetail.labels.routing.served.compounds import Compounds
from dovetail.labels.routing.served.handlers import Routing
from dovetail.labels.routing.served.records import Records
from dovetail.labels.routing.served.rooms import Rooms
from dovetail.labels.routing.served.routes import routing_routes
from dovetail.labels.routing.served.tables import NAME, open_database
from dovetail.labels.routing.served.worker import Worker
from dovetail.labels.sources.opening import Opener
from dovetail.web.piece import Context

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

__all__ = ["READS", "Served"]

READS = (r"/api/labels/projects/\d+/routing/estimate/?",)


class Served:
    """The routing part of the labelling server.

    Args:
        context: What the piece is built with.
        handlers: The server's use cases.
    """

    def __init__(self, context: Context, handlers: Handlers) -> None:
        backend, settings = handlers.backend, handlers.backend.settings
        self._database = open_database(context.database_url(NAME))
        opener = Opener(settings.functions, settings.source_allow, settings.source_seconds)
        self.rooms = Rooms(backend, handlers.projects, Records(self._database), opener)
        self.routing = Routing(backend, handlers.projects, handlers.users, self.rooms)
        self.compounds = compounds = Compounds(self._database, handlers, self.rooms)
        self._worker = Worker(backend, self.rooms, handlers.predictions)
        self.routes: list[BaseRoute] = routing_routes(self.routing, compounds, Kit(handlers))

    def start(self) -> None:
        """Begin to ask machines."""
        self._worker.start()

    def stop(self) -> None:
        """End."""
        self._worker.stop()
        self._database.close()
