"""A worker's side of the fleet: a socket to the supervisor, and a thread that listens to it."""

import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from dovetail.base import telemetry
from dovetail.base.errors import UnavailableError
from dovetail.serving.workers.messages import (
    Built,
    Changed,
    Followed,
    FromWorker,
    Held,
    Joined,
    Loaded,
    Ready,
    Refresh,
    encode,
    to_worker,
)

__all__ = ["Member"]

log = telemetry.logger("serving")
_SETTLE_SECONDS = 60.0
_LOOK_SECONDS = 0.05


class Member:
    """This process among the workers of a server.

    Args:
        worker: its number.
        connection: to the supervisor; when it ends this process ends too.
    """

    shares = True

    def __init__(self, worker: int, connection: socket.socket) -> None:
        self.worker, self.leads = worker, worker == 0
        self._connection = connection
        self._sending = threading.Lock()
        self._ids = itertools.count(1)
        self._held: dict[int, SimpleQueue[str]] = {}
        self._asked: SimpleQueue[int] = SimpleQueue()
        self._reloads: list[Callable[[], None]] = []
        self._are_ready = False
        self._changes = self._settled = 0

    @property
    def waiting(self) -> str | None:
        """Why the whole is not ready; None when every worker has loaded."""
        return None if self._are_ready else "workers are being started"

    def start(self) -> None:
        """Listen to the supervisor, once this worker is built and what follows it registered."""
        self._send(Built())
        for run in (self._listen, self._reload):
            threading.Thread(target=run, name="serving-fleet", daemon=True).start()

    def answers(self) -> None:
        """Say that this worker answers."""
        self._send(Joined())

    def loading(self, has_loaded: Callable[[], bool]) -> None:
        """Say, once this worker has loaded and the others hold that too, that it has."""

        def watch() -> None:
            while not has_loaded():
                time.sleep(_LOOK_SECONDS)
            try:
                self.settle()
            except UnavailableError as error:
                log.warning("workers differ", why=str(error))
            self._send(Loaded())

        threading.Thread(target=watch, name="serving-loading", daemon=True).start()

    def follow(self, reload: Callable[[], None]) -> None:
        """Have something called when another worker has changed the store."""
        self._reloads.append(reload)

    def announce(self) -> None:
        """Let the others know that the store changed."""
        self._changes += 1
        self._send(Changed(0))

    def settle(self) -> None:
        """Return when the others hold everything that was written here before.

        Raises:
            UnavailableError: one of them cannot, or takes too long.
        """
        changes = self._changes
        if changes == self._settled:
            return
        identity = next(self._ids)
        answer = self._held[identity] = SimpleQueue()
        self._send(Changed(identity))
        try:
            problem = answer.get(timeout=_SETTLE_SECONDS)
        except Exception:
            problem = f"not all did within {_SETTLE_SECONDS:g} s"
        finally:
            del self._held[identity]
        if problem:
            raise UnavailableError(
                "the change is kept, but not every worker follows it",
                why=problem,
                fix="the log says more; what is kept is loaded when the worker starts again",
            )
        self._settled = max(self._settled, changes)

    def _send(self, message: FromWorker) -> None:
        try:
            with self._sending:
                self._connection.sendall(encode(message))
        except OSError:
            return  # the supervisor is gone: `_listen` ends this process

    def _listen(self) -> None:
        with self._connection.makefile("rb") as lines:
            for line in lines:
                message = to_worker.decode(line)
                match message:
                    case Refresh(id=identity):
                        self._asked.put(identity)
                    case Held(id=identity, problem=problem):
                        answer = self._held.get(identity)
                        if answer is not None:
                            answer.put(problem)
                    case Ready():
                        self._are_ready = True
        os.kill(os.getpid(), signal.SIGTERM)

    def _reload(self) -> None:
        while True:
            asked = [self._asked.get()]
            while not self._asked.empty():  # one look at the store is enough for all of them
                asked.append(self._asked.get())
            problem = ""
            try:
                for reload in self._reloads:
                    reload()
            except Exception as error:
                log.exception("a change of another worker is not followed")
                problem = f"worker {self.worker}: {error}"
            for identity in asked:
                self._send(Followed(identity, problem))
