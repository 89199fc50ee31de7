"""A file on its way to a client: a small one at once, a large one while the next chunk is read."""

import asyncio
import mimetypes
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dovetail.base.artifacts import ArtifactStore, Stat
from dovetail.base.errors import ConflictError
from dovetail.tracking.routes.ranges import Asked, asked
from dovetail.tracking.routes.threads import FILES

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["FileResponse"]

# A page that a run brought with it never runs on this server's own address.
_ATTACHED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}
_TRIES = 3
_Opened = tuple[Stat, Asked, Iterator[bytes], bytes]


class FileResponse(Response):
    """A file as an attachment, or the part that the request asks for.

    Args:
        store: where the file lies.
        locate: finds it, in a thread, or raises what to answer.
    """

    def __init__(self, store: ArtifactStore, locate: Callable[[], Stat]) -> None:
        super().__init__()
        self._store, self._locate = store, locate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        headers, is_head = Headers(scope=scope), scope["method"] == "HEAD"
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(FILES, self._open, headers, is_head)
        found, answer, body, first = await opening
        head = {"status": answer.status, "headers": _headers(found, answer)}
        await send({"type": "http.response.start", **head})
        if is_head or answer.end - answer.start <= len(first):
            await send({"type": "http.response.body", "body": first})
            return
        await _stream(first, body, receive, send)

    def _open(self, headers: Headers, is_head: bool) -> _Opened:
        """Return the file, what to answer, and the first chunk of it."""
        for attempt in range(1, _TRIES + 1):
            found = self._locate()
            answer = asked(headers, found)
            if is_head or answer.start >= answer.end:
                break
            try:
                body = self._store.open(found.path, answer.start, answer.end, etag=found.etag)
            except ConflictError:  # replaced since it was located
                if attempt == _TRIES:
                    raise
                continue
            return found, answer, body, next(body, b"")
        return found, answer, iter(()), b""


def _headers(found: Stat, answer: Asked) -> list[tuple[bytes, bytes]]:
    name = found.path.rsplit("/", 1)[-1]
    given = dict(answer.headers)
    if answer.status != 304:
        given["Content-Length"] = str(answer.end - answer.start)
    if answer.status in (200, 206):
        given |= _ATTACHED
        given["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
        given["Content-Type"] = _kind(name)
    return [(key.lower().encode(), value.encode("latin-1")) for key, value in given.items()]


def _kind(name: str) -> str:
    """Return the media type of a file, but none in which a browser would run a script."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/html") or "xml" in kind or "javascript" in kind:
        kind = "text/plain"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


async def _stream(first: bytes, body: Iterator[bytes], receive: Receive, send: Send) -> None:
    gone = asyncio.ensure_future(_until_gone(receive))
    following: Future[bytes] = FILES.submit(next, body, b"")
    try:
        chunk = first
        while chunk and not gone.done():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            chunk = await asyncio.wrap_future(following)
            if chunk:
                following = FILES.submit(next, body, b"")
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        following.add_done_callback(lambda _: _close(body))


def _close(body: Any) -> None:
    with suppress(AttributeError):
        body.close()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
