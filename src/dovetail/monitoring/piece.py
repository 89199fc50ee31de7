"""The monitoring piece as the app finds it."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from dovetail.base.sql import Database
from dovetail.monitoring.background import Background
from dovetail.monitoring.courier import Courier
from dovetail.monitoring.direct import direct_answers
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.outliers.routes import outlier_routes
from dovetail.monitoring.profile_follow import Follower
from dovetail.monitoring.profile_routes import profile_routes
from dovetail.monitoring.quality.routes import quality_routes
from dovetail.monitoring.routes import routes
from dovetail.monitoring.routing import Router
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.monitoring.sources.reader import Reader
from dovetail.monitoring.sources.settings import load_tables
from dovetail.monitoring.tables import metadata
from dovetail.monitoring.tap.thread import Tap
from dovetail.monitoring.ui.pages import page_routes
from dovetail.web.piece import Attention, Context, Page, Piece, Service
from dovetail.wire import mlflow


def _build(context: Context, settings: MonitoringSettings) -> Service:
    router = Router(settings)
    targets = router.targets()
    tables = load_tables(Path(settings.tables)) if settings.tables else []
    database = Database(
        context.database_url("monitoring"), metadata, name="monitoring", migrations=MIGRATIONS
    )
    monitoring = Monitoring(database, settings, context.clock, router)
    background = Background(monitoring, context.clock)
    if context.joint("tracking") != "off":
        follower = Follower(
            database,
            lambda: context.connect("tracking").open(mlflow.Client),
            monitoring.adopt_profile,
            context.clock,
        )
        monitoring.before_close, background.look = follower.fill, follower.look
    courier = Courier(monitoring.alerts.deliveries, targets, context.clock, router.resend)
    monitoring.on_alert = courier.wake
    reader = Reader(
        tables,
        monitoring.store,
        context.clock,
        settings.table_seconds,
        monitoring.feeds.saw,
    )
    tap = None
    if settings.tap:
        tap = Tap(settings.tap, context.server.host, settings.tap_port, monitoring.accept)

    def start() -> None:
        monitoring.show_state()
        background.start()
        courier.start()
        reader.start()
        if tap is not None:
            tap.start()

    def stop() -> None:
        if tap is not None:
            tap.stop()
        reader.stop()
        background.stop()
        courier.stop()
        monitoring.feeds.keep()
        database.close()

    def attention() -> Sequence[Attention]:
        return [
            Attention(
                level="alarm" if alert.severity == "alarm" else "warn",
                text=alert.message,
                href=f"/monitoring/{quote(alert.model, safe='')}",
            )
            for alert in monitoring.alerts.find(status="open", limit=20)
        ]

    return Service(
        routes=[
            *routes(monitoring),
            *outlier_routes(monitoring),
            *profile_routes(monitoring),
            *quality_routes(monitoring),
            *page_routes(monitoring, context.joint("tracking")),
        ],
        direct=direct_answers(monitoring),
        reads=["/monitoring/rules/plan"],
        pages=[Page("/monitoring", "Monitoring")],
        start=start,
        addresses=lambda: {"tap": tap.address} if tap is not None else {},
        stop=stop,
        attention=attention,
    )


piece = Piece(
    name="monitoring",
    title="Monitoring",
    job="Is the model still right: drift, estimated and realised performance.",
    joint="CloudEvents payload log",
    settings=MonitoringSettings,
    build=_build,
)
