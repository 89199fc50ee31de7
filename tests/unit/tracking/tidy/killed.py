"""A process that fills a store, begins to remove from it, and kills itself at a given step.

Run by `test_kill.py`: python killed.py URL FOLDER STEP. A step is a transaction or the removal of a
folder; the process ends before the step with that number, or, half way through a removal of files.
"""

import os
import signal
import sys
from pathlib import Path

from dovetail.base.artifacts import LocalStore
from dovetail.base.clock import SystemClock
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.tidy import Tidy
from dovetail.wire.tidy import TidyRequest


class Steps:
    """Counts the steps and ends the process at one."""

    def __init__(self, last: int) -> None:
        self.left, self.armed = last, False

    def take(self) -> bool:
        if self.armed:
            self.left -= 1
        return self.armed and self.left < 0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, folder: str, step: int) -> None:
    steps = Steps(step)

    class Mortal(Database):
        def write(self, fn):
            if steps.take():
                die()
            return super().write(fn)

    class MortalStore(LocalStore):
        def delete(self, path: str) -> None:
            if steps.take():
                for file in sorted((self.root / path).rglob("*.txt"))[:1]:
                    file.unlink()
                die()
            super().delete(path)

    database = Mortal(url, metadata, name="tracking", migrations=MIGRATIONS)
    backend = Backend("mlflow-artifacts:/", MortalStore(Path(folder)), True, SystemClock())
    tidy = Tidy(database, backend, 30)
    plan = tidy.plan(TidyRequest(grace_days=0))
    steps.armed = True
    tidy.carry_out(plan, "ada", "request")
    tidy.resume()
    print("survived")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
