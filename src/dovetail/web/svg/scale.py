"""Axes: from values to pixels, and the round values at which an axis has ticks."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = 3_600_000.0
DAY = 24 * HOUR
SPANS = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY)


@dataclass(frozen=True)
class Scale:
    """A linear map from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        span = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values between two bounds, about so many.

    >>> ticks(0.62, 0.74)
    [0.62, 0.64, 0.66, 0.68, 0.7, 0.72, 0.74]
    """
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    raw = span / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= raw * 0.75)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def time_ticks(low: float, high: float, about: int = 8) -> list[tuple[float, str]]:
    """Round moments between two bounds, with what to write at each.

    Args:
        low: Milliseconds since 1970, UTC.
        high: Likewise.
        about: How many at most.
    """
    wanted = (high - low) / max(about, 1)
    span = next((span for span in SPANS if span >= wanted), None)
    if span is None:
        months = next(m for m in (1, 3, 6, 12, 24, 60, 1200) if m * 30 * DAY >= wanted or m == 1200)
        return [(_ms(at), _month(at, months)) for at in _months(low, high, months)]
    first = math.ceil(low / span)
    marks = [i * span for i in range(first, math.floor(high / span) + 1)]
    return [(mark, _moment(mark, span)) for mark in marks]


def _months(low: float, high: float, step: int) -> Iterator[datetime]:
    begin = datetime.fromtimestamp(low / 1000, UTC)
    index = begin.year * 12 + begin.month - 1
    index += -index % step
    while True:
        at = datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)
        if _ms(at) > high:
            return
        if _ms(at) >= low:
            yield at
        index += step


def _month(at: datetime, step: int) -> str:
    return at.strftime("%Y" if step >= 12 or at.month == 1 else "%b")


def _moment(ms: float, span: float) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    if span >= DAY or at.hour == at.minute == 0:
        return f"{at.day} {at:%b}"
    return at.strftime("%H:%M")


def _ms(at: datetime) -> float:
    return at.timestamp() * 1000
