"""The body of a request on its way into a file.

The event loop gathers what arrives; a thread writes a mebibyte at a time while the next one comes.
So a slow client holds no thread, and memory is two batches whatever the size of the file. What
breaks off or is refused leaves nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from starlette.types import Receive

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.routes.threads import FILES

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Sink", "receive_into"]

BATCH = 1 << 20

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Sink(Protocol[T_co]):
    """What is written to, from one thread at a time."""

    def write(self, chunks: Sequence[bytes]) -> None:
        """Add bytes."""

    def commit(self) -> T_co:
        """Keep what was written."""

    def abort(self) -> None:
        """Throw away what was written; nothing happens after `commit`."""


async def receive_into(begin: Callable[[], Sink[T]], receive: Receive) -> T:
    """Write the body of a request and return what the sink made of it.

    Args:
        begin: opens the sink, in a thread; what it raises ends the request.
        receive: gives the next message of the request.

    Raises:
        InvalidParameterError: the client went away, so that nobody is told.
    """
    pipe = _Pipe(begin)
    batch: list[bytes] = []
    held, limit = 0, 0  # what comes first opens the sink, so that a refusal does not wait
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidParameterError("The request ended before its body did.")
            chunk = message.get("body", b"")
            if chunk:
                batch.append(chunk)
                held += len(chunk)
            if not message.get("more_body", False):
                return await pipe.finish(batch)
            if held > limit:
                await pipe.write(batch)
                batch, held, limit = [], 0, BATCH
    except BaseException:
        pipe.give_up()
        raise


class _Pipe(Generic[T]):
    """Hands batches to a thread, one after the other.

    The futures are those of the threads, not of the loop: even if the request is cancelled, the
    sink is not touched before the write in progress has ended.
    """

    def __init__(self, begin: Callable[[], Sink[T]]) -> None:
        self._begin = begin
        self._sink: Sink[T] | None = None
        self._last: Future[Any] | None = None

    async def write(self, batch: Sequence[bytes]) -> None:
        """Begin to write a batch once the one before is written."""
        if self._last is not None:
            await asyncio.wrap_future(self._last)
        self._last = FILES.submit(self._write, batch)

    async def finish(self, batch: Sequence[bytes]) -> T:
        """Write the last batch and commit."""
        if self._last is not None:
            await asyncio.wrap_future(self._last)
        last = FILES.submit(self._finish, batch)
        self._last = last
        return await asyncio.wrap_future(last)

    def give_up(self) -> None:
        """Throw away what was written, when the write in progress has ended."""
        if self._last is not None:
            self._last.add_done_callback(lambda _: FILES.submit(self._abort))

    def _write(self, batch: Sequence[bytes]) -> None:
        if self._sink is None:
            self._sink = self._begin()
        self._sink.write(batch)

    def _finish(self, batch: Sequence[bytes]) -> T:
        self._write(batch)
        assert self._sink is not None
        try:
            return self._sink.commit()
        finally:
            self._sink.abort()

    def _abort(self) -> None:
        if self._sink is not None:
            self._sink.abort()
