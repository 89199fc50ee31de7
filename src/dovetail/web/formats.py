"""How values read on a page: numbers, times, ages, sizes.

Jinja filters, used by every template, so that the same figure looks the same on all pages. All
take None and give a dash: a missing figure is shown as missing, never as zero.
"""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

DASH = "\N{EN DASH}"
_UNITS = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def number(value: float | None, digits: int | None = None) -> str:
    """A number with grouped thousands; whole numbers whole, others with `digits` decimals.

    >>> number(336776), number(0.70321, 3)
    ('336,776', '0.703')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if digits is not None:
        return f"{round(value, digits) + 0.0:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def signed(value: float | None, digits: int = 3) -> str:
    """A difference, with its sign.

    >>> signed(0.0214)
    '+0.021'
    """
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float | None, digits: int = 0) -> str:
    """A share between 0 and 1 as a percentage.

    >>> percent(0.1234, 1)
    '12.3%'
    """
    return DASH if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f}%"


def size(count: int | None) -> str:
    """Bytes in the unit that a person would choose.

    >>> size(1536), size(20)
    ('1.5 KB', '20 B')
    """
    if count is None:
        return DASH
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024 or unit == "GB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """A length of time in its largest fitting unit.

    >>> duration(0.0042), duration(95), duration(90000)
    ('4.2 ms', '2 min', '1 d')
    """
    if seconds is None:
        return DASH
    if seconds < 1:
        ms = seconds * 1000
        return f"{ms:.{0 if ms >= 10 else 1 if ms >= 1 else 2}f} ms"
    for span, unit in _UNITS:
        if seconds >= span:
            return f"{seconds / span:.0f} {unit}"
    raise AssertionError("unreachable: a second is the smallest unit")


def instant(value: datetime | date | float | str | None) -> datetime | None:
    """Any of the forms in which a time reaches a page, as an aware UTC moment.

    Args:
        value: A datetime (naive means UTC), a date, milliseconds since 1970, or ISO 8601 text.
    """
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value / 1000, UTC)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def iso(value: datetime | date | float | str | None) -> str:
    """A time for machines: ISO 8601 in UTC, to the second.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    at = instant(value)
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(value: datetime | date | float | str | None) -> str:
    """A time for people: date and minute; the date alone where the value is a date.

    >>> stamp(0)
    '1970-01-01 00:00'
    """
    at = instant(value)
    if at is None:
        return DASH
    whole_day = isinstance(value, date) and not isinstance(value, datetime)
    return at.strftime("%Y-%m-%d" if whole_day else "%Y-%m-%d %H:%M")


def age(value: datetime | date | float | str | None, now: datetime | None = None) -> str:
    """How long ago a time was, roughly, in words.

    >>> age(0, datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
    '5 min ago'
    """
    at = instant(value)
    if at is None:
        return DASH
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    if abs(seconds) < 10:
        return "just now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "signed": signed,
    "percent": percent,
    "bytes": size,
    "duration": duration,
    "iso": iso,
    "stamp": stamp,
    "age": age,
}
