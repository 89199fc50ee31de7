"""The server: an ASGI app on a socket, in the foreground or in a thread.

The socket is bound here, before the server starts, so that a taken port is one clear message.
uvloop sets TCP_NODELAY on every connection, and `dovetail.web.connection` lets the head and the
body of an answer leave in one write.
"""

import asyncio
import errno
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from dovetail.base.errors import UnavailableError
from dovetail.web.connection import OneWriteProtocol
from dovetail.web.drain import Drain
from dovetail.web.piece import Service
from dovetail.web.tls import Tls

__all__ = ["RunningApp", "bind", "serve", "serve_in_thread"]

GRACE_SECONDS = 15
GUARD_SECONDS = 5.0
_TURN_SECONDS = 0.001


@dataclass(frozen=True)
class RunningApp:
    """A server that answers.

    Attributes:
        url: its base URL.
        addresses: where else it answers: protocol to `host:port`.
    """

    url: str
    addresses: Mapping[str, str] = field(default_factory=dict)


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Take a port.

    Args:
        host: the address.
        port: the port; 0 for a free one.
        shared: whether other processes take it too; the kernel then spreads connections evenly
            over those that listen, which the returned socket does only once it is served.

    Raises:
        UnavailableError: it is taken, not allowed, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if shared:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        taken.bind((host, port))
        if not shared:
            taken.listen(2048)
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            raise UnavailableError(
                f"port {port} on {host} is in use",
                why="another server listens there",
                fix="stop it, or choose another port with --port",
            ) from error
        raise UnavailableError(
            f"cannot listen on {host}:{port}",
            why=error.strerror or str(error),
            fix="choose a port from 1024 on" if error.errno == errno.EACCES else "check --host",
        ) from error
    taken.set_inheritable(True)
    return taken


def url_of(listening: socket.socket, *, secure: bool = False) -> str:
    """Return the base URL of a bound socket.

    Args:
        listening: the socket.
        secure: whether TLS is spoken there.
    """
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    start = "https" if secure else "http"
    return f"{start}://[{host}]:{port}" if ":" in host else f"{start}://{host}:{port}"


def addresses_of(app: ASGIApp) -> dict[str, str]:
    """Return where the services of a running app answer besides its URL: protocol to address."""
    found: dict[str, str] = {}
    for service in _services(app):
        if service.addresses is not None:
            found.update(service.addresses())
    return found


def said(url: str, addresses: Mapping[str, str]) -> str:
    """Return a URL and further addresses as one sentence has them."""
    return ", ".join([url, *(f"{protocol} on {where}" for protocol, where in addresses.items())])


def _services(app: object) -> list[Service]:
    mounted = getattr(getattr(app, "state", None), "mounted", ())
    return [one.service for one in mounted]


class _Server(uvicorn.Server):
    """uvicorn that says when it answers, and ends connections that have stalled."""

    def __init__(
        self,
        config: uvicorn.Config,
        answering: Callable[[], None],
        drain: Drain | None,
        tls: Tls | None,
    ) -> None:
        super().__init__(config)
        self._answering, self._drain, self._tls = answering, drain, tls
        self._guard: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._guard = asyncio.create_task(self._end_stalled())
            self._answering()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._guard is not None:
            self._guard.cancel()
        if self._drain is not None:
            self._drain.begin(self)
            await self._drain.leave(self, sockets or ())
        await super().shutdown(sockets=sockets)

    async def _end_stalled(self) -> None:
        while True:
            await asyncio.sleep(GUARD_SECONDS)
            if self._tls is not None:
                self._tls.refresh()
            for connection in list(self.server_state.connections):
                if isinstance(connection, OneWriteProtocol) and connection.has_stalled():
                    connection.transport.abort()


def _server(
    app: ASGIApp,
    answering: Callable[[], None],
    drain: Drain | None = None,
    grace_seconds: int = GRACE_SECONDS,
    tls: Tls | None = None,
) -> _Server:
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=OneWriteProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=grace_seconds,
    )
    if tls is not None:
        config.load()
        config.ssl = tls.context("http/1.1")
    server = _Server(config, answering, drain, tls)
    server.server_state.draining = False  # type: ignore[attr-defined]
    server.server_state.direct = getattr(getattr(app, "state", None), "direct", None)  # type: ignore[attr-defined]
    return server


def serve(
    app: ASGIApp,
    listening: socket.socket,
    answering: Callable[[], None] = lambda: None,
    *,
    drain_seconds: float = 0.0,
    grace_seconds: int = GRACE_SECONDS,
    tls: Tls | None = None,
) -> None:
    """Serve until the process is told to stop; requests in flight are finished first.

    Args:
        app: what to serve.
        listening: from `bind`.
        answering: called once the server answers.
        drain_seconds: how long it still takes new connections then, while it says "not ready".
        grace_seconds: how long it waits for requests that run, at most.
        tls: the certificate; None for no TLS.
    """
    # A thread that computes keeps the interpreter for so long before the loop gets its turn; with
    # Python's 5 ms, requests beside a busy slow model wait half as long again.
    sys.setswitchinterval(_TURN_SECONDS)
    drain = Drain(app, drain_seconds)
    _server(app, answering, drain, grace_seconds, tls).run(sockets=[listening])


@contextmanager
def serve_in_thread(
    app: ASGIApp, host: str = "127.0.0.1", port: int = 0, tls: Tls | None = None
) -> Iterator[RunningApp]:
    """Serve from a thread of this process, for tests, notebooks and examples."""
    listening = bind(host, port)
    ready = threading.Event()
    server = _server(app, ready.set, tls=tls)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not ready.wait(0.05):
            if not thread.is_alive():
                raise UnavailableError("the server ended while it started")
        yield RunningApp(url_of(listening, secure=tls is not None), addresses_of(app))
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
