"""Feast's feature server over HTTP: a thin skin over `handlers`.

Lookups run on the event loop itself, because they only read memory; pushes wait there for
a future. Errors have Feast's shapes: 404 with the error as JSON within a JSON string, 422
with FastAPI's `detail` where Feast answers 500.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.features.errors import ServiceNotFoundError, SourceNotFoundError, ViewNotFoundError
from dovetail.features.handlers import Handlers
from dovetail.web.piece import ErrorShape
from dovetail.web.problems import problem
from dovetail.wire import feast

JSON = "application/json"
PATHS = (
    "/get-online-features",
    "/push",
    "/write-to-online-store",
    "/materialize",
    "/materialize-incremental",
)
READS = (r"/get-online-features",)
_CLASSES = {
    ViewNotFoundError: "FeatureViewNotFoundException",
    ServiceNotFoundError: "FeatureServiceNotFoundException",
    SourceNotFoundError: "PushSourceNotFoundException",
}


def routes(handlers: Handlers) -> Sequence[BaseRoute]:
    """Return the routes of Feast's protocol."""
    engine = handlers.engine

    async def ready() -> None:
        if not engine.loaded:
            await to_thread.run_sync(engine.wait)

    async def get_online_features(request: Request) -> Response:
        """Features of entities, as known now or as of a moment."""
        question = feast.decode(await request.body(), feast.GetOnlineFeatures)
        await ready()
        return Response(orjson.dumps(handlers.get_online_features(question)), media_type=JSON)

    async def push(request: Request) -> Response:
        """Rows of a source, for every view of it."""
        rows = feast.decode(await request.body(), feast.Push)
        await ready()
        if rows.to == "online":
            await asyncio.wrap_future(handlers.push(rows))
        else:
            await to_thread.run_sync(lambda: handlers.push(rows).result())
        return Response()

    async def write_to_online_store(request: Request) -> Response:
        """Rows of one view."""
        rows = feast.decode(await request.body(), feast.WriteToOnlineStore)
        await ready()
        await asyncio.wrap_future(handlers.write_to_online_store(rows))
        return Response(b"null", media_type=JSON)

    async def materialize(request: Request) -> Response:
        """Rows of the tables between two times."""
        span = feast.decode(await request.body(), feast.Materialize)
        await ready()
        await to_thread.run_sync(handlers.materialize, span)
        return Response(b"null", media_type=JSON)

    async def materialize_incremental(request: Request) -> Response:
        """Rows of the tables since the last time."""
        span = feast.decode(await request.body(), feast.MaterializeIncremental)
        await ready()
        await to_thread.run_sync(handlers.materialize_incremental, span)
        return Response(b"null", media_type=JSON)

    async def health(_: Request) -> Response:
        """Whether the server answers."""
        return Response()

    answers: tuple[Callable[[Request], Awaitable[Response]], ...] = (
        get_online_features,
        push,
        write_to_online_store,
        materialize,
        materialize_incremental,
    )
    return [
        *(
            Route(path, answer, methods=["POST"])
            for path, answer in zip(PATHS, answers, strict=True)
        ),
        Route("/health", health, methods=["GET"]),
    ]


def error_shape() -> ErrorShape:
    """Return how errors on these paths are written."""
    return ErrorShape(PATHS, render)


def render(error: Exception) -> Response:
    """Write an error as Feast's feature server does."""
    if isinstance(error, NotFoundError):
        detail = {
            "module": "feast.errors",
            "class": _CLASSES.get(type(error), "FeastObjectNotFoundException"),
            "message": str(error),
        }
        return Response(orjson.dumps(orjson.dumps(detail).decode()), 404, media_type=JSON)
    if isinstance(error, InvalidInputError | feast.InvalidRequest):
        code = error.code if isinstance(error, InvalidInputError) else "invalid-request"
        said = [{"type": code, "loc": ["body"], "msg": str(error)}]
        return Response(orjson.dumps({"detail": said}), 422, media_type=JSON)
    return problem(error)
