"""One write an answer: the head waits for the body, and both leave in one system call.

uvicorn writes the head of an answer and then its body, and uvloop passes each to the kernel: two
packets, and a client that is woken twice. `OneWriteProtocol` is uvicorn's protocol over a transport
that keeps the first write back until the second comes, or until this turn of the loop ends.

uvicorn also waits without end for a request that a client does not finish. Such a connection holds
memory and, for an upload, a thread; `OneWriteProtocol` knows when it has stalled, and `serve`
looks now and then and ends those that have.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dovetail.web.direct import Answer
from dovetail.web.direct_table import MOST_BYTES, DirectTable, Found

__all__ = ["GatheringTransport", "OneWriteProtocol"]

COPY_BELOW = 64 * 1024
MOST_HEAD = 64 * 1024  # bytes of a request's head; browsers and proxies send at most 16 KiB
HEAD_SECONDS = 20.0  # for the whole head of a request
BODY_SECONDS = 60.0  # between two parts of a body


class GatheringTransport:
    """A transport that joins two writes of one turn of the loop.

    Args:
        transport: the transport that it stands in front of, and asks for everything else.
        loop: the loop that the transport belongs to.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold the first data of a turn; send it with the next."""
        if self._held is None:
            self._held = data
            self._loop.call_soon(self.flush)
            return
        head, self._held = self._held, None
        if len(data) < COPY_BELOW:
            self._transport.write(head + data)
        else:
            self._transport.writelines((head, data))

    def write_whole(self, parts: Sequence[bytes]) -> None:
        """Send a whole answer at once."""
        self.flush()
        if len(parts[-1]) < COPY_BELOW:
            self._transport.write(b"".join(parts))
        else:
            self._transport.writelines(parts)

    def flush(self) -> None:
        """Send what is held."""
        if self._held is not None:
            held, self._held = self._held, None
            self._transport.write(held)

    def close(self) -> None:
        """Send what is held and close."""
        self.flush()
        self._transport.close()


class _Cycle:
    """A request that is answered directly, as uvicorn's protocol knows one of its own.

    Args:
        keep_alive: whether the connection stays open.
    """

    __slots__ = ("body", "disconnected", "keep_alive", "message_event", "more_body", "path",
                 "response_complete", "work")  # fmt: skip

    def __init__(self, keep_alive: bool, path: str) -> None:
        self.keep_alive, self.path = keep_alive, path
        self.response_complete = self.disconnected = self.more_body = False
        self.body = b""
        self.message_event = _NOBODY_WAITS
        self.work: asyncio.Future[Answer] | None = None


class _Event:
    """Stands for the event that a task of uvicorn would wait for."""

    def set(self) -> None:
        """Wake nobody."""


_NOBODY_WAITS = _Event()


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with the head and the body of an answer in one write.

    POST requests of the app's `DirectTable` are answered here, once their body is there.
    """

    def connection_made(self, transport: Any) -> None:
        """Take a new connection."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        self._table: DirectTable | None = getattr(self.server_state, "direct", None)
        self._found: Found | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._begin_head()
        self._heard = self._began

    def connection_lost(self, exc: Exception | None) -> None:
        """Spare the work for a client that has gone."""
        cycle: Any = self.cycle
        if isinstance(cycle, _Cycle) and cycle.work is not None:
            cycle.work.cancel()
        super().connection_lost(exc)

    def _begin_head(self) -> None:
        self._began, self._in_head, self._head_bytes = self.loop.time(), True, 0

    def data_received(self, data: bytes) -> None:
        """Take what a client sends; a head without end is refused."""
        self._heard = self.loop.time()
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD:
                self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        """Note that the head is there, and see who answers."""
        self._in_head = False
        if self._table is not None and self._goes_direct():
            self._found = self._table.find(self.url)
            if self._found is not None:
                return
        super().on_headers_complete()

    def _goes_direct(self) -> bool:
        """Whether a request may be answered before those that wait, and needs nothing special."""
        idle = self.cycle is None or self.cycle.response_complete
        return (
            idle
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self.parser.get_method() == b"POST"
            and not self.parser.should_upgrade()
        )

    def on_body(self, body: bytes) -> None:
        """Keep a part of a small body; a large one is left to the routes."""
        if self._found is None:
            super().on_body(body)
            return
        self._parts.append(body)
        self._size += len(body)
        if self._size > MOST_BYTES:
            self._leave_to_routes()

    def _leave_to_routes(self) -> None:
        parts, self._found, self._parts, self._size = self._parts, None, [], 0
        super().on_headers_complete()
        for part in parts:
            super().on_body(part)

    def on_message_complete(self) -> None:
        """Answer, where the whole request was waited for."""
        if self._found is not None and self._answer_directly(self._found):
            return
        super().on_message_complete()

    def _answer_directly(self, found: Found) -> bool:
        """Run the function; False where it left the request to the routes."""
        parts, parser, scope = self._parts, self.parser, self.scope
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        scope["method"], scope["path"] = "POST", found[2]
        cycle = _Cycle(parser.get_http_version() != "1.0" and parser.should_keep_alive(), found[2])
        before, self.cycle = self.cycle, cycle  # type: ignore[assignment]
        assert self._table is not None
        answer = self._table.run(found, scope, body)
        if answer is None:
            self.cycle = before
            self._leave_to_routes()
            return False
        self._found, self._parts, self._size = None, [], 0
        if isinstance(answer, tuple):
            self._finish(cycle, answer)
        else:
            cycle.work = answer
            self.tasks.add(answer)  # type: ignore[arg-type]
            answer.add_done_callback(lambda done: self._settle(cycle, done))
        return True

    def _settle(self, cycle: _Cycle, done: asyncio.Future[Answer]) -> None:
        self.tasks.discard(done)
        if done.cancelled():
            self.transport.close()
            return
        error = done.exception()
        assert self._table is not None
        answer = done.result() if error is None else self._table.refuse(cycle.path, error)
        if not cycle.disconnected and not self.transport.is_closing():
            self._finish(cycle, answer)

    def _finish(self, cycle: _Cycle, answer: Answer) -> None:
        status, headers, body = answer
        drains: bool = self.server_state.draining  # type: ignore[attr-defined]
        parts = [STATUS_LINE[status]]  # of a server that ends, the default headers say close
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive and not drains:
            parts.append(b"connection: close\r\n")
        parts.append(b"content-length: %d\r\n\r\n" % len(body))
        self.transport.write_whole((b"".join(parts), body))  # type: ignore[attr-defined]
        cycle.response_complete = True
        if not cycle.keep_alive or drains:
            self.transport.close()
        self.on_response_complete()

    def shutdown(self) -> None:
        """Close when the server ends, but not under a request that is on its way here."""
        if self._found is None and not (self._in_head and self._head_bytes):
            super().shutdown()

    def has_stalled(self) -> bool:
        """Whether the client is too slow with what it began to send."""
        now = self.loop.time()
        if self._in_head:
            return now - self._began > HEAD_SECONDS
        cycle = self.cycle
        awaited = cycle is not None and cycle.more_body and not cycle.response_complete
        awaited = awaited or self._found is not None
        return awaited and not self.flow.read_paused and now - self._heard > BODY_SECONDS
