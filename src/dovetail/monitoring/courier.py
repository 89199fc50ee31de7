"""The thread that tells receivers of alerts; it shares nothing with intake but the database."""

import threading
from collections.abc import Sequence
from datetime import timedelta

from dovetail.base import telemetry
from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import DovetailError
from dovetail.monitoring import metrics
from dovetail.monitoring.deliveries import Deliveries
from dovetail.monitoring.receivers import Target

__all__ = ["Courier"]

log = telemetry.logger("monitoring")
_LONGEST_REST = 15.0


class Courier:
    """Tells what is due until it is stopped.

    Args:
        deliveries: What is due.
        targets: Who can be told.
        clock: What time it is.
        resend: How often an Alertmanager is told of an alert that lasts.
    """

    def __init__(
        self, deliveries: Deliveries, targets: Sequence[Target], clock: Clock, resend: timedelta
    ) -> None:
        self._deliveries, self._clock = deliveries, clock
        self._targets = {target.name: target for target in targets}
        self._resend_ms = int(resend.total_seconds() * 1000)
        self._wake, self._stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="monitoring-courier", daemon=True)

    def start(self) -> None:
        """Begin, where there is anybody to tell."""
        if self._targets:
            self._deliveries.hurry()  # receivers may be back: a restart need not wait out a pause
            self._thread.start()

    def wake(self) -> None:
        """Look now: an alert has changed."""
        self._wake.set()

    def stop(self) -> None:
        """End after the attempt in progress."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=12)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            rest = _LONGEST_REST
            try:
                self.deliver()
                rest = self._rest()
            except Exception as error:  # the thread must outlive one bad hour of the database
                log.error("telling receivers failed", error=str(error), exc_info=error)
            self._wake.wait(rest)

    def _rest(self) -> float:
        due = self._deliveries.next_ms(list(self._targets))
        if due is None:
            return _LONGEST_REST
        return min(max((due - now_ms(self._clock)) / 1000, 0.05), _LONGEST_REST)

    def deliver(self) -> None:
        """Tell everybody what is due; who fails once is left alone until the next round."""
        absent: set[str] = set()
        while not self._stopping:
            names = [name for name in self._targets if name not in absent]
            due = self._deliveries.due(now_ms(self._clock), names)
            if not due:
                return
            for one in due:
                if one.receiver not in absent and not self._stopping:
                    target, now = self._targets[one.receiver], self._clock.now()
                    try:
                        target.send(one.alert, now)
                    except DovetailError as error:
                        absent.add(one.receiver)
                        metrics.DELIVERIES.labels(one.receiver, "failed").inc()
                        self._deliveries.failed(one, now_ms(self._clock))
                        log.warning("receiver failed", alert=one.alert.id, error=str(error))
                        continue
                    metrics.DELIVERIES.labels(one.receiver, "told").inc()
                    lasts = target.repeats and one.alert.status != "resolved"
                    again = now_ms(self._clock) + self._resend_ms if lasts else None
                    self._deliveries.told(one, again)
