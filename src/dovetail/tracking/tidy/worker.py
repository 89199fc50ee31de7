"""The thread that carries out confirmed plans while the server answers."""

import threading
from collections.abc import Callable

from dovetail.base import telemetry

__all__ = ["Worker"]

log = telemetry.logger("tracking")
RETRY_SECONDS = 600.0


class Worker:
    """Calls some work at its start, whenever it is woken, and again while something is left.

    Args:
        name: of the thread.
        work: returns in how many seconds to work again without being woken; None for never.
    """

    def __init__(self, name: str, work: Callable[[], float | None]) -> None:
        self._work = work
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Work now."""
        self._wake.set()

    def halted(self) -> bool:
        """Return whether the work should stop at its next occasion."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End at the next occasion."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                pause = self._work()
            except Exception as error:  # the thread must outlive one bad hour of the database
                log.error("tidying failed", error=str(error), exc_info=error)
                pause = RETRY_SECONDS
            if not self._stopping.is_set():
                self._wake.wait(pause)
