"""The one object that the app finds: what the piece is and how it is built."""

from pathlib import Path

from dovetail.base import telemetry
from dovetail.base.artifacts import ArtifactStore, S3Store
from dovetail.base.artifacts import open_store as artifacts_at
from dovetail.base.errors import MissingExtraError
from dovetail.base.sql import Database
from dovetail.base.vault import Vault
from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers.webhooks import Webhooks
from dovetail.tracking.paths import SCHEME
from dovetail.tracking.routes import (
    ERRORS,
    EXPORT_ERRORS,
    OPEN,
    Operations,
    artifact_routes,
    direct_answers,
    file_routes,
    protocol_routes,
    reading_paths,
    server_routes,
    tidy_routes,
    trace_routes,
    transfer_routes,
)
from dovetail.tracking.settings import TrackingSettings
from dovetail.tracking.store import experiments
from dovetail.tracking.store.foreign import refuse_mlflow
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.tidy import Keeper
from dovetail.tracking.transfers import transfers_of
from dovetail.tracking.ui import (
    PAGES,
    page_routes,
    tidy_page_routes,
    webhook_attention,
    webhook_page_routes,
)
from dovetail.tracking.webhooks.courier import Courier
from dovetail.tracking.webhooks.policy import Policy
from dovetail.tracking.webhooks.sender import Sender
from dovetail.web.piece import Context, Piece, Service

__all__ = ["build", "open_store", "piece"]

log = telemetry.logger("tracking")


def open_store(context: Context, settings: TrackingSettings) -> tuple[Database, Backend]:
    """Open the database and the artifacts, made where they are missing."""
    url = settings.database or context.database_url("tracking")
    refuse_mlflow(url)
    database = Database(
        url,
        metadata,
        name="tracking",
        migrations=MIGRATIONS,
    )
    artifacts = settings.artifacts or str(context.state / "artifacts")
    store = artifacts_at(artifacts)
    backend = Backend(
        root=_root(settings, artifacts),
        artifacts=store,
        bucket=_bucket(settings, store),
        transfers=transfers_of(store, presigned_urls=settings.presigned_urls),
        serves_artifacts=settings.serve_artifacts,
        clock=context.clock,
    )
    database.write(lambda c: experiments.ensure_default(c, backend.root, backend.now()))
    return database, backend


def build(context: Context, settings: TrackingSettings) -> Service:
    """Open the store and make the service."""
    database, backend = open_store(context, settings)
    policy = Policy(settings.webhook_allow)
    sender = Sender(policy, settings.webhook_timeout)
    vault = Vault(settings.webhook_key, context.state / "webhook.key")
    webhooks = Webhooks(database, backend, policy, sender, vault)
    courier = Courier(
        database,
        sender,
        vault,
        retries=settings.webhook_retries,
        timeout=settings.webhook_timeout,
    )
    operations = Operations(database, backend, courier.wake)
    keeper = Keeper(database, backend, settings.grace_days)

    def start() -> None:
        courier.start()
        keeper.start()
        if backend.transfers is not None:
            backend.transfers.sweep()

    def stop() -> None:
        keeper.stop()
        courier.stop()
        database.close()

    return Service(
        routes=[
            *file_routes(operations),
            *server_routes(backend),
            *trace_routes(operations),
            *protocol_routes(operations, webhooks),
            *artifact_routes(backend),
            *transfer_routes(backend),
            *webhook_page_routes(operations, webhooks),
            *tidy_routes(keeper),
            *tidy_page_routes(keeper),
            *page_routes(operations),
        ],
        pages=PAGES,
        errors=[ERRORS, EXPORT_ERRORS],
        reads=list(reading_paths()),
        open=[OPEN],
        direct=direct_answers(operations),
        start=start,
        stop=stop,
        attention=lambda: webhook_attention(database),
    )


def _bucket(settings: TrackingSettings, store: ArtifactStore) -> S3Store | None:
    """Return the bucket that clients write to by themselves, to show what is in it."""
    if isinstance(store, S3Store):
        return store
    if not settings.default_artifact_root.startswith("s3://"):
        return None
    try:
        return S3Store.at(settings.default_artifact_root)
    except MissingExtraError as error:
        log.warning("files of runs in the bucket cannot be shown", reason=str(error))
        return None


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
