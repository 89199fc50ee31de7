"""Ending without a failed request, for balancers and for clients that keep their connections.

Told to stop, a server first says so: readiness turns to 503, and each answer carries
`Connection: close`. Then it takes no new connections, and only after that closes those on which
nothing comes. A client that is refused a connection goes elsewhere; one whose open connection is
closed under its request has lost it. So every connection is told before it is closed, and a
connection that a client believes to have is never thrown away with the socket that listens.
"""

import asyncio
import ctypes
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp

from dovetail.web.piece import Service

__all__ = ["Drain", "refuse_new"]

TELL_SECONDS = 1.0  # in which clients that use a connection are told to leave it
SETTLE_SECONDS = 0.1  # in which connections that are being made are made
_TICK = 0.02
_CLOSE = (b"connection", b"close")
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER; the module `socket` does not name it
_NO_SYN = (
    (0x30, 0, 0, 13),  # load the flags of TCP
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # only SYN?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else take it
)


def refuse_new(listening: socket.socket) -> None:
    """Let a socket take no new connection, while those that are half made are still finished.

    Closing a socket that listens resets whoever is in its queue: clients that were connected and
    have sent their request. So before it is closed the kernel drops requests to connect; those
    clients ask again, and are refused once it is closed. Where filters are not allowed nothing
    happens, and only that moment is unguarded.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
    packed = struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
    try:
        listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, packed)
    except OSError:
        return


class Drain:
    """The end of a server, up to the point where connections may be closed.

    Args:
        app: what is served.
        seconds: how long new connections are still taken, so that balancers see the readiness.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    def begin(self, server: Any) -> None:
        """Say that the server ends: to those who ask whether it is ready, and in every answer."""
        state = getattr(self._app, "state", None)
        if state is not None:
            state.draining = True
        for service in _services(self._app):
            if service.drain is not None:
                service.drain()
        server.server_state.draining = True
        server.server_state.default_headers = [*server.server_state.default_headers, _CLOSE]

    async def leave(self, server: Any, sockets: Sequence[socket.socket]) -> None:
        """Take new connections for a while, then none, and wait until the clients have gone.

        Args:
            server: a `uvicorn.Server` that was told to stop.
            sockets: on which it listens.
        """
        connections = server.server_state.connections
        await _wait(self._seconds, lambda: server.force_exit)
        for listening in sockets:
            refuse_new(listening)
        await _wait(SETTLE_SECONDS, lambda: server.force_exit)
        for listener in server.servers:
            listener.close()
        for listening in sockets:
            listening.close()
        await _wait(TELL_SECONDS, lambda: server.force_exit or not connections)


async def _wait(seconds: float, done: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        await asyncio.sleep(_TICK)


def _services(app: object) -> list[Service]:
    mounted = getattr(getattr(app, "state", None), "mounted", ())
    return [one.service for one in mounted]
