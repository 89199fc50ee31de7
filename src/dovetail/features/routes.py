"""Feast's feature server over HTTP: a thin skin over `handlers`.

Lookups run on the event loop itself, because they only read memory; pushes wait there for
a future. Errors have Feast's shapes: 404 with the error as JSON within a JSON string, 422
with FastAPI's `detail` where Feast answers 500.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.features.errors import (
    RowsError,
    ServiceNotFoundError,
    SourceNotFoundError,
    ViewNotFoundError,
)
from dovetail.features.handlers import Handlers
from dovetail.features.online import arrow
from dovetail.features.openapi import document
from dovetail.web.piece import ErrorShape
from dovetail.web.problems import problem
from dovetail.wire import feast

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")
JSON = "application/json"
PROJECT = "features"
PATHS = (
    "/get-online-features",
    "/push",
    "/write-to-online-store",
    "/materialize",
    "/materialize-incremental",
)
TARGETS: dict[str, feast.PushTo] = {
    "online": "online",
    "offline": "offline",
    "online_and_offline": "online_and_offline",
}
READS = (r"/get-online-features",)
_CLASSES = {
    ViewNotFoundError: "FeatureViewNotFoundException",
    ServiceNotFoundError: "FeatureServiceNotFoundException",
    SourceNotFoundError: "PushSourceNotFoundException",
}


def routes(handlers: Handlers) -> Sequence[BaseRoute]:
    """Return the routes of Feast's protocol."""
    server = _Server(handlers)
    answers = (
        server.get_online_features,
        server.push,
        server.write_to_online_store,
        server.materialize,
        server.materialize_incremental,
    )
    posts = zip(PATHS, answers, strict=True)
    return [
        *(Route(path, answer, methods=["POST"]) for path, answer in posts),
        Route("/health", server.health, methods=["GET"]),
        Route("/features/events", server.events, methods=["POST"]),
        Route("/openapi.json", server.openapi, methods=["GET"]),
        Route("/registry.db", server.registry, methods=["GET"]),
    ]


class _Server:
    """The answers to Feast's paths."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers, self._engine = handlers, handlers.engine

    async def get_online_features(self, request: Request) -> Response:
        """Features of entities, as known now or as of a moment."""
        body, kind = await request.body(), request.headers.get("content-type", "")
        await self._ready()
        accept = request.headers.get("accept", "")
        wants = arrow.MEDIA_TYPE in (accept if JSON in accept else accept + kind)
        if arrow.MEDIA_TYPE not in kind and not wants:
            return Response(await self._answer(self._handlers.look_up, body), media_type=JSON)
        query = request.query_params
        asked = {name: query.getlist(name) for name in query}
        if arrow.MEDIA_TYPE in kind:
            body = orjson.dumps(arrow.question_of(body, asked))
        if not wants:
            return Response(await self._answer(self._handlers.look_up, body), media_type=JSON)
        question = feast.decode(body, feast.GetOnlineFeatures)
        answer = await self._answer(self._handlers.get_online_features, question)
        statuses = query.get("statuses", "").lower() == "true"
        return Response(arrow.write_arrow(answer, statuses=statuses), media_type=arrow.MEDIA_TYPE)

    async def _answer(self, look_up: Callable[[T], R], question: T) -> R:
        """Look up here where it only reads memory, in a thread where it waits for a store."""
        if self._engine.is_instant:
            return look_up(question)
        return await to_thread.run_sync(look_up, question)

    async def push(self, request: Request) -> Response:
        """Rows of a source, for every view of it."""
        rows = feast.decode(await request.body(), feast.Push)
        await self._ready()
        await self._finish(lambda: self._handlers.push(rows), instant=rows.to == "online")
        return Response()

    async def write_to_online_store(self, request: Request) -> Response:
        """Rows of one view."""
        rows = feast.decode(await request.body(), feast.WriteToOnlineStore)
        await self._ready()
        await self._finish(lambda: self._handlers.write_to_online_store(rows))
        return Response(b"null", media_type=JSON)

    async def materialize(self, request: Request) -> Response:
        """Rows of the tables between two times."""
        span = feast.decode(await request.body(), feast.Materialize)
        await self._ready()
        await to_thread.run_sync(self._handlers.materialize, span)
        return Response(b"null", media_type=JSON)

    async def materialize_incremental(self, request: Request) -> Response:
        """Rows of the tables since the last time."""
        span = feast.decode(await request.body(), feast.MaterializeIncremental)
        await self._ready()
        await to_thread.run_sync(self._handlers.materialize_incremental, span)
        return Response(b"null", media_type=JSON)

    async def events(self, request: Request) -> Response:
        """Rows of sources as CloudEvents, one or a batch; the subject names the source."""
        body, headers = await request.body(), dict(request.headers)
        to = request.query_params.get("to", "online")
        if to not in TARGETS:
            raise RowsError(f"to={to!r} is unknown", fix=f"Use one of {', '.join(TARGETS)}")
        await self._ready()
        new = await to_thread.run_sync(self._handlers.intake.take, headers, body, TARGETS[to])
        return Response(orjson.dumps({"new": new}), media_type=JSON)

    async def openapi(self, _: Request) -> Response:
        """What can be asked, for tools."""
        return Response(orjson.dumps(document()), media_type=JSON)

    async def registry(self, request: Request) -> Response:
        """The definitions as Feast's registry file, for its SDK."""
        project = request.query_params.get("project", PROJECT)
        found = await to_thread.run_sync(self._handlers.registry, project)
        return Response(found, media_type="application/octet-stream")

    async def health(self, _: Request) -> Response:
        """Whether the server answers."""
        return Response()

    async def _ready(self) -> None:
        if not self._engine.loaded:
            await to_thread.run_sync(self._engine.wait)

    async def _finish(self, write: Callable[[], "Future[int]"], *, instant: bool = True) -> None:
        """Wait until a write is durable, without holding the event loop up."""
        if instant and self._engine.is_queued:
            await asyncio.wrap_future(write())
        else:
            await to_thread.run_sync(lambda: write().result())


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
