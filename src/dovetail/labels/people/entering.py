"""Enters answers into the ledger once they are saved, those that wait together in one transaction.

SQLite's writer does so by itself. On PostgreSQL a transaction is waited for, by whoever begins it;
an annotator should not wait for the ledger, so one thread does.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dovetail.base import telemetry
from dovetail.base.sql import Database
from dovetail.labels.people import records

__all__ = ["Entering"]

log = telemetry.logger("labels")


class Entering:
    """Takes answers for the ledger and returns at once.

    Args:
        database: where the ledger is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = ThreadPoolExecutor(1, "labels-ledger")
        self._waiting: list[Mapping[str, Any]] = []
        self._guard = threading.Lock()

    def enter(self, row: Mapping[str, Any]) -> None:
        """Enter an answer soon."""
        if self._database.dialect == "sqlite":
            self._database.submit(lambda c: records.add_ledger(c, [row]))
            return
        with self._guard:
            self._waiting.append(row)
            if len(self._waiting) == 1:
                self._pool.submit(self._run)

    def close(self) -> None:
        """Enter what waits."""
        self._pool.shutdown()

    def _run(self) -> None:
        with self._guard:
            rows, self._waiting = self._waiting, []
        try:
            self._database.write(lambda c: records.add_ledger(c, rows))
        except Exception as error:
            log.error(
                "answers are not entered into the ledger; the next start enters them",
                answers=len(rows),
                error=str(error),
            )
