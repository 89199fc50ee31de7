"""One code path to embedded and remote pieces: an httpx transport that calls the ASGI app.

Clients are synchronous and run in worker threads; the app runs on the server's event loop. The
transport hands the request over to that loop, and marks it as internal, which no request from
the network can do.
"""

import asyncio
import queue
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
from starlette.types import ASGIApp, Message

from dovetail.base.errors import UnavailableError

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["INTERNAL", "InProcessTransport"]

INTERNAL = "dovetail.internal"
_END = object()


class InProcessTransport(httpx.BaseTransport):
    """Calls an ASGI app that runs on another thread's event loop.

    Args:
        name: what is called, for messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._app: ASGIApp | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        """Say which app to call, on which loop; done when the server starts."""
        self._app, self._loop = app, loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Run one request through the app."""
        if self._app is None or self._loop is None:
            raise UnavailableError(f"{self.name} does not answer yet", why="the server is starting")
        call = _Call(request)
        done = asyncio.run_coroutine_threadsafe(call.run(self._app), self._loop)
        done.add_done_callback(call.finish)
        return call.response()


class _Call:
    """One request and its answer, between a worker thread and the loop."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._body: Iterator[bytes] = iter(request.stream)  # type: ignore[arg-type]
        self._answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._sent_all = False

    def _scope(self) -> dict[str, Any]:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": "http",
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(k.lower(), v) for k, v in self._request.headers.raw],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
            "state": {},
            INTERNAL: True,
        }

    async def run(self, app: ASGIApp) -> None:
        await app(self._scope(), self._receive, self._send)

    async def _receive(self) -> Message:
        if self._sent_all:
            await asyncio.Event().wait()
        if isinstance(self._request.stream, httpx.ByteStream):
            self._sent_all = True
            return {"type": "http.request", "body": b"".join(self._body), "more_body": False}
        chunk = await asyncio.get_running_loop().run_in_executor(None, next, self._body, None)
        self._sent_all = chunk is None
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def _send(self, message: Message) -> None:
        self._answer.put(message)

    def finish(self, done: "Future[None]") -> None:
        self._answer.put(done.exception() or _END)

    def response(self) -> httpx.Response:
        first = self._answer.get()
        if first is _END or isinstance(first, BaseException):
            raise httpx.RemoteProtocolError("the app gave no answer") from (
                first if isinstance(first, BaseException) else None
            )
        return httpx.Response(first["status"], headers=first["headers"], stream=_Body(self._answer))


class _Body(httpx.SyncByteStream):
    """The answer's body as it is sent."""

    def __init__(self, answer: "queue.SimpleQueue[Any]") -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        while True:
            message = self._answer.get()
            if message is _END:
                return
            if isinstance(message, BaseException):
                raise httpx.ReadError("the app failed while it answered") from message
            if message["type"] == "http.response.body":
                yield message.get("body", b"")
                if not message.get("more_body", False):
                    return
