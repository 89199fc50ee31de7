"""The thread behind the server that closes days that have passed."""

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dovetail.base import telemetry
from dovetail.base.clock import Clock
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.retention import forget

if TYPE_CHECKING:
    from collections.abc import Callable

log = telemetry.logger("monitoring")
_RETRY_SECONDS = 15.0


class Background:
    """Ticks until it is stopped.

    Args:
        monitoring: Whose days to close.
        clock: What time it is.
    """

    def __init__(self, monitoring: Monitoring, clock: Clock) -> None:
        self._monitoring, self._clock = monitoring, clock
        self.look: Callable[[], None] = lambda: None
        self._wake, self._stopping = threading.Event(), False
        self._forget_at = datetime.min.replace(tzinfo=UTC)
        self._thread = threading.Thread(target=self._run, name="monitoring-tick", daemon=True)

    def start(self) -> None:
        """Begin, where days are to be closed by themselves."""
        if self._monitoring.settings.tick_seconds:
            self._thread.start()

    def stop(self) -> None:
        """End after what is in progress."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=12)

    def _run(self) -> None:
        while not self._stopping:
            pause: float = self._monitoring.settings.tick_seconds
            try:
                self.look()
                self.close_settled()
                self._monitoring.check_feeds()
                self.forget_old()
            except Exception as error:  # the thread must outlive one bad hour of the database
                log.error("tick failed", error=str(error), exc_info=error)
                pause = min(pause, _RETRY_SECONDS)
            self._wake.wait(pause)

    def close_settled(self) -> None:
        """Close every UTC day that has passed and for which nothing arrives any more."""
        now = self._clock.now()
        quiet = now - timedelta(minutes=self._monitoring.settings.settle_minutes)
        today, before_ms = now.date().isoformat(), int(quiet.timestamp() * 1000)
        for model, day in self._monitoring.assessor.settled(today, before_ms).items():
            if self._stopping:
                return
            self._monitoring.close(model, day)

    def forget_old(self) -> None:
        """Delete, once a day, the rows that have been kept long enough."""
        now, settings = self._clock.now(), self._monitoring.settings
        if now < self._forget_at:
            return
        self._forget_at = now + timedelta(days=1)
        if settings.keep_feature_days:
            before_ms = _before(now, settings.keep_feature_days)
            if days := self._monitoring.hours.drop_features(before_ms):
                log.info("profiles took the place of features", days=days)
        if settings.keep_days:
            before_ms = _before(now, settings.keep_days)
            if days := forget(self._monitoring.store.database, before_ms):
                log.info("old days were forgotten", days=days)
            self._monitoring.hours.forget()


def _before(now: datetime, days: int) -> int:
    """Milliseconds of the moment so many days ago."""
    return int((now - timedelta(days=days)).timestamp() * 1000)
