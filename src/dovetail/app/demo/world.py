"""The year as it comes: hour by hour what becomes known, and which flights are asked about.

The world knows the future, the circle must not: it is handed events when they become known and
outcomes when flights have landed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from dovetail.app.demo.dataset import Year, arrivals, departures, read_year
from dovetail.app.demo.vectors import KEYS, KNOWN

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SOURCES", "Tick", "World", "airport_clock", "shadow_name"]

SOURCES = {"weather": "observed", "departures": "reported", "arrivals": "landed"}
FULL_HOUR_US = 3_600_000_000
HOME = ZoneInfo("America/New_York")
NIGHT_ENDS = time(9, tzinfo=UTC)


@dataclass(frozen=True)
class Tick:
    """One hour in which flights are scheduled.

    Attributes:
        at: the start of the hour, the moment of asking.
        pushes: for each source the rows that became known since the tick before, by column.
        flights: rows of the world's flights that are asked about.
        keys: the entities' columns.
        known: the columns that the schedule tells.
    """

    at: datetime
    pushes: Mapping[str, Mapping[str, Sequence[Any]]]
    flights: slice
    keys: Mapping[str, Sequence[Any]]
    known: Mapping[str, npt.NDArray[np.float64]]

    @property
    def clock(self) -> datetime:
        """What the clocks at the airport show, written as if it were UTC.

        Monitoring counts by UTC days. A flight at eleven in the evening belongs to its own day.
        """
        return airport_clock(self.at)

    @property
    def request_id(self) -> str:
        """The name of the tick's inference request, the same in every replay."""
        return _live_name(int(self.at.timestamp() * 1_000_000))


class World:
    """The year of flights, and what is known of it when.

    Args:
        year: the tables; read from the installed data if None.
    """

    def __init__(self, year: Year | None = None) -> None:
        tables = year or read_year()
        self.flights = _scheduled(tables.flights)
        self.events: dict[str, pl.DataFrame] = {
            "weather": tables.weather.select(
                "origin", "city", "observed", "visib", "wind_speed", "wind_dir", "precip"
            ),
            "departures": departures(tables.flights),
            "arrivals": arrivals(tables.flights),
        }

    @cached_property
    def labels(self) -> npt.NDArray[np.int8]:
        """1 late, 0 not, -1 never known, for each flight."""
        values: npt.NDArray[np.int8] = (
            self.flights["late"].cast(int).fill_null(-1).to_numpy().astype(np.int8)
        )
        return values

    @cached_property
    def known_at(self) -> npt.NDArray[np.int64]:
        """When each flight's outcome is known, microseconds since 1970; far off if never."""
        landed = self.flights["landed"].dt.epoch("us").fill_null(2**62)
        return np.asarray(landed.to_numpy(), dtype=np.int64)

    @cached_property
    def day_numbers(self) -> npt.NDArray[np.int64]:
        """The proleptic ordinal of each flight's day."""
        offset = date(1970, 1, 1).toordinal()
        days = self.flights["day"].to_physical().to_numpy()
        return np.asarray(days, dtype=np.int64) + offset

    @staticmethod
    def end_of(day: date) -> datetime:
        """Return when a day's books are closed: 09:00 UTC of the next, when few still fly."""
        return datetime.combine(day + timedelta(days=1), NIGHT_ENDS)

    def rows_of(self, start: date, end: date) -> slice:
        """Return the flights of the days from `start` up to, not including, `end`.

        Flights are in the order of their schedule, so a span of days is a slice.
        """
        bounds = np.searchsorted(self.day_numbers, [start.toordinal(), end.toordinal()])
        return slice(int(bounds[0]), int(bounds[1]))

    def landed_by(self, rows: slice, until: datetime) -> npt.NDArray[np.bool_]:
        """Say of each flight in `rows` whether its outcome is known at an instant."""
        moment = int(until.timestamp() * 1_000_000)
        known: npt.NDArray[np.bool_] = self.known_at[rows] <= moment
        return known & (self.labels[rows] >= 0)

    def events_between(self, source: str, after: datetime, until: datetime) -> "pl.DataFrame":
        """Return the rows of a source that became known in (after, until]."""
        bounds = [int(moment.timestamp() * 1_000_000) for moment in (after, until)]
        lower, upper = np.searchsorted(self._moments[source], bounds, side="right")
        return self.events[source].slice(int(lower), int(upper - lower))

    def ticks(self, day: date) -> Iterator[Tick]:
        """Yield the hours of a day in which flights are scheduled.

        The first tick brings what became known since the last tick of the day before.
        """
        rows = self.rows_of(day, day + timedelta(days=1))
        if rows.start == rows.stop:
            return
        starts = self._hours[(self._hours >= rows.start) & (self._hours < rows.stop)]
        before = self._last_tick_before(rows.start)
        for start, end in zip(starts, [*starts[1:], rows.stop], strict=True):
            at = datetime.fromtimestamp(int(self._asked[start]) / 1_000_000, UTC)
            yield self._tick(at, before, slice(int(start), int(end)))
            before = at

    def _last_tick_before(self, row: int) -> datetime:
        at = int(self._asked[row - 1]) if row else int(self._asked[0]) - FULL_HOUR_US
        return datetime.fromtimestamp(at / 1_000_000, UTC)

    def _tick(self, at: datetime, before: datetime, rows: slice) -> Tick:
        pushes = {name: _columns(self.events_between(name, before, at)) for name in SOURCES}
        return Tick(
            at=at,
            pushes={name: columns for name, columns in pushes.items() if columns},
            flights=rows,
            keys={name: self._keys[name][rows] for name in KEYS},
            known={name: self._known[name][rows] for name in KNOWN},
        )

    # Which request asks about which flight

    def live_request(self, flights: npt.NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Return the request and the row in it that asked about each flight."""
        starts = self._hours[np.searchsorted(self._hours, flights, side="right") - 1]
        names = [_live_name(int(self._asked[start])) for start in starts]
        return names, (flights - starts).tolist()

    def shadow_request(self, flights: npt.NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Return the same for the request that the first model gets at the end of each day."""
        starts = self._days[np.searchsorted(self._days, flights, side="right") - 1]
        names = [shadow_name(date.fromordinal(int(self.day_numbers[start]))) for start in starts]
        return names, (flights - starts).tolist()

    def landed_on(self, day: date) -> npt.NDArray[np.int64]:
        """Return the flights whose outcome became known between a day's close and the last."""
        bounds = [
            int(self.end_of(d).timestamp() * 1_000_000) for d in (day - timedelta(days=1), day)
        ]
        near = self.rows_of(day - timedelta(days=2), day + timedelta(days=1))
        known = self.known_at[near]
        found = np.flatnonzero(
            (known > bounds[0]) & (known <= bounds[1]) & (self.labels[near] >= 0)
        )
        flights: npt.NDArray[np.int64] = found + near.start
        return flights

    @cached_property
    def _hours(self) -> npt.NDArray[np.int64]:
        """The first flight of every tick."""
        return _starts(self.day_numbers, self._asked)

    @cached_property
    def _days(self) -> npt.NDArray[np.int64]:
        """The first flight of every day."""
        return _starts(self.day_numbers)

    @cached_property
    def _moments(self) -> dict[str, npt.NDArray[np.int64]]:
        """When each event became known, microseconds since 1970, by source."""
        return {
            name: np.asarray(self.events[name][when].dt.epoch("us").to_numpy(), dtype=np.int64)
            for name, when in SOURCES.items()
        }

    @cached_property
    def _asked(self) -> npt.NDArray[np.int64]:
        return np.asarray(self.flights["asked"].dt.epoch("us").to_numpy(), dtype=np.int64)

    @cached_property
    def _keys(self) -> dict[str, list[Any]]:
        return {name: self.flights[name].to_list() for name in KEYS}

    @cached_property
    def _known(self) -> dict[str, npt.NDArray[np.float64]]:
        return {name: self.flights[name].cast(float).to_numpy() for name in KNOWN}


def airport_clock(at: datetime) -> datetime:
    """Return what the clocks at the airport show, written as if it were UTC."""
    return at.astimezone(HOME).replace(tzinfo=UTC)


def shadow_name(day: date) -> str:
    """Return the name of the request that the first model gets at the end of a day."""
    return f"first-{day}"


def _live_name(asked: int) -> str:
    return f"flights-{datetime.fromtimestamp(asked / 1_000_000, UTC):%Y%m%dT%H%M}"


def _starts(*keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where a new group begins in rows that are grouped by some keys."""
    changed = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.flatnonzero(np.r_[True, changed])


def _columns(frame: "pl.DataFrame") -> dict[str, list[Any]]:
    """Return a frame's columns as JSON has them, times as RFC 3339; empty without rows."""
    import polars as pl

    if frame.is_empty():
        return {}
    stamps = [name for name, kind in frame.schema.items() if kind == pl.Datetime]
    text = frame.with_columns(pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in stamps)
    return {name: text[name].to_list() for name in text.columns}


def _scheduled(flights: "pl.DataFrame") -> "pl.DataFrame":
    """Add what the schedule alone tells: how many flights are due from the origin, and when."""
    import polars as pl

    hourly = flights.group_by("origin", "asked").agg(due_hour=pl.len().cast(pl.Int64))
    hourly = hourly.sort("origin", "asked")
    before = hourly.rolling("asked", period="6h", group_by="origin", closed="left").agg(
        due_6h=pl.col("due_hour").sum()
    )
    due = hourly.join(before, on=["origin", "asked"])
    return (
        flights.join(due, on=["origin", "asked"], how="left", maintain_order="left")
        .with_columns(city=pl.lit("NYC"), asked_minute=pl.col("asked").dt.epoch("s") // 60)
        .sort("day", "asked", "scheduled", "flight_id")
    )
