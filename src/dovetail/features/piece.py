"""The features piece, as the app finds it."""

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dovetail.base import telemetry
from dovetail.base.errors import SettingsError
from dovetail.features.applied.tables import NAME as APPLIED
from dovetail.features.applied.versions import Snapshot
from dovetail.features.catalog import Definitions, load
from dovetail.features.catalogue import Catalogue, Models, ProfileFile, UseStore, beside
from dovetail.features.direct import direct_answers
from dovetail.features.errors import StoreLostError
from dovetail.features.handlers import Handlers
from dovetail.features.moments import moment_us, span_us
from dovetail.features.online.engine import Engine
from dovetail.features.online.online import Online
from dovetail.features.online.shared import SharedEngine
from dovetail.features.routes import READS, error_shape, routes
from dovetail.features.settings import FeatureSettings
from dovetail.features.skew.log import ServedLog
from dovetail.features.store import Store
from dovetail.features.ui.pages import page_routes
from dovetail.web.piece import Context, Page, Piece, Service

if TYPE_CHECKING:
    from dovetail.features.online.states import States

__all__ = ["piece"]

log = telemetry.logger("features")
TIDY_EVERY_S = 15.0
MB = 2**20


def opened(definitions: Definitions, settings: FeatureSettings, context: Context) -> Online:
    """Open the online store that the settings name."""
    url, keep_us = settings.online, span_us(settings.keep)
    if not url:
        store = Store(context.database_url("features"))
        return Engine(definitions, store, context.clock, keep_us)
    scheme = url.partition("://")[0]
    states: States
    if scheme in ("redis", "rediss"):
        from dovetail.features.online.redis_states import RedisStates

        states = RedisStates(url)
    elif scheme in ("postgresql", "postgres"):
        from dovetail.features.online.postgres_states import PostgresStates

        states = PostgresStates(url)
    else:
        raise SettingsError(
            f"[features] online {scheme!r} is no store that is known",
            fix="Give redis://..., postgresql://..., or nothing for the store of this server",
        )
    return SharedEngine(definitions, states, context.clock, keep_us)


def profile_file(settings: FeatureSettings) -> ProfileFile | None:
    """Return the file of statistics; None where there is none to look for."""
    if settings.profile:
        return ProfileFile(Path(settings.profile))
    return ProfileFile(beside(Path(settings.definitions))) if settings.definitions else None


def build(context: Context, settings: FeatureSettings) -> Service:
    """Build the feature server."""
    definitions = (
        load(settings.definitions, root=Path(settings.root) if settings.root else None)
        if settings.definitions
        else Definitions({}, {})
    )
    versions = Snapshot(
        settings.applied or context.database_url(APPLIED),
        definitions,
        f"{socket.gethostname()}:{context.state.absolute()}",
        context.clock,
    )
    definitions = replace(definitions, versions=versions)
    engine = opened(definitions, settings, context)
    served = (
        ServedLog(context.state / "served", settings.served_share, settings.served_mb * MB)
        if settings.served_share
        else None
    )
    handlers = Handlers(definitions, engine, served)
    uses = UseStore(
        context.database_url("features_uses"),
        handlers.take_asked,
        lambda: moment_us(context.clock.now()),
    )
    is_tracked = context.joint("tracking") != "off"
    registry = (lambda: context.connect("tracking")) if is_tracked else None
    models = Models(registry, versions.uses)
    catalogue = Catalogue(definitions, profile_file(settings), models, uses.read)
    over = threading.Event()

    def tried(name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except StoreLostError as error:
            log.warning(f"{name} waits for the online store", error=str(error))
        except Exception as error:
            log.error(f"{name} failed", error=str(error), exc_info=error)

    def tidy() -> None:
        while not over.wait(TIDY_EVERY_S):
            tried("forgetting old events", engine.forget_old)
            tried("finishing pushes", handlers.pusher.recover)
            tried("counting lookups", uses.flush)

    def start() -> None:
        versions.start()
        engine.load()
        tried("finishing pushes", handlers.pusher.recover)
        if served is not None:
            served.start()
        threading.Thread(target=tidy, name="features-tidy", daemon=True).start()

    def stop() -> None:
        over.set()
        if served is not None:
            served.stop()
        versions.close()
        engine.close()
        tried("counting lookups", uses.close)

    return Service(
        routes=[*routes(handlers), *page_routes(engine, catalogue)],
        direct=direct_answers(handlers),
        pages=[Page("/features", "Features")],
        errors=[error_shape()],
        reads=READS,
        start=start,
        stop=stop,
        ready=engine.problem,
    )


piece = Piece(
    name="features",
    title="Features",
    job="features defined once, used in training and serving",
    joint="Feast feature server",
    settings=FeatureSettings,
    build=build,
)
