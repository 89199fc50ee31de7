"""The Open Inference Protocol over HTTP: a thin skin on `handlers`.

Inference is a raw ASGI application, because it is the hot path; the rest are Starlette endpoints.
Small bodies are read on the event loop, where a thread would cost more than the reading; the
others are read and answered in a thread.
"""

import asyncio
import zlib
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from dovetail.base.errors import DovetailError, TooLargeError
from dovetail.serving.answers import Answer
from dovetail.serving.errors import BadRequestError
from dovetail.serving.handlers import Handlers, Unanswered
from dovetail.serving.transports import RestCounts, counted
from dovetail.serving.watch import Watch
from dovetail.web.problems import retry_headers, status_of
from dovetail.wire import lenient
from dovetail.wire.open_inference import HEADER_LENGTH, IndexRequest, LoadRequest
from dovetail.wire.open_inference import UnloadRequest as Unload

__all__ = [
    "CLIENT_GONE",
    "LENGTH",
    "QUICK_BYTES",
    "head_of",
    "header_length",
    "make_routes",
    "path_of",
    "render_error",
]

T = TypeVar("T")
CLIENT_GONE = 499  # what web servers write of a request whose client did not wait
QUICK_BYTES = 32 << 10
LOADS = 4  # that run at once; the others wait their turn
LENGTH = HEADER_LENGTH.lower().encode()
_JSON = (b"content-type", b"application/json")
_JSON_HEAD = (_JSON,)  # one object, by which the connection knows that it wrote it before
_BINARY = (b"content-type", b"application/octet-stream")


def make_routes(
    handlers: Handlers, *, max_body: int, watch: Watch | None = None
) -> list[BaseRoute]:
    """Return the protocol's routes.

    Args:
        handlers: what answers.
        max_body: largest body in bytes, unpacked.
        watch: who watches inference requests; None for nobody.
    """
    model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    plain = _Plain(handlers)
    repository = "/v2/repository/models/{model}"
    routes: list[BaseRoute] = [
        Route("/v2", plain.server),
        Route("/v2/", plain.server),
        Route("/v2/health/live", plain.live),
        Route("/v2/models/stats", plain.statistics),
        Route("/v2/repository/index", plain.index, methods=["POST"]),
        Route(f"{repository}/load", plain.load, methods=["POST"]),
        Route(f"{repository}/unload", plain.unload, methods=["POST"]),
    ]
    for path in (model, version):
        routes += [
            Route(f"{path}/ready", plain.ready),
            Route(f"{path}/config", plain.configuration),
            Route(f"{path}/stats", plain.statistics),
            Route(path, plain.metadata),
        ]
    answers: list[BaseRoute] = []
    for path in (f"{model}/infer", f"{version}/infer"):
        infer = _Infer(handlers, max_body, RestCounts("POST", path), watch)
        answers.append(Route(path, infer, methods=["POST"]))
    return [*answers, *counted(routes)]


def render_error(error: Exception) -> Response:
    """Write any error in the protocol's shape."""
    body = msgspec.json.encode({"error": str(getattr(error, "detail", error))})
    if not isinstance(error, DovetailError) and status_of(error) == 500:
        body = b'{"error":"an unexpected error; the server\'s log says more"}'
    return Response(body, status_of(error), retry_headers(error), media_type="application/json")


class _Infer:
    """Answer an inference request.

    Args:
        handlers: what answers.
        max_body: largest body in bytes, unpacked.
        counts: where requests are counted.
        watch: who watches them.
    """

    def __init__(
        self, handlers: Handlers, max_body: int, counts: RestCounts, watch: Watch | None
    ) -> None:
        self._handlers, self._max_body, self._counts = handlers, max_body, counts
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, watch = self._counts.begin(), self._watch
        begun = None
        if watch is not None:
            named = scope["path_params"]
            path = path_of(named["model"], named.get("version", ""))
            begun = watch.begin_http(self._counts.path, path, dict(scope["headers"]))
        status = 500
        problem: BaseException | None = None
        try:
            status = await self._answer(scope, receive, send)
        except BaseException as error:
            status = status_of(error) if isinstance(error, Exception) else CLIENT_GONE
            problem = error
            raise
        finally:
            self._counts.end(status, began)
            if watch is not None and begun is not None:
                watch.end_http(begun, status, problem)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        parameters = scope["path_params"]
        name, version = parameters["model"], parameters.get("version", "")
        headers = dict(scope["headers"])
        body = await self._body(receive)
        encoding = headers.get(b"content-encoding")
        if encoding is not None and encoding != b"identity":
            body = _unpacked(body, encoding.decode("latin-1"), self._max_body)
        length = header_length(headers.get(LENGTH))
        if len(body) <= QUICK_BYTES:
            begun = self._handlers.begin(name, version, body, length, headers)
        else:
            begin = partial(self._handlers.begin, in_thread=True)
            begun = await anyio.to_thread.run_sync(begin, name, version, body, length, headers)
        if isinstance(begun, Unanswered):
            found = await _while_there(self._handlers.finish(begun), receive)
            if found is None:
                return CLIENT_GONE
            begun = found
        answer, split = begun
        head = [(b"content-length", b"%d" % len(answer)), *head_of(split)]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": answer})
        return 200

    async def _body(self, receive: Receive) -> bytes:
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            self._check(len(body))
            return body
        parts, size = [body], len(body)
        while message.get("more_body", False):
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            self._check(size)
        return b"".join(parts)

    def _check(self, size: int) -> None:
        if size > self._max_body:
            raise _too_large(self._max_body)


async def _while_there(work: Coroutine[Any, Any, Answer], receive: Receive) -> Answer | None:
    """Wait for an answer while the client does; cancel the work and give None when it has gone."""
    answering, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        for task in (answering, gone):
            task.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def path_of(name: str, version: str) -> str:
    """Return the path that asks a model, or one version of it."""
    return f"/v2/models/{name}/versions/{version}/infer" if version else f"/v2/models/{name}/infer"


def head_of(split: int | None) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of an answer.

    Args:
        split: length of its JSON part where raw tensors follow; None where none do.
    """
    return _JSON_HEAD if split is None else (_BINARY, (LENGTH, b"%d" % split))


def header_length(value: bytes | None) -> int | None:
    """Return what the header of the binary extension says; None where it is absent.

    Raises:
        BadRequestError: it is no number.
    """
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        raise BadRequestError(f"{HEADER_LENGTH} is not a number") from None


def _unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """Unpack a compressed body, but never past the limit, whatever it claims."""
    bits = {"gzip": 31, "deflate": 15}.get(encoding)
    if bits is None:
        raise BadRequestError(
            f"Content-Encoding {encoding!r} is not known", fix="send gzip or deflate"
        )
    unpacker = zlib.decompressobj(bits)
    try:
        unpacked = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise BadRequestError(f"the body is not {encoding}", why=str(error)) from error
    if len(unpacked) > most:
        raise _too_large(most)
    if not unpacker.eof:
        raise BadRequestError(f"the body is not {encoding}", why="it is truncated")
    return unpacked


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(
        f"the body is over {most >> 20} MiB", fix="send fewer rows, or raise max_body_mb"
    )


class _Plain:
    """Everything but inference; these run in the thread pool.

    Args:
        handlers: what answers.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        # Loading may take minutes, and inference needs threads meanwhile.
        self._loads = anyio.CapacityLimiter(LOADS)

    def server(self, _: Request) -> Response:
        """Say what the server is and which extensions it has."""
        return _json(self._handlers.server())

    def live(self, _: Request) -> Response:
        """Say that the server lives."""
        return _json({"live": True})

    def metadata(self, request: Request) -> Response:
        """Say what a model takes and gives, and which form of it serves."""
        return _json(self._handlers.metadata(*_names(request)))

    def ready(self, request: Request) -> Response:
        """Say whether a model, or one version of it, can answer."""
        name, version = _names(request)
        self._handlers.ready(name, version)
        return _json({"name": name, "ready": True})

    def configuration(self, request: Request) -> Response:
        """Return Triton's model configuration."""
        return _json(self._handlers.configuration(*_names(request)))

    def statistics(self, request: Request) -> Response:
        """Return Triton's statistics of one model or all."""
        return _json(self._handlers.statistics(*_names(request)))

    async def index(self, request: Request) -> Response:
        """List the models; the body may be empty."""
        asked = _message(await request.body(), IndexRequest)
        return _json(
            await anyio.to_thread.run_sync(lambda: self._handlers.index(ready=asked.ready))
        )

    async def load(self, request: Request) -> Response:
        """Load a version: parameters `uri` and, for a path, `version`."""
        asked = _message(await request.body(), LoadRequest)
        name = request.path_params["model"]
        await anyio.to_thread.run_sync(self._handlers.load, name, asked, limiter=self._loads)
        return _json({})

    async def unload(self, request: Request) -> Response:
        """Unload a model, or with the parameter `version` one version."""
        asked = _message(await request.body(), Unload)
        await anyio.to_thread.run_sync(self._handlers.unload, request.path_params["model"], asked)
        return _json({})


def _names(request: Request) -> tuple[str, str]:
    return request.path_params.get("model", ""), request.path_params.get("version", "")


def _message(body: bytes, kind: type[T]) -> T:
    try:
        return lenient.decode(body or b"{}", kind)
    except msgspec.DecodeError as error:
        raise BadRequestError("the body is not valid", why=str(error)) from error


def _json(value: Any) -> Response:
    return Response(orjson.dumps(msgspec.to_builtins(value)), media_type="application/json")
