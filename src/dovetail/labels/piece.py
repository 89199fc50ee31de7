"""The labels piece, as the app finds it."""

from dovetail.base.artifacts import open_store as artifacts_at
from dovetail.labels.backend import Backend
from dovetail.labels.connections import Connections
from dovetail.labels.exports.file_routes import export_file_routes
from dovetail.labels.exports.files import ExportFiles
from dovetail.labels.exports.handlers import Snapshots
from dovetail.labels.exports.routes import snapshot_routes
from dovetail.labels.handlers import Handlers
from dovetail.labels.learning import setting_up
from dovetail.labels.people.joining import joined
from dovetail.labels.routes import ERRORS, READS, routes
from dovetail.labels.routes.direct import DirectAnnotations
from dovetail.labels.routes.kit import Kit
from dovetail.labels.routes.tokens import OPEN, open_routes
from dovetail.labels.routing.served import setting_up as routing_up
from dovetail.labels.settings import LabelSettings
from dovetail.labels.store import NAME, open_store
from dovetail.labels.ui.pages import page_routes
from dovetail.labels.ui.people import people_page_routes
from dovetail.labels.ui.review import review_routes
from dovetail.web.piece import Context, Page, Piece, Service

__all__ = ["piece"]


def build(context: Context, settings: LabelSettings) -> Service:
    """Build the labelling server."""
    files = artifacts_at(settings.artifacts or str(context.state / "artifacts"))
    backend = Backend(open_store(context.database_url(NAME)), context.clock, settings, files)
    handlers = Handlers(backend)
    people = joined(context, handlers)
    routing = routing_up.Served(context, handlers)  # before learning: it decides what is next
    learning = setting_up.Learning(context, backend)
    connections = Connections(handlers, context)
    direct = DirectAnnotations(handlers, people.people.guard.quick)
    gives = handlers.projects, handlers.exporting, handlers.users
    snapshots = Snapshots(backend, *gives)
    export_files = ExportFiles(backend, *gives, handlers.uploads)
    every = [
        *routes(handlers),
        *connections.routes(),
        *snapshot_routes(snapshots, Kit(handlers)),
        *export_file_routes(export_files, Kit(handlers)),
        *page_routes(handlers, people.people, snapshots, learning.learners.state, routing),
        *people.routes,
        *learning.routes,
        *review_routes(people.people),
        *people_page_routes(people.people),
        *routing.routes,
    ]

    def start() -> None:
        snapshots.sweep()
        people.start()
        learning.start()
        connections.start()
        routing.start()

    def stop() -> None:
        direct.close()
        routing.stop()
        connections.stop()
        learning.stop()
        people.stop()
        backend.database.close()

    return Service(
        # Every route of the piece is guarded, but those that ask for a proof of their own.
        routes=[*people.before(every), *open_routes(context.tokens, handlers)],
        pages=[Page("/labels", "Labels")],
        errors=[ERRORS],
        direct=direct.entries(),
        open=OPEN,
        reads=[*READS, *people.reads, *setting_up.READS, *routing_up.READS],
        start=start,
        stop=stop,
    )


piece = Piece(
    name="labels",
    title="Labels",
    job="people and machines label together, and the result can be trusted",
    joint="Label Studio REST",
    settings=LabelSettings,
    build=build,
)
