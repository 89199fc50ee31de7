"""How the labelling server comes to its labellers: built from a context, with their routes."""

from typing import TYPE_CHECKING

from starlette.requests import Request

from dovetail.labels.backend import Backend
from dovetail.labels.learning.learners import Learners
from dovetail.labels.learning.records import Records
from dovetail.labels.learning.routes import learner_routes
from dovetail.labels.learning.studio import Studio
from dovetail.labels.learning.studio_routes import studio_routes
from dovetail.labels.learning.tables import NAME, open_database
from dovetail.labels.learning.tracking import Tracker
from dovetail.web.piece import Context
from dovetail.wire import mlflow
from dovetail.wire.label_learner import Settings

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from dovetail.labels.learning.reading import Embed

__all__ = ["READS", "Learning"]

READS = (r"/labels/ml/\d+/predict/?",)


class Learning:
    """The learning part of the labelling server.

    Args:
        context: What the piece is built with.
        backend: The server's surroundings.
    """

    def __init__(self, context: Context, backend: Backend) -> None:
        self._database = open_database(context.database_url(NAME))
        tracker = None
        if context.joint("tracking") != "off":
            tracker = Tracker(lambda: context.connect("tracking").open(mlflow.Client))
        said = backend.settings
        self.learners = Learners(
            backend,
            Records(self._database, Settings()),
            tracker,
            _embedder(said.embed_texts, "embed_texts"),
            _embedder(said.embed_images, "embed_images"),
        )
        studio = Studio(
            self.learners.records,
            self.learners.trainer,
            lambda project: self.learners.own(int(project)),
        )

        def named(request: Request, said: object) -> str:
            return str(request.path_params["project"])

        self.routes: list[BaseRoute] = [
            *learner_routes(self.learners),
            *studio_routes(
                studio,
                "/labels/ml/{project:int}",
                named,
                backend.settings.max_body_mb << 20,
            ),
        ]

    def start(self) -> None:
        """Begin to learn in the background."""
        self.learners.trainer.start()

    def stop(self) -> None:
        """End."""
        self.learners.trainer.stop()
        self._database.close()


def _embedder(address: str, setting: str) -> "Embed | None":
    if not address:
        return None
    from dovetail.labels.learning.embedder import Embedder

    return Embedder(address, setting)
