"""From what was heard to payload events: a bounded queue, and a thread that empties it.

What is heard while monitoring cannot store it waits in memory, so far and no further: inference
goes on whatever becomes of the log.
"""

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.base.ids import new_id
from dovetail.monitoring import metrics
from dovetail.monitoring.bodies import body_of
from dovetail.monitoring.errors import EventInvalidError
from dovetail.monitoring.tap.ear import MOST_BYTES, Exchange, Message
from dovetail.wire.cloudevents import Event
from dovetail.wire.http import BadRequest, WireError
from dovetail.wire.monitoring import REQUEST, RESPONSE

__all__ = ["TapLog"]

log = telemetry.logger("monitoring")
_MOST, _MOST_BYTES, _BATCH = 10_000, 64 << 20, 200
_PAUSES = (0.2, 5.0)
_GRACE = 3.0
Heard = tuple[datetime, Exchange]


class TapLog:
    """The payload log of a tap.

    Args:
        source: The server behind, as events name it.
        send: Stores events; raises while it cannot.
    """

    def __init__(self, source: str, send: Callable[[Sequence[Event]], object]) -> None:
        self._source, self._send = source, send
        self._waiting: deque[Heard] = deque()
        self._bytes, self._lock = 0, threading.Lock()
        self._wake, self._stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="monitoring-tap-log", daemon=True)

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def stop(self) -> None:
        """Store what waits, for a few seconds at most, and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=_GRACE)

    def hear(self, exchange: Exchange) -> None:
        """Take an exchange; never waits. What no longer fits is dropped and counted."""
        size = exchange.asked.size + exchange.answered.size
        with self._lock:
            fits = len(self._waiting) < _MOST and self._bytes + size <= _MOST_BYTES
            if fits:
                self._waiting.append((datetime.now(UTC), exchange))
                self._bytes += size
        if fits:
            self._wake.set()
        else:
            metrics.TAPPED.labels("dropped").inc()

    def _run(self) -> None:
        pause = _PAUSES[0]
        while True:
            self._wake.wait()
            batch = self._take()
            if not batch:
                if self._stopping:
                    return
                continue
            while not self._store(batch):
                if self._stopping:
                    return
                time.sleep(pause)
                pause = min(pause * 2, _PAUSES[1])
            pause = _PAUSES[0]

    def _take(self) -> list[Heard]:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            self._bytes -= sum(e.asked.size + e.answered.size for _, e in batch)
            if not self._waiting and not self._stopping:
                self._wake.clear()
        return batch

    def _store(self, batch: list[Heard]) -> bool:
        """Store a batch; False where it must be tried again. What is unreadable is counted."""
        readable = [events for at, heard in batch if (events := self._events(at, heard))]
        events = [event for pair in readable for event in pair]
        if events:
            try:
                self._send(events)
            except (EventInvalidError, BadRequest):
                return self._store_each(readable)
            except (DovetailError, WireError, OSError) as error:
                log.warning("the tap's log cannot be stored", error=str(error))
                return False
            except Exception as error:
                log.error("the tap's log cannot be stored", error=str(error), exc_info=error)
                return False
        metrics.TAPPED.labels("logged").inc(len(readable))
        metrics.TAPPED.labels("unreadable").inc(len(batch) - len(readable))
        return True

    def _store_each(self, readable: list[list[Event]]) -> bool:
        """Store pair by pair, because one of them is not what monitoring reads."""
        for events in readable:
            try:
                self._send(events)
            except (EventInvalidError, BadRequest) as error:
                metrics.TAPPED.labels("unreadable").inc()
                log.warning("an inference cannot be read", error=str(error))
            except Exception as error:
                log.warning("the tap's log cannot be stored", error=str(error))
                return False  # those before are stored once however often they are sent
            else:
                metrics.TAPPED.labels("logged").inc()
        return True

    def _events(self, at: datetime, heard: Exchange) -> list[Event]:
        """The two events of an exchange; none where it is no inference that can be read."""
        try:
            asked, answered = _plain(heard.asked), _plain(heard.answered)
            found = body_of(Event(id="x", source="x", type="x", data=answered))
        except (EventInvalidError, zlib.error, ValueError):
            return []
        if "outputs" not in found:  # an error is no inference
            return []
        name = str(found.get("id") or "") or _said(heard.asked, b"ce-id") or new_id()
        version = str(found.get("model_version") or heard.version)
        extensions: dict[str, str | int | bool] = {"inferenceservicename": heard.model}
        if version:
            extensions["modelversion"] = version
        return [
            Event(
                id=name,
                source=self._source,
                type=kind,
                time=at,
                extensions=extensions,
                data=data,
            )
            for kind, data in ((REQUEST, asked), (RESPONSE, answered))
        ]


def _said(message: Message, name: bytes) -> str:
    return message.headers.get(name, b"").decode("latin-1").strip()


def _plain(message: Message) -> bytes:
    """The body without its compression, at most so long."""
    coding = _said(message, b"content-encoding").lower()
    if coding in ("", "identity"):
        return message.body
    if coding not in ("gzip", "deflate"):
        raise ValueError(f"the coding {coding} is not read")
    inflate = zlib.decompressobj(wbits=47 if coding == "gzip" else 15)
    found = inflate.decompress(message.body, MOST_BYTES)
    if inflate.unconsumed_tail:
        raise ValueError("the body is too large")
    return found
