"""Times and spans as whole microseconds since 1970 in UTC.

Both sides of the piece, the polars joins and the online store, compare times as
integers, so one rule of rounding and of inclusive edges serves both.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from dovetail.features.errors import DefinitionError, RowsError

if TYPE_CHECKING:
    import polars as pl

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d+)([smhdw])")


def span_us(span: str | timedelta) -> int:
    """Turn a span into microseconds.

    Args:
        span: `"90s"`, `"15m"`, `"3h"`, `"28d"`, `"2w"` or a timedelta; more than zero.

    Returns:
        The length in microseconds.

    Raises:
        DefinitionError: The text is not a span, or the span is not positive.

    Examples:
        >>> span_us("3h")
        10800000000
    """
    if isinstance(span, timedelta):
        length = span // _MICROSECOND
    else:
        match = _SPAN.fullmatch(span.strip())
        if match is None:
            raise DefinitionError(
                f"{span!r} is not a span of time",
                fix="Write a whole number and a unit: 90s, 15m, 3h, 28d or 2w",
            )
        length = int(match[1]) * _UNITS[match[2]] * 1_000_000
    if length <= 0:
        raise DefinitionError(f"The span {span!r} is not longer than zero")
    return length


def span_text(length: int) -> str:
    """Write a span of microseconds in the largest unit that divides it below two days.

    Examples:
        >>> span_text(10_800_000_000), span_text(86_400_000_000), span_text(604_800_000_000)
        ('3h', '24h', '7d')
    """
    seconds, rest = divmod(length, 1_000_000)
    if rest:
        return f"{length}us"
    if seconds % 86_400 == 0 and seconds > 86_400:
        return f"{seconds // 86_400}d"
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def moment_us(value: object, *, what: str = "time") -> int:
    """Turn an RFC 3339 text or a datetime into microseconds since 1970.

    A time without an offset is UTC, as Feast's clients send it.

    Args:
        value: `"2013-04-01T05:00:00Z"`, `"2013-04-01 05:00:00"` or a datetime.
        what: What the value is, for the error message.

    Raises:
        RowsError: The value is not a time.
    """
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise RowsError(
            f"{what} {value!r} is not a time", fix="Send RFC 3339 text: 2013-04-01T05:00:00Z"
        ) from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - EPOCH) // _MICROSECOND


@lru_cache(maxsize=8192)
def moment_text(at: int) -> str:
    """Write microseconds since 1970 as RFC 3339 in UTC.

    Examples:
        >>> moment_text(0), moment_text(1_500_000)
        ('1970-01-01T00:00:00Z', '1970-01-01T00:00:01.500000Z')
    """
    return moment(at).isoformat().replace("+00:00", "Z")


def moment(at: int) -> datetime:
    """Turn microseconds since 1970 into an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=at)


def column_us(schema: "pl.Schema", column: str) -> "pl.Expr":
    """Return a time column as microseconds since 1970, Int64; a naive time is UTC.

    Raises:
        RowsError: The column holds no times.
    """
    import polars as pl

    kind = schema[column]
    value = pl.col(column)
    if isinstance(kind, pl.Datetime):
        return value.dt.epoch("us")
    if kind == pl.Date:
        return value.cast(pl.Datetime("us")).dt.epoch("us")
    if kind == pl.String:
        return value.str.to_datetime(time_unit="us", time_zone="UTC").dt.epoch("us")
    if kind == pl.Null:
        return pl.lit(None, dtype=pl.Int64)
    raise RowsError(f"Column {column!r} holds {kind}, which is no time")
