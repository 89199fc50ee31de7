"""The AI labeller as an ML backend of its own, for a Label Studio elsewhere.

No labelling server is needed: answers come by webhook, and predictions are asked for. It serves any
number of projects of one Label Studio.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dovetail.base.errors import SettingsError
from dovetail.labels.learning.questions import questions
from dovetail.labels.learning.records import Records
from dovetail.labels.learning.rooms import StudioRoom
from dovetail.labels.learning.studio import Studio
from dovetail.labels.learning.studio_routes import studio_routes
from dovetail.labels.learning.tables import NAME, open_database
from dovetail.labels.learning.tracking import Tracker
from dovetail.labels.learning.trainer import Trainer
from dovetail.web.piece import Context, Piece, Service
from dovetail.wire import mlflow
from dovetail.wire.http import segment
from dovetail.wire.label_learner import Settings
from dovetail.wire.label_studio.backend import project_id
from dovetail.wire.label_studio.config import ConfigError, parse

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

__all__ = ["StudioSettings", "piece"]

_MOST = 64 << 20


class StudioSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator decides about a lone ML backend."""

    label_config: Annotated[
        str,
        Meta(description="File with a label config; other projects are refused. Any when empty."),
    ] = ""
    every: Annotated[int, Meta(ge=1, description="New answers before it learns again.")] = 10
    fields: Annotated[
        tuple[str, ...],
        Meta(description="Fields of the data to learn from; those that are shown when empty."),
    ] = ()


def build(context: Context, settings: StudioSettings) -> Service:
    """Build the backend."""
    config = _config(settings.label_config) if settings.label_config else ""
    database = open_database(context.database_url(NAME))
    defaults = Settings(enabled=True, every=settings.every, fields=settings.fields)
    records = Records(database, defaults)
    tracker = None
    if context.joint("tracking") != "off":
        tracker = Tracker(lambda: context.connect("tracking").open(mlflow.Client))

    def room(key: str) -> StudioRoom | None:
        return StudioRoom(key, records, config) if key.startswith("studio:") else None

    trainer = Trainer(records, room, context.clock, tracker)
    studio = Studio(
        records, trainer, lambda project: StudioRoom(f"studio:{project}", records, config), config
    )

    def stop() -> None:
        trainer.stop()
        database.close()

    routes: list[BaseRoute] = studio_routes(
        studio, "", lambda request, said: _named(said, records), _MOST
    )
    return Service(
        routes=[*routes, Route("/", _alive, methods=["GET"])],
        reads=(r"/predict/?",),
        start=trainer.start,
        stop=stop,
    )


def _alive(request: Request) -> Response:
    """That it is an ML backend; Label Studio's own backends answer their root alike."""
    return Response(
        b'{"status":"UP","model_class":"DovetailLabeller"}', media_type="application/json"
    )


def _named(said: Any, records: Records) -> str:
    """The number of the project in a message; one that names none is about the only project."""
    project = getattr(said, "project", None)
    if isinstance(project, str) and project:
        return segment(project_id(project))
    number = getattr(project, "id", None)
    if number is not None:
        return str(number)
    rooms = records.rooms()
    return rooms[0].partition(":")[2] if len(rooms) == 1 else "0"


def _config(path: str) -> str:
    try:
        text = Path(path).read_text()
        if not questions(parse(text)):
            raise SettingsError(
                f"the label config {path} asks nothing that can be learned",
                why="Choices, Pairwise, Rating and Number are learned; spans and boxes are not",
            )
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        raise SettingsError(f"the label config {path} cannot be read", why=str(error)) from error
    return text


piece = Piece(
    name="labels-backend",
    title="Label Studio ML backend",
    job="an AI labeller for a Label Studio",
    joint="Label Studio ML backend",
    settings=StudioSettings,
    build=build,
)
