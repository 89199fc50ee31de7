"""The thread behind the server: closes days that have passed, and tells the webhook of alerts.

An alert stays marked as untold until the webhook took it, so one that could not be delivered is
tried again, also after a restart; the receiver may get the same event twice and drops it by id.
"""

import threading
from datetime import datetime, timedelta

import msgspec

from dovetail.base import telemetry
from dovetail.base.clock import Clock
from dovetail.base.errors import SettingsError
from dovetail.monitoring.alerts import Alerts
from dovetail.monitoring.handlers import Monitoring
from dovetail.wire.cloudevents import Event, encode_structured
from dovetail.wire.http import HttpClient, WireError
from dovetail.wire.monitoring import Alert

log = telemetry.logger("monitoring")
_RETRY_SECONDS = 15.0
ALERT = "dev.dovetail.alert"


class Webhook:
    """Sends alerts to the address that the operator configured.

    The address comes from the settings alone, never from a request, so it is trusted: private and
    link-local addresses are called too. Redirects are not followed, because an answer is not the
    operator.

    Args:
        url: Where to send.
        token: Sent as a bearer token, if any.

    Raises:
        SettingsError: The URL is none that can be called.
    """

    def __init__(self, url: str, token: str = "") -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingsError(
                f"[monitoring] webhook is '{url}'", fix="give an http:// or https:// URL"
            )
        self._client = HttpClient(url, token=token or None, timeout=10)

    def send(self, alert: Alert) -> None:
        """Send the present state of an alert.

        Raises:
            WireError: The receiver did not take it.
        """
        event = Event(
            id=f"{alert.id}.{alert.status}",
            source="/monitoring",
            type=ALERT,
            subject=alert.model,
            time=datetime.fromisoformat(alert.changed or alert.raised or ""),
            data=msgspec.to_builtins(alert),
        )
        headers, body = encode_structured(event)
        self._client.send("POST", "", content=body, headers=headers, repeatable=True)

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()


class Background:
    """Ticks until it is stopped.

    Args:
        monitoring: Whose days to close.
        alerts: Whose changes to tell.
        webhook: Where to, None for nowhere.
        clock: What time it is.
    """

    def __init__(
        self, monitoring: Monitoring, alerts: Alerts, webhook: Webhook | None, clock: Clock
    ) -> None:
        self._monitoring, self._alerts = monitoring, alerts
        self._webhook, self._clock = webhook, clock
        self._wake, self._stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="monitoring-tick", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look now: an alert has changed."""
        self._wake.set()

    def stop(self) -> None:
        """End after what is in progress."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=12)
        if self._webhook is not None:
            self._webhook.close()

    def _run(self) -> None:
        tick = self._monitoring.settings.tick_seconds
        while not self._stopping:
            self._wake.clear()
            try:
                if tick:
                    self.close_settled()
                left = self.deliver()
            except Exception as error:  # the thread must outlive one bad hour of the database
                log.error("tick failed", error=str(error), exc_info=error)
                left = True
            pause = _RETRY_SECONDS if left else tick or None
            self._wake.wait(pause)

    def close_settled(self) -> None:
        """Close every UTC day that has passed and for which nothing arrives any more."""
        now = self._clock.now()
        quiet = now - timedelta(minutes=self._monitoring.settings.settle_minutes)
        today, before_ms = now.date().isoformat(), int(quiet.timestamp() * 1000)
        for row in self._monitoring.store.models():
            day = self._monitoring.assessor.settled(row["model"], today, before_ms)
            if day is not None:
                self._monitoring.close(row["model"], day)

    def deliver(self) -> bool:
        """Send what the webhook does not have; returns whether anything is left."""
        if self._webhook is None:
            return False
        for alert in self._alerts.unsent():
            try:
                self._webhook.send(alert)
            except WireError as error:
                log.warning("webhook failed", alert=alert.id, error=str(error))
                return True
            self._alerts.sent(alert)
        return False
