"""A bounded queue in front of one sink, and the thread that empties it.

The hot path only appends a record. While the sink does not take what it is sent, it is tried again
with growing pauses; what no longer fits is dropped and counted.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from dovetail.base.errors import UnavailableError
from dovetail.base.telemetry import logger
from dovetail.serving.counters import BOARD
from dovetail.serving.payload.records import Record
from dovetail.wire.http import BadRequest, WireError

__all__ = ["PAYLOAD", "Queue", "Sink"]

PAYLOAD = "payload"
SENT, FULL, REFUSED, STOPPED, RETRIED, WAITING, WAITING_BYTES = range(7)

_LINGER = 0.02
_PAUSES = (0.1, 5.0)

log = logger("serving")


class Sink(Protocol):
    """Where records go.

    Attributes:
        most_records: that `take` is given at most.
        most_bytes: of records after which no more are added to a batch.
        idle_seconds: after which `rest` is called where nothing comes; None for never.
        events: that one record becomes.
    """

    most_records: int
    most_bytes: int
    idle_seconds: float | None
    events: int

    def take(self, records: Sequence[Record]) -> None:
        """Take records.

        Raises:
            BadRequest: they are at fault and need not be tried again.
            WireError: they could not be delivered now.
            UnavailableError: likewise.
            OSError: likewise.
        """

    def rest(self) -> None:
        """Do what is due although nothing came; raises what `take` raises."""

    def close(self) -> None:
        """Finish what was begun."""


class Queue:
    """What waits for one sink.

    Args:
        name: of the sink, for metrics and pages.
        sink: the sink.
        most: records kept at most.
        most_bytes: bytes kept at most.
    """

    def __init__(self, name: str, sink: Sink, *, most: int, most_bytes: int) -> None:
        self.name, self._sink, self._most, self._most_bytes = name, sink, most, most_bytes
        self._queue: deque[Record] = deque()
        self._bytes = 0
        self._filled = threading.Condition()
        self._stopping = False
        self.problem = ""
        self._block = BOARD.take(PAYLOAD, (name,), 7, (WAITING, WAITING_BYTES))
        self._thread = threading.Thread(target=self._run, name="serving-payload", daemon=True)

    @property
    def waiting(self) -> int:
        """Records that the sink does not have yet."""
        return len(self._queue)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, record: Record) -> None:
        """Queue a record, or count it as dropped where the queue is full. Never waits long."""
        with self._filled:
            if len(self._queue) >= self._most or self._bytes + record.size > self._most_bytes:
                self._block.cells[FULL] += self._events((record,))
                return
            self._queue.append(record)
            self._bytes += record.size
            if len(self._queue) == 1:
                self._filled.notify()

    def stop(self, deadline: float) -> None:
        """End; what is queued is sent first, if that is done by a time of the monotonic clock."""
        if self._thread.is_alive():
            self._thread.join(max(0.0, deadline - time.monotonic()))
        left = len(self._queue)
        if left:
            self._count(STOPPED, self._events(self._queue))
            log.warning("payload log ended with requests unsent", sink=self.name, requests=left)
        BOARD.leave(PAYLOAD, (self.name,))

    def hurry(self) -> None:
        """Send what is queued without delay, and end with it."""
        with self._filled:
            self._stopping = True
            self._filled.notify()

    def _run(self) -> None:
        pause = _PAUSES[0]
        while self._wait():
            batch = self._batch()
            if self._attempt(lambda batch=batch: self._send(batch)):  # type: ignore[misc]
                self._forget(batch)
                pause = _PAUSES[0]
            else:
                with self._filled:
                    self._filled.wait(pause) if not self._stopping else time.sleep(pause)
                pause = min(pause * 2, _PAUSES[1])
        self._attempt(self._sink.close)

    def _wait(self) -> bool:
        """Wait for records; False at the end."""
        while True:
            with self._filled:
                if not self._queue and not self._stopping:
                    self._filled.wait(self._sink.idle_seconds)
                if self._queue:
                    break
                if self._stopping:
                    return False
            self._attempt(self._sink.rest)
        if not self._stopping:
            time.sleep(_LINGER)
        return True

    def _batch(self) -> list[Record]:
        batch, size = [], 0
        with self._filled:
            for record in self._queue:
                batch.append(record)
                size += record.size
                if len(batch) >= self._sink.most_records or size >= self._sink.most_bytes:
                    break
            self._note_waiting(len(self._queue), self._bytes)
        return batch

    def _forget(self, batch: Sequence[Record]) -> None:
        with self._filled:
            for record in batch:
                self._queue.popleft()
                self._bytes -= record.size
            self._note_waiting(len(self._queue), self._bytes)

    def _send(self, batch: Sequence[Record]) -> None:
        """Send a batch; if it is refused, each half, so that one bad record costs no other."""
        try:
            self._sink.take(batch)
        except BadRequest as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._send(batch[:middle])
                self._send(batch[middle:])
                return
            self._count(REFUSED, self._events(batch))
            self._report(str(error))
            return
        self._count(SENT, self._events(batch))
        self.problem = ""

    def _events(self, records: Iterable[Record]) -> int:
        """Return how many events records become; one that failed has no answer to be told."""
        return sum(1 if one.reply.error else self._sink.events for one in records)

    def _attempt(self, act: Callable[[], None]) -> bool:
        """Do something with the sink; False when it is to be tried again."""
        try:
            act()
        except (WireError, UnavailableError, OSError) as error:
            self._count(RETRIED, 1)
            self._report(str(error))
            return False
        except Exception as error:  # a record that no sink can write must not end the log
            self._count(REFUSED, self._sink.events)
            self._report(f"{type(error).__name__}: {error}")
            log.error("payload log could not write a request", sink=self.name, exc_info=error)
        return True

    def _report(self, problem: str) -> None:
        if self.problem != problem:
            log.warning("payload log not taken by its sink", sink=self.name, why=problem)
        self.problem = problem

    def _count(self, cell: int, count: int) -> None:
        with self._block.lock:
            self._block.cells[cell] += count

    def _note_waiting(self, records: int, size: int) -> None:
        self._block.cells[WAITING], self._block.cells[WAITING_BYTES] = records, size
