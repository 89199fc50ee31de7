"""A tap as a thread with a loop of its own, so that a busy server does not slow what passes."""

import asyncio
import threading
from collections.abc import Callable, Sequence

from dovetail.base.errors import UnavailableError
from dovetail.monitoring.tap.ear import Ear
from dovetail.monitoring.tap.log import TapLog
from dovetail.monitoring.tap.relay import Relay, Upstream
from dovetail.web.serve import bind
from dovetail.wire.cloudevents import Event

__all__ = ["Tap"]


class Tap:
    """In front of one server.

    Args:
        url: The server behind.
        host: Where to listen.
        port: The port; 0 takes a free one.
        send: Stores events; raises while it cannot.

    Raises:
        SettingsError: The URL is no server's.
        UnavailableError: The port cannot be taken.
    """

    def __init__(
        self, url: str, host: str, port: int, send: Callable[[Sequence[Event]], object]
    ) -> None:
        self._log = TapLog(url, send)
        self._relay = Relay(Upstream.parse(url), lambda: Ear(self._log.hear))
        self._socket = bind(host, port)
        self.address = "{}:{}".format(*self._socket.getsockname()[:2])
        self._loop: asyncio.AbstractEventLoop | None = None
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitoring-tap", daemon=True)

    def start(self) -> None:
        """Pass connections on from now on.

        Raises:
            UnavailableError: It does not come to listen.
        """
        self._log.start()
        self._thread.start()
        if not self._began.wait(10):
            raise UnavailableError("the tap does not begin to listen")

    def stop(self) -> None:
        """End all connections, and store what was heard."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._relay.stop)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)
            self._log.stop()
        self._socket.close()

    def _run(self) -> None:
        import uvloop

        loop = uvloop.new_event_loop()
        loop.run_until_complete(self._relay.start(self._socket))
        self._loop = loop
        self._began.set()
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(asyncio.sleep(0.05))  # connections end in the loop's turns
            loop.close()
