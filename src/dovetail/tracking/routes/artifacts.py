"""The artifact proxy: files streamed in and out, never held in memory.

An upload is fed chunk by chunk from the event loop into the thread that writes the file. A client
that goes away in the middle makes the write fail, and the store then shows nothing of it.
"""

import asyncio
import mimetypes
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive

from dovetail.base.artifacts import ArtifactStore, Stat
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import UnsupportedError
from dovetail.tracking.handlers import artifacts
from dovetail.wire.mlflow import ARTIFACTS_PREFIX, ListProxied, encode, from_query

__all__ = ["artifact_routes", "send_file"]

AJAX = "/ajax-api/2.0/mlflow-artifacts/artifacts"
UNSUPPORTED = ("/api/2.0/mlflow-artifacts/mpu", "/api/2.0/mlflow-artifacts/presigned")
_ATTACHED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


def artifact_routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of the artifact proxy."""

    def list_folder(request: Request) -> Response:
        """List a folder behind the proxy."""
        pairs = parse_qsl(request.scope["query_string"].decode())
        found = artifacts.list_folder(backend, from_query(pairs, ListProxied))
        return Response(encode(found), media_type="application/json")

    def download(request: Request) -> Response:
        """Download a file, or the part that a Range header asks for."""
        return _download(backend, request)

    async def upload(request: Request) -> Response:
        """Upload a file; it appears whole or not at all."""
        path = request.path_params["path"]
        chunks = _Incoming(request.receive, asyncio.get_running_loop())
        first = await request.receive()
        chunks.begin(first)
        await anyio.to_thread.run_sync(artifacts.upload, backend, path, chunks)
        return _empty()

    def delete(request: Request) -> Response:
        """Remove a file or a folder."""
        artifacts.delete(backend, request.path_params["path"])
        return _empty()

    routes: list[BaseRoute] = []
    for prefix in (ARTIFACTS_PREFIX, AJAX):
        routes += [
            Route(prefix, list_folder, methods=["GET"]),
            Route(f"{prefix}/{{path:path}}", download, methods=["GET"]),
            Route(f"{prefix}/{{path:path}}", upload, methods=["PUT"]),
            Route(f"{prefix}/{{path:path}}", delete, methods=["DELETE"]),
        ]
    for prefix in UNSUPPORTED:
        routes.append(Route(f"{prefix}/{{path:path}}", _unsupported, methods=["GET", "POST"]))
    return routes


def _unsupported(request: Request) -> Response:
    """Refuse uploads in parts and presigned URLs; files stream through the proxy."""
    raise UnsupportedError(
        "Multipart and presigned transfers are not supported by this server; files of any size "
        "stream through the artifact proxy."
    )


def _empty() -> Response:
    return Response(b"{}", media_type="application/json")


def _download(backend: Backend, request: Request) -> Response:
    found = artifacts.locate(backend, request.path_params["path"])
    return send_file(backend.artifacts, found, request)


def send_file(store: ArtifactStore, found: Stat, request: Request) -> Response:
    """Send a file as an attachment, or the part that a Range header asks for.

    A page that a run brought with it never runs on this server's own address.
    """
    start, end = _range(request.headers.get("range", ""), found.size)
    name = found.path.rsplit("/", 1)[-1]
    headers = {
        **_ATTACHED,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Content-Length": str(end - start),
        "Accept-Ranges": "bytes",
    }
    partial = (start, end) != (0, found.size)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/html") or "xml" in kind or "javascript" in kind:
        kind = "text/plain"
    body = store.open(found.path, start, end)
    return StreamingResponse(body, 206 if partial else 200, headers, media_type=kind)


def _range(header: str, size: int) -> tuple[int, int]:
    """Return the first byte that a Range header asks for, and the one after the last."""
    unit, _, spec = header.partition("=")
    first, dash, last = spec.partition("-")
    if unit.strip() != "bytes" or not dash or "," in spec:
        return 0, size
    try:
        if not first.strip():
            return max(0, size - int(last)), size
        start = int(first)
        end = int(last) + 1 if last.strip() else size
    except ValueError:
        return 0, size
    return (start, min(end, size)) if start < min(end, size) else (0, size)


class _Incoming:
    """The chunks of an upload, awaited on the event loop and taken in a thread.

    Args:
        receive: gives the next message of the request.
        loop: where to await it.
    """

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive, self._loop = receive, loop
        self._message: Any = None

    def begin(self, message: Any) -> None:
        """Give the first message, which is there before the thread starts."""
        self._message = message

    def __iter__(self) -> Iterator[bytes]:
        while True:
            if self._message["type"] == "http.disconnect":
                raise ClientDisconnect
            yield self._message.get("body", b"")
            if not self._message.get("more_body", False):
                return
            waiting = asyncio.run_coroutine_threadsafe(_next(self._receive), self._loop)
            self._message = waiting.result()


async def _next(receive: Receive) -> Any:
    return await receive()
