"""Time as a dependency, so that tests and replays decide what now is."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock", "now_ms"]


class Clock(Protocol):
    """Whatever tells the time."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved.

    Args:
        at: the first instant, aware.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the instant at which the clock stands."""
        return self.at

    def advance(self, step: timedelta) -> None:
        """Move the clock forward by `step`."""
        self.at += step


def now_ms(clock: Clock) -> int:
    """Return the clock's time in milliseconds since the Unix epoch."""
    return int(clock.now().timestamp() * 1000)
