"""Seasons: days that are to be compared only with days of their kind.

Weekends differ from weekdays every week; against one reference for all days that is drift, every
week. With a seasonal reference each day's rows are ranked among those of its own season: what must
be exchangeable for the guarantee is then only the rows within a season.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.errors import ReferenceInvalidError

SEASONS = {"": 1, "weekday": 7, "weekend": 2, "month": 12}
"""How many seasons each kind has; "" compares all days with each other."""


def season_of(kind: str, day: date) -> int:
    """The number of a day's season, from 0."""
    match kind:
        case "weekday":
            return day.weekday()
        case "weekend":
            return int(day.weekday() >= 5)
        case "month":
            return day.month - 1
        case _:
            return 0


def seasons_of(kind: str, days: Sequence[Any], rows: int) -> npt.NDArray[np.int64]:
    """The season of every row of a reference.

    Args:
        kind: One of `SEASONS`.
        days: The date of every row, as dates or as ISO 8601 text; may be empty without seasons.
        rows: How many rows there are.

    Raises:
        ReferenceInvalidError: The kind is unknown, or the days do not fit the rows.
    """
    if kind not in SEASONS:
        known = ", ".join(name for name in SEASONS if name)
        raise ReferenceInvalidError(f"there is no season '{kind}'", fix=f"use one of {known}")
    if not kind:
        return np.zeros(rows, dtype=np.int64)
    if len(days) != rows:
        raise ReferenceInvalidError(
            f"the season '{kind}' needs the day of every row",
            why=f"there are {len(days)} days and {rows} rows",
            fix="give 'days', a date a row",
        )
    kept = {value: season_of(kind, _date(value)) for value in set(days)}
    return np.array([kept[value] for value in days], dtype=np.int64)


def span_of(days: Sequence[Any]) -> tuple[date | None, date | None]:
    """The first and the last of some days; None where there are none."""
    found = [_date(value) for value in set(days)]
    return min(found, default=None), max(found, default=None)


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError as error:
        raise ReferenceInvalidError(f"'{value}' is no day", fix="give 2013-04-01") from error
