"""The one object that the app finds: what the piece is and how it is built."""

from pathlib import Path

from dovetail.base.artifacts import open_store
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.paths import SCHEME
from dovetail.tracking.routes import (
    ERRORS,
    Operations,
    artifact_routes,
    file_routes,
    protocol_routes,
    reading_paths,
    server_routes,
)
from dovetail.tracking.settings import TrackingSettings
from dovetail.tracking.store import experiments
from dovetail.tracking.store.foreign import refuse_mlflow
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.ui import PAGES, page_routes
from dovetail.web.piece import Context, Piece, Service

__all__ = ["build", "piece"]


def build(context: Context, settings: TrackingSettings) -> Service:
    """Open the store and make the service."""
    url = settings.database or context.database_url("tracking")
    refuse_mlflow(url)
    database = Database(
        url,
        metadata,
        name="tracking",
        migrations=MIGRATIONS,
    )
    artifacts = settings.artifacts or str(context.state / "artifacts")
    backend = Backend(
        root=_root(settings, artifacts),
        artifacts=open_store(artifacts),
        serves_artifacts=settings.serve_artifacts,
        clock=context.clock,
    )
    database.write(lambda c: experiments.ensure_default(c, backend.root, backend.now()))
    operations = Operations(database, backend)
    return Service(
        routes=[
            *file_routes(operations),
            *protocol_routes(operations),
            *artifact_routes(backend),
            *server_routes(),
            *page_routes(operations),
        ],
        pages=PAGES,
        errors=[ERRORS],
        reads=list(reading_paths()),
        stop=database.close,
    )


def _root(settings: TrackingSettings, artifacts: str) -> str:
    if settings.default_artifact_root:
        return settings.default_artifact_root
    if settings.serve_artifacts:
        return f"{SCHEME}:/"
    return artifacts if "://" in artifacts else Path(artifacts).absolute().as_uri()


piece = Piece(
    name="tracking",
    title="Tracking",
    job="experiments, runs, models, versions, aliases, artifacts",
    joint="MLflow REST and artifact proxy",
    settings=TrackingSettings,
    build=build,
)
