"""One write an answer: the head waits for the body, and both leave in one system call.

uvicorn writes the head of an answer and then its body, and uvloop passes each to the kernel: two
packets, and a client that is woken twice. `OneWriteProtocol` is uvicorn's protocol over a transport
that keeps the first write back until the second comes, or until this turn of the loop ends.

uvicorn also waits without end for a request that a client does not finish. Such a connection holds
memory and, for an upload, a thread; `OneWriteProtocol` knows when it has stalled, and `serve`
looks now and then and ends those that have.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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

    def flush(self) -> None:
        """Send what is held."""
        if self._held is not None:
            held, self._held = self._held, None
            self._transport.write(held)

    def close(self) -> None:
        """Send what is held and close."""
        self.flush()
        self._transport.close()


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with the head and the body of an answer in one write."""

    def connection_made(self, transport: Any) -> None:
        """Take a new connection."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        self._begin_head()
        self._heard = self._began

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
        """Note that its head is there."""
        self._in_head = False
        super().on_headers_complete()

    def has_stalled(self) -> bool:
        """Whether the client is too slow with what it began to send."""
        now = self.loop.time()
        if self._in_head:
            return now - self._began > HEAD_SECONDS
        cycle = self.cycle
        awaited = cycle is not None and cycle.more_body and not cycle.response_complete
        return awaited and not self.flow.read_paused and now - self._heard > BODY_SECONDS
