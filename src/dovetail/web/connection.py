"""One write an answer: the head waits for the body, and both leave in one system call.

uvicorn writes the head of an answer and then its body, and uvloop passes each to the kernel: two
packets, and a client that is woken twice. `OneWriteProtocol` is uvicorn's protocol over a transport
that keeps the first write back until the second comes, or until this turn of the loop ends.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["GatheringTransport", "OneWriteProtocol"]

COPY_BELOW = 64 * 1024


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
