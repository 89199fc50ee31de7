"""The data piece, as the app finds it."""

from pathlib import Path

from dovetail.data.handlers import Handlers
from dovetail.data.lake import Lake
from dovetail.data.routes import routes
from dovetail.data.settings import DataSettings
from dovetail.web.piece import Context, Page, Piece, Service

__all__ = ["piece"]


def build(context: Context, settings: DataSettings) -> Service:
    """Build the pages over a lake."""
    lake = Lake(Path(settings.root) if settings.root else context.state / "tables")
    return Service(
        routes=routes(Handlers(lake)),
        pages=[Page("/data", "Data")],
        reads=(r"/data/snapshots/[^/]+/verify",),
    )


piece = Piece(
    name="data",
    title="Data",
    job="training tables that cannot be lost: versioned, checked, held",
    joint="Delta Lake tables",
    settings=DataSettings,
    build=build,
)
