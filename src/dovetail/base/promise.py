"""What will become of a job that an event loop asked for, told in the same turn of the loop.

An asyncio future tells those who wait for it in a turn of their own, one for the future and one for
the task around it. Hot answers have exactly one who waits, and he may as well be told at once.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

__all__ = ["Promise", "promised"]

T = TypeVar("T")
Told = Callable[[T | None, BaseException | None], None]
"""Takes the value, or the error."""


class Promise(Generic[T]):
    """A value that comes later, for one who waits on a loop.

    It is settled from any thread, and told on the loop that runs where it is made. It can also be
    awaited.
    """

    __slots__ = ("_error", "_loop", "_settled", "_tell", "_thread", "_value")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._settled = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._tell: Told[T] | None = None

    def set_result(self, value: T, /) -> None:
        """Tell of success."""
        self._from_anywhere(value, None)

    def set_exception(self, error: BaseException, /) -> None:
        """Tell of failure."""
        self._from_anywhere(None, error)

    def then(self, tell: Told[T]) -> None:
        """Call a function once it is settled; at once where it is. Only one may ask."""
        if self._settled:
            self._tell_one(tell)
        else:
            self._tell = tell

    def done(self) -> bool:
        """Whether it is settled."""
        return self._settled

    def cancel(self, msg: str | None = None) -> None:
        """Wait no longer; the job itself goes on.

        Args:
            msg: why, for the exception that is told in the next turn of the loop.
        """
        self._loop.call_soon(self._settle, None, asyncio.CancelledError(msg))

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the value, or raise the error."""
        if not self._settled:
            waiter: asyncio.Future[None] = self._loop.create_future()

            def wake(_value: T | None, _error: BaseException | None) -> None:
                if not waiter.done():  # cancelled
                    waiter.set_result(None)

            self.then(wake)
            yield from waiter
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def _from_anywhere(self, value: T | None, error: BaseException | None) -> None:
        if self._thread == threading.get_ident():
            self._settle(value, error)
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._settle, value, error)

    def _settle(self, value: T | None, error: BaseException | None) -> None:
        if self._settled:
            return
        self._settled, self._value, self._error = True, value, error
        tell, self._tell = self._tell, None
        if tell is not None:
            self._tell_one(tell)

    def _tell_one(self, tell: Told[T]) -> None:
        try:
            tell(self._value, self._error)
        except Exception as fault:  # others wait to be told by the one who settles this
            context = {"message": "what a promise was to tell failed", "exception": fault}
            self._loop.call_exception_handler(context)


def promised(future: "asyncio.Future[T]") -> Promise[T]:
    """Return a promise of what becomes of a future of this loop."""
    promise: Promise[T] = Promise()

    def pass_on(done: "asyncio.Future[T]") -> None:
        if done.cancelled():
            promise.cancel()
        elif (error := done.exception()) is not None:
            promise.set_exception(error)
        else:
            promise.set_result(done.result())

    future.add_done_callback(pass_on)
    return promise
