"""The labeller of a project over HTTP."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.labels.learning.learners import Learners
from dovetail.labels.routes.kit import read_body
from dovetail.wire.label_learner import Change, Learner

__all__ = ["learner_routes"]

_PATH = "/api/labels/projects/{project:int}/learner"
_MOST = 1 << 20


def learner_routes(learners: Learners) -> list[BaseRoute]:
    """Return the routes."""

    def show(request: Request) -> Response:
        """How the labeller of a project stands."""
        return _answer(learners.state(request.path_params["project"]))

    async def change(request: Request) -> Response:
        """Change what is wanted of the labeller."""
        body = await read_body(request, _MOST)
        try:
            wanted = msgspec.json.decode(body, type=Change)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidInputError(
                "the settings of a labeller cannot be read", why=str(error)
            ) from error
        project = request.path_params["project"]
        return _answer(await run_in_threadpool(learners.change, project, wanted))

    def train(request: Request) -> Response:
        """Have the labeller learn now, in the background."""
        return _answer(learners.train(request.path_params["project"]), 202)

    return [
        Route(_PATH, show, methods=["GET"]),
        Route(_PATH, change, methods=["PUT"]),
        Route(f"{_PATH}/train", train, methods=["POST"]),
    ]


def _answer(learner: Learner, status: int = 200) -> Response:
    return Response(msgspec.json.encode(learner), status, media_type="application/json")
