"""Everything about tidying that a server has: the use cases, and the threads behind them.

One thread carries out what was confirmed, applies the retention rules once a day and thins
histories; another measures, because listing every file may take long.
"""

import threading

from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.tidy.desk import Tidy
from dovetail.tracking.tidy.retention import Retention
from dovetail.tracking.tidy.sizes import Sizes
from dovetail.tracking.tidy.space import compact, measure_space
from dovetail.tracking.tidy.worker import RETRY_SECONDS, Worker
from dovetail.wire.retention import Applied
from dovetail.wire.tidy import Compacted, SizesKnown

__all__ = ["Keeper"]

HOUR_MS = 3_600_000
LOOK_SECONDS = 3600.0


class Keeper:
    """Keeps a tracking store tidy.

    Args:
        database: the tables of tracking.
        backend: the store of the files, and the time.
        grace_days: how long a deleted thing may be restored where a request does not say.
    """

    def __init__(self, database: Database, backend: Backend, grace_days: float) -> None:
        self._database, self._now = database, backend.now
        self._chores = Worker("tracking-tidy", self._work)
        self._scales = Worker("tracking-sizes", self._measure)
        self._wanted, self._measuring = threading.Event(), False
        self._thinning = threading.Event()
        self.tidy = Tidy(database, backend, grace_days, self._chores.wake, self._chores.halted)
        self.retention = Retention(database, self.tidy, backend.now)
        self._sizes = Sizes(database, self.tidy.places, backend.now)

    def start(self) -> None:
        """Go on with what a server that ended left behind, and look after the rules."""
        self._chores.start()
        self._scales.start()

    def stop(self) -> None:
        """End between two pieces of work."""
        self._scales.stop()
        self._chores.stop()

    def apply(self, experiment_id: str, actor: str) -> Applied:
        """Apply the rule of an experiment; long work goes on in the background."""
        applied = self.retention.apply(experiment_id, actor)
        self._thinning.set()
        self._chores.wake()
        return applied

    def sizes(self, *, anew: bool = False) -> SizesKnown:
        """Return what is known of sizes, and measure in the background what is not or is old.

        Args:
            anew: measure in any case.
        """
        found = self._sizes.known()
        since = self._now() - HOUR_MS
        if anew or any(one.measured is None or one.measured < since for one in found):
            self._wanted.set()
            self._scales.wake()
        return SizesKnown(
            experiments=tuple(found),
            space=measure_space(self._database),
            measuring=self._wanted.is_set() or self._measuring,
        )

    def compact(self, *, full: bool) -> Compacted:
        """Give the free space of the database back."""
        return compact(self._database, full=full, halted=self._chores.halted)

    def _work(self) -> float | None:
        left = self.tidy.resume()
        if self.retention.daily(self._chores.halted):
            self._thinning.set()
            left = self.tidy.resume()
        if self._thinning.is_set():
            self._thinning.clear()
            self.retention.thin(self._chores.halted)
        return RETRY_SECONDS if left else LOOK_SECONDS

    def _measure(self) -> float | None:
        if self._wanted.is_set():
            self._measuring = True
            self._wanted.clear()
            try:
                self._sizes.measure(self._scales.halted)
            finally:
                self._measuring = False
        return None
