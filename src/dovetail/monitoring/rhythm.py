"""When a feed usually speaks, so that it is known when its silence means something.

Time is measured in predictions that were due: the mean rate of each hour, weekdays and weekends
apart, summed over the silence. A night without traffic is then no time at all, and an hour of the
day is long. A silence means something once more was due than twice the longest pause of the last
four weeks was worth, and at least fifteen predictions: of a steady feed that silence comes by
chance about once in three million pauses.
"""

import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["SLOTS", "Rhythm"]

SLOTS = 96
"""Quarters of an hour in a day."""
_DAYS, _FEWEST_DAYS = 28, 7
_LEAST = 15.0
_WEEKEND = 5
_SLOT_MS = 15 * 60_000
_WEEK = 7
Counts = npt.NDArray[np.int64]
Rates = npt.NDArray[np.float64]


class Rhythm(msgspec.Struct, frozen=True):
    """Predictions in each quarter of an hour of the latest days.

    Attributes:
        days: The counts by day, 96 each, of days that hold any.
    """

    days: dict[str, list[int]] = {}

    def with_day(self, day: str, counts: Counts) -> Self:
        """The same with another day; days of more than four weeks before the last are dropped."""
        days = {**self.days, day: counts.tolist()}
        first = (date.fromisoformat(max(days)) - timedelta(days=_DAYS - 1)).isoformat()
        return type(self)({one: days[one] for one in sorted(days) if one >= first})

    def pack(self) -> bytes:
        """The rhythm in a few hundred bytes."""
        return zlib.compress(msgspec.msgpack.encode(self), 6)

    @classmethod
    def unpack(cls, data: bytes) -> "Rhythm":
        """The inverse of `pack`."""
        return msgspec.msgpack.decode(zlib.decompress(data), type=cls) if data else cls()

    def silent_at(self, last_ms: int) -> tuple[int, float, float] | None:
        """When a silence that began at a moment will mean something.

        Returns:
            That moment in milliseconds, how many predictions will have been due until then, and
            how many the longest pause was worth; None where under a week is known, or where nothing
            would be due for four weeks.
        """
        table = self._table()
        if table is None:
            return None
        kinds = self._kinds(len(table))
        rates = _rates(table, kinds)
        longest = _longest_pause(table, rates[kinds])
        allowed = max(2 * longest, _LEAST)
        due, at = 0.0, last_ms
        for _ in range(_DAYS * SLOTS):
            moment = datetime.fromtimestamp(at / 1000, UTC)
            rate = rates[_kind(moment.date()), moment.hour]
            until = at // _SLOT_MS * _SLOT_MS + _SLOT_MS
            step = rate * (until - at) / _SLOT_MS
            if due + step >= allowed:
                at += int((allowed - due) / rate * _SLOT_MS)
                return max(at, last_ms + _SLOT_MS), allowed, longest
            due, at = due + step, until
        return None

    def _table(self) -> Counts | None:
        """Counts from the first day to the last, shape (days, 96); None under a week."""
        if not self.days:
            return None
        first, last = (date.fromisoformat(edge(self.days)) for edge in (min, max))
        span = (last - first).days + 1
        if span < _FEWEST_DAYS:
            return None
        table = np.zeros((span, SLOTS), dtype=np.int64)
        for day, counts in self.days.items():
            table[(date.fromisoformat(day) - first).days] = counts
        return table

    def _kinds(self, days: int) -> Counts:
        """0 for each weekday and 1 for each day of a weekend, from the first day on."""
        first = date.fromisoformat(min(self.days))
        return np.array([_kind(first + timedelta(days=i)) for i in range(days)])


def _rates(table: Counts, kinds: Counts) -> Rates:
    """Predictions due in a quarter of each hour, shape (2, 24): weekdays, weekends."""
    hours = table.reshape(len(table), 24, 4).mean(axis=2)
    if len(table) < 2 * _WEEK:
        return np.stack([hours.mean(axis=0)] * 2)
    return np.stack([hours[kinds == k].mean(axis=0) for k in (0, 1)])


def _kind(day: date) -> int:
    return int(day.weekday() >= _WEEKEND)


def _longest_pause(table: Counts, rates: Rates) -> float:
    """What the longest pause of the days was worth, in predictions due.

    Args:
        table: Predictions by day and quarter of an hour, shape (days, 96).
        rates: Predictions due in a quarter of each hour, shape (days, 24).
    """
    worth = np.repeat(rates, 4, axis=1).ravel()
    longest = pause = 0.0
    for empty, value in zip((table.ravel() == 0).tolist(), worth.tolist(), strict=True):
        pause = pause + value if empty else 0.0
        longest = max(longest, pause)
    return longest
