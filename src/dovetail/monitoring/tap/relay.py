"""A relay of bytes with an ear: what passes is never changed, what is heard never matters to it.

Each client connection has one connection to the server behind. Bytes go on as they come, in both
directions, before anybody looks at them; then a copy goes to an `Ear`, whose failure turns itself
off and nothing else. So whatever the two sides speak, the relay cannot misunderstand it.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from dovetail.base import telemetry
from dovetail.base.errors import SettingsError
from dovetail.monitoring.tap.ear import Ear

__all__ = ["Relay", "Upstream"]

log = telemetry.logger("monitoring")
_CONNECT_SECONDS = 10.0
_ABSENT = (
    b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: 44\r\n\r\n"
    b'{"error":"the server behind is unreachable"}'
)


@dataclass(frozen=True)
class Upstream:
    """The server behind.

    Attributes:
        host: Its host.
        port: Its port.
        secure: Whether it speaks TLS.
    """

    host: str
    port: int
    secure: bool

    @classmethod
    def parse(cls, url: str) -> "Upstream":
        """Read an address.

        Raises:
            SettingsError: It is no http:// or https:// URL of a whole server.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise SettingsError(f"'{url}' cannot be tapped", why=str(error)) from error
        whole = parts.path in ("", "/") and not parts.query and not parts.username
        if parts.scheme not in ("http", "https") or not parts.hostname or not whole:
            raise SettingsError(
                f"'{url}' cannot be tapped", fix="give the server's address, http://host:port"
            )
        return cls(parts.hostname, port, parts.scheme == "https")


class Relay:
    """Listens, and connects each client to the server behind.

    Args:
        upstream: The server behind.
        listen: Makes the ear of a connection.
    """

    def __init__(self, upstream: Upstream, listen: Callable[[], Ear]) -> None:
        self._upstream, self._listen = upstream, listen
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    async def start(self, listening: Any) -> None:
        """Serve a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Client(self._upstream, self._listen(), self._clients), sock=listening
        )

    def stop(self) -> None:
        """Take no new connections, and end those that there are."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.transport.abort()


class _Side(asyncio.Protocol):
    """One side of a relayed connection."""

    transport: asyncio.Transport
    other: "_Side | None" = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def pause_writing(self) -> None:
        """Read no more from the other side while this one is slow."""
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read from the other side again."""
        if self.other is not None:
            self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        """Pass the end of one direction on; the other direction stays open."""
        if self.other is not None and self.other.transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                self.other.transport.write_eof()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other side as well, after what it has still to write."""
        if self.other is not None:
            self.other.transport.close()


class _Client(_Side):
    """The side of a client.

    Args:
        upstream: Whom to connect it to.
        ear: Who listens.
        clients: Where it is while it is connected.
    """

    def __init__(self, upstream: Upstream, ear: Ear, clients: "set[_Client]") -> None:
        self._upstream, self.ear, self._clients = upstream, ear, clients
        self._task: asyncio.Task[None] | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server behind."""
        super().connection_made(transport)
        self._clients.add(self)
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        u = self._upstream
        context = ssl.create_default_context() if u.secure else None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: _Server(self), u.host, u.port, ssl=context
                )
        except (OSError, TimeoutError) as error:
            log.warning("the tapped server is unreachable", error=str(error))
            self.transport.write(_ABSENT)
            self.transport.close()
            return
        early, self._early = self._early, []
        for data in early:
            self.data_received(data)
        if early:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, then listen; what comes before there is anybody to pass it to waits."""
        if self.other is None:
            if not self._early:
                self.transport.pause_reading()
            self._early.append(data)
            return
        self.other.transport.write(data)
        self.ear.asked(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other side, and the attempt to reach it."""
        self._clients.discard(self)
        if self._task is not None:
            self._task.cancel()
        super().connection_lost(exc)


class _Server(_Side):
    """The side of the server behind.

    Args:
        client: Whom it answers.
    """

    def __init__(self, client: _Client) -> None:
        self.other, self._ear = client, client.ear

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the two sides."""
        super().connection_made(transport)
        assert self.other is not None
        self.other.other = self

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, then listen."""
        assert self.other is not None
        self.other.transport.write(data)
        self._ear.answered(data)
