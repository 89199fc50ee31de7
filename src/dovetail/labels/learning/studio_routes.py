"""The ML-backend protocol over HTTP: below a project of this server, or at the root of its own."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.labels.learning.studio import Studio
from dovetail.labels.routes.kit import read_body
from dovetail.wire import lenient
from dovetail.wire.label_studio import backend as wire

__all__ = ["Names", "studio_routes"]

T = TypeVar("T")
Names = Callable[[Request, Any], str]
"""The project that a request, with its message, is about."""


def studio_routes(studio: Studio, prefix: str, names: Names, most: int) -> list[BaseRoute]:
    """Return the routes.

    Args:
        studio: Answers.
        prefix: Where they are, "" for the root.
        names: Says which project a request is about.
        most: Largest body, in bytes.
    """

    def heard(kind: type[T], use: Callable[[str, T], Any], status: int = 200) -> Any:
        async def answer(request: Request) -> Response:
            said = _read(await read_body(request, most), kind)
            return _json(await run_in_threadpool(use, names(request, said), said), status)

        answer.__doc__ = (use.__doc__ or "").partition("\n")[0]
        return answer

    def health(request: Request) -> Response:
        """Whether the backend lives."""
        return _json(studio.health())

    def versions(request: Request) -> Response:
        """The versions of the model."""
        return _json(studio.versions(names(request, None)))

    return [
        Route(f"{prefix}/health", health, methods=["GET"]),
        Route(f"{prefix}/setup", heard(wire.SetupRequest, studio.setup), methods=["POST"]),
        Route(f"{prefix}/predict", heard(wire.PredictRequest, studio.predict), methods=["POST"]),
        Route(f"{prefix}/webhook", heard(wire.Event, studio.hear, 201), methods=["POST"]),
        Route(f"{prefix}/train", heard(wire.TrainRequest, studio.train, 201), methods=["POST"]),
        Route(f"{prefix}/versions", versions, methods=["GET"]),
    ]


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return lenient.decode(body, kind)
    except msgspec.DecodeError as error:  # the body may hold a token: it is not repeated
        raise InvalidInputError(f"the body is no {kind.__name__}", why=str(error)) from None


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
