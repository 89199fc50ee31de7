"""The monitoring piece as the app finds it."""

from dovetail.base.sql import Database
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.routes import routes
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.monitoring.tables import metadata
from dovetail.web.piece import Context, Piece, Service


def _build(context: Context, settings: MonitoringSettings) -> Service:
    database = Database(context.database_url("monitoring"), metadata, name="monitoring")
    monitoring = Monitoring(database, settings, context.clock)
    return Service(routes=routes(monitoring), stop=database.close)


piece = Piece(
    name="monitoring",
    title="Monitoring",
    job="Is the model still right: drift, estimated and realised performance.",
    joint="CloudEvents payload log",
    settings=MonitoringSettings,
    build=_build,
)
