"""The thread that delivers a journal while training goes on."""

import logging
import threading
import time

from dovetail.tracking.client.delivery import Delivery, Undeliverable
from dovetail.wire.http import WireError

__all__ = ["Sender"]

log = logging.getLogger("dovetail.tracking")
LINGER = 0.2  # seconds in which records gather into one request
LOOK = 1.0  # seconds after which records of forked processes are looked for
PAUSES = (0.5, 30.0)  # seconds between tries while the server is away


class Sender:
    """Delivers until it is stopped; waits longer and longer while the server is away.

    Args:
        delivery: what to deliver.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._changed = threading.Condition()
        self._asked = self._tried = self._drained = 0
        self._stopped = False
        self.problem = ""
        self._thread = threading.Thread(target=self._run, name="dovetail-tracking", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new."""
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was said before is delivered; False once a try has failed.

        Args:
            timeout: seconds to wait at most.
        """
        with self._changed:
            self._asked += 1
            mine = self._asked
            self._hurry.set()
            self._wake.set()
            self._changed.wait_for(lambda: self._tried >= mine or self._stopped, timeout)
            return self._drained >= mine

    def stop(self) -> None:
        """End the thread after what it is doing."""
        self._stopped = True
        self._hurry.set()
        self._wake.set()

    def _run(self) -> None:
        pause = PAUSES[0]
        while not self._stopped:
            self._wake.wait(LOOK)
            self._hurry.wait(LINGER)
            self._wake.clear()
            self._hurry.clear()
            if self._deliver():
                pause = PAUSES[0]
            elif not self._stopped:
                self._hurry.wait(pause)
                pause = min(pause * 2, PAUSES[1])
        self._delivery.close()
        with self._changed:
            self._changed.notify_all()

    def _deliver(self) -> bool:
        asked, began = self._asked, time.monotonic()
        try:
            while self._delivery.step():
                pass
            done = True
        except WireError as error:
            done = False
            self._tell(str(error), began)
        except (Undeliverable, OSError) as error:
            done, self._stopped = False, True
            log.warning("nothing more of this run is sent: %s", error)
            self.problem = str(error)
        else:
            self.problem = ""
        with self._changed:
            self._tried = asked
            if done:
                self._drained = asked
                self._stopped = self._stopped or self._delivery.delivered
            self._changed.notify_all()
        return done

    def _tell(self, problem: str, began: float) -> None:
        if not self.problem:
            waited = f" after {time.monotonic() - began:.0f} s" if self._tried else ""
            log.warning(
                "the tracking server does not take the run%s, it is kept: %s", waited, problem
            )
        self.problem = problem
