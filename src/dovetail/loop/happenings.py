"""Events as the steps of the loop make them: logged, dated, in words."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from dovetail.base import telemetry
from dovetail.loop.compare import Comparison
from dovetail.loop.store import Event

__all__ = ["end_of", "event", "verdict"]

log = telemetry.logger("loop")


def event(
    day: date, kind: str, version: str | None, text: str, facts: dict[str, Any] | None = None
) -> Event:
    """Return an event, and log it."""
    log.info(text, day=str(day), event_kind=kind)
    return Event(day=str(day), kind=kind, version=version, text=text, facts=facts or {})


def end_of(day: date) -> datetime:
    """Return the first moment after a day: when what was decided at its end is in force."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def verdict(challenger: str, champion: str | None, found: Comparison) -> str:
    """Say what a comparison that was won has found."""
    if champion is None:
        return f"version {challenger} evaluated on {found.rows} rows"
    return (
        f"version {challenger} saves {found.gain:.4f} log-loss a row over {champion} "
        f"({found.low:.4f} to {found.high:.4f})"
    )
