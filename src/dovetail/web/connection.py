"""One write an answer: the head waits for the body, and both leave in one system call.

uvicorn writes the head of an answer and then its body, and uvloop passes each to the kernel: two
packets, and a client that is woken twice. `OneWriteProtocol` is uvicorn's protocol over a transport
that keeps the first write back until the second comes, or until this turn of the loop ends.

Of a client that sends one head again and again it is parsed once (`repeated`).

uvicorn also waits without end for a request that a client does not finish. Such a connection holds
memory and, for an upload, a thread; `OneWriteProtocol` knows when it has stalled, and `serve`
looks now and then and ends those that have. So it does with those that rest too long between two
requests: a timer for each answer would cost more than many an answer.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dovetail.base.promise import Promise
from dovetail.web.direct import Answer
from dovetail.web.direct_table import DirectTable, Found
from dovetail.web.repeated import KnownHead, learned

if TYPE_CHECKING:
    from dovetail.web.auth import Principal

__all__ = ["GatheringTransport", "OneWriteProtocol"]

COPY_BELOW = 64 * 1024
MOST_HEAD = 64 * 1024  # bytes of a request's head; browsers and proxies send at most 16 KiB
HEAD_SECONDS = 20.0  # for the whole head of a request
BODY_SECONDS = 60.0  # between two parts of a body
REST_SECONDS = 75.0  # between two requests
_MOST_MISSES = 16  # heads of a connection that were none of those before, until none is learned


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
        self._known: KnownHead | None = None
        self._known_found: Found | None = None
        self._learning: Found | None = None
        self._misses = self._begun = self._body_bytes = self._due = 0
        self._in_message = self._for_routes = False
        self._digits = b""
        self._principal: Principal | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._said: tuple[Any, Any, int, bytes] = (None, None, 0, b"")
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
        while self._due or (self._known is not None and not self._in_message):
            rest = self._repeat(data) if not self._due else self._take(data)
            if rest is None:
                break
            if not rest or self.transport.is_closing():
                return
            data = rest
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        begins, self._begun = not self._in_message, 0
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD:
                self.send_400_response("The head of the request is too long.")
        elif begins and self._begun == 1 and self._learning and self._misses < _MOST_MISSES:
            known = learned(data, self.headers, self._body_bytes)
            self._misses += 1
            if known is not None:
                self._known, self._known_found = known, self._learning
                assert self._table is not None
                self._principal = self._table.admits(self._learning, known.headers)

    # A request whose head is known is not parsed.

    def _repeat(self, data: bytes) -> bytes | None:
        """Begin a request whose head is known; return what follows it, None if it is another."""
        known, found, cycle = self._known, self._known_found, self.cycle
        assert known is not None
        if (cycle is not None and not cycle.response_complete) or self.flow.write_paused:
            return None
        at = known.find(data)
        if at is None or found is None or int(at[1]) > found[3]:
            return None
        self._misses = 0
        start, self._digits = at
        self._found, self._due = found, int(self._digits)
        return self._take(data[start:]) if self._due else self._whole(b"", b"")

    def _take(self, data: bytes) -> bytes:
        """Take the body of such a request; return what follows it."""
        due = self._due
        if len(data) < due:
            self._parts.append(data)
            self._due = due - len(data)
            return b""
        self._due = 0
        rest = b""
        if len(data) > due:
            data, rest = data[:due], data[due:]
        if self._parts:
            self._parts.append(data)
            data, self._parts = b"".join(self._parts), []
        return self._whole(data, rest)

    def _whole(self, body: bytes, rest: bytes) -> bytes:
        found, known, digits = self._found, self._known, self._digits
        assert found is not None
        assert known is not None
        headers = known.headers_with(digits)
        scope = {"type": "http", "method": "POST", "path": found[2], "headers": headers}
        if not self._answer(found, scope, body, keep_alive=True, principal=self._principal):
            self._found, self._for_routes = None, True
            self._parse(b"".join((known.before, digits, known.after, body)))
            self._for_routes = False
        return rest

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._in_message, self._body_bytes, self._learning = True, 0, None
        self._begun += 1
        self._begin_head()

    def on_headers_complete(self) -> None:
        """Note that the head is there, and see who answers."""
        self._in_head = False
        if self._table is not None and self._goes_direct():
            self._found = self._table.find(self.url, self.headers)
            if self._found is not None:
                if self._keeps_alive():
                    self._learning = self._found
                return
        super().on_headers_complete()

    def _goes_direct(self) -> bool:
        """Whether a request may be answered before those that wait, and needs nothing special."""
        idle = self.cycle is None or self.cycle.response_complete
        return (
            idle
            and not self._for_routes
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self.parser.get_method() == b"POST"
            and not self.parser.should_upgrade()
        )

    def _keeps_alive(self) -> bool:
        alive: bool = self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive()
        return alive

    def on_body(self, body: bytes) -> None:
        """Keep a part of a small body; a large one is left to the routes."""
        self._body_bytes += len(body)
        if self._found is None:
            super().on_body(body)
            return
        self._parts.append(body)
        self._size += len(body)
        if self._size > self._found[3]:
            self._leave_to_routes()

    def _leave_to_routes(self) -> None:
        parts, self._found, self._parts, self._size = self._parts, None, [], 0
        super().on_headers_complete()
        for part in parts:
            super().on_body(part)

    def on_message_complete(self) -> None:
        """Answer, where the whole request was waited for."""
        self._in_message = False
        if self._found is not None and self._answer_directly(self._found):
            return
        super().on_message_complete()

    def _answer_directly(self, found: Found) -> bool:
        """Run the function; False where it left the request to the routes."""
        parts, scope = self._parts, self.scope
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        scope["method"], scope["path"] = "POST", found[2]
        if not self._answer(found, scope, body, keep_alive=self._keeps_alive()):
            self._leave_to_routes()
            return False
        return True

    def _answer(
        self,
        found: Found,
        scope: Mapping[str, Any],
        body: bytes,
        *,
        keep_alive: bool,
        principal: "Principal | None" = None,
    ) -> bool:
        assert self._table is not None
        answer = self._table.run(found, scope, body, principal)
        if answer is None:
            return False
        self._found = None
        if self._size:
            self._parts, self._size = [], 0
        if isinstance(answer, tuple):
            self._finish(answer, keep_alive=keep_alive)
            return True
        cycle = _Cycle(keep_alive, found[2])
        self.cycle = cycle  # type: ignore[assignment]
        if isinstance(answer, Promise):
            answer.then(lambda value, error: self._told(cycle, value, error))
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
        self._told(cycle, None if error else done.result(), error)

    def _told(self, cycle: _Cycle, answer: Answer | None, error: BaseException | None) -> None:
        if answer is None:
            assert self._table is not None
            assert error is not None
            answer = self._table.refuse(cycle.path, error)
        if not cycle.disconnected and not self.transport.is_closing():
            cycle.response_complete = True
            self._finish(answer, keep_alive=cycle.keep_alive)

    def _finish(self, answer: Answer, *, keep_alive: bool) -> None:
        status, headers, body = answer
        drains: bool = self.server_state.draining  # type: ignore[attr-defined]
        ends = b"" if keep_alive or drains else b"connection: close\r\n"
        head = b"%b%bcontent-length: %d\r\n\r\n" % (self._start(status, headers), ends, len(body))
        self.transport.write_whole((head, body))  # type: ignore[attr-defined]
        if not keep_alive or drains:
            self.transport.close()
        self.on_response_complete()

    def _start(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return the head of an answer up to its length; most are the same for a second."""
        default = self.server_state.default_headers  # of a server that ends, they say close
        said = self._said
        if said[0] is default and said[1] is headers and said[2] == status:
            return said[3]
        parts = [STATUS_LINE[status]]
        for name, value in (*default, *headers):
            parts += (name, b": ", value, b"\r\n")
        start = b"".join(parts)
        if isinstance(headers, tuple):  # which nobody changes
            self._said = (default, headers, status, start)
        return start

    def on_response_complete(self) -> None:
        """Begin the next request that was sent ahead; no timer is set for a connection at rest."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._heard = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def shutdown(self) -> None:
        """Close when the server ends, but not under a request that is on its way here."""
        if self._found is None and not (self._in_head and self._head_bytes):
            super().shutdown()

    def has_stalled(self) -> bool:
        """Whether the client is too slow with what it began to send, or with its next request."""
        now = self.loop.time()
        if self._in_head:
            return now - self._began > HEAD_SECONDS
        cycle = self.cycle
        awaited = cycle is not None and cycle.more_body and not cycle.response_complete
        awaited = awaited or self._found is not None
        if awaited:
            return not self.flow.read_paused and now - self._heard > BODY_SECONDS
        rests = cycle is None or cycle.response_complete
        return rests and now - self._heard > REST_SECONDS
