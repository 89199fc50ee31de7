from datetime import date, datetime, timedelta

import numpy as np
import pytest

from dovetail.app.demo.dataset import Year
from dovetail.app.demo.world import SOURCES, Tick, World, airport_clock, shadow_name

DAYS = [date(2013, 3, 8) + timedelta(days=i) for i in range(4)]


@pytest.fixture(scope="module")
def ticks(world: World) -> list[Tick]:
    return [tick for day in DAYS for tick in world.ticks(day)]


def test_every_flight_is_asked_about_once_in_order(world: World, ticks: list[Tick]) -> None:
    asked = [row for tick in ticks for row in range(tick.flights.start, tick.flights.stop)]
    days = world.rows_of(DAYS[0], DAYS[-1] + timedelta(days=1))
    assert asked == list(range(days.start, days.stop))


def test_a_tick_asks_at_the_start_of_the_scheduled_hour(world: World, ticks: list[Tick]) -> None:
    for tick in ticks:
        assert set(world.flights["asked"][tick.flights].to_list()) == {tick.at}


def test_every_event_is_pushed_once_and_not_before_it_is_known(
    world: World, ticks: list[Tick]
) -> None:
    for source, when in SOURCES.items():
        pushed: list[str] = []
        for tick in ticks:
            columns = tick.pushes.get(source, {})
            moments = [datetime.fromisoformat(text) for text in columns.get(when, ())]
            assert all(moment <= tick.at for moment in moments)
            assert len({len(values) for values in columns.values()}) <= 1
            pushed += [f"{moment:%d %H:%M}" for moment in moments]
        known = world.events_between(source, ticks[0].at, ticks[-1].at)[when]
        assert pushed[-known.len() :] == [f"{moment:%d %H:%M}" for moment in known]


def test_every_outcome_is_told_once_and_after_landing(world: World) -> None:
    days = [date(2013, 3, 2) + timedelta(days=i) for i in range(10)]
    told = np.concatenate([world.landed_on(day) for day in days])
    assert len(np.unique(told)) == len(told)
    closed = np.concatenate(
        [np.repeat(world.end_of(day), len(world.landed_on(day))) for day in days]
    )
    landed = world.flights["landed"].to_list()
    assert all(landed[row] <= end for row, end in zip(told, closed, strict=True))
    assert not np.isin(world.labels[told], [-1]).any()


def test_requests_of_a_flight_name_its_tick_and_row(world: World, ticks: list[Tick]) -> None:
    for tick in ticks[:30]:
        flights = np.arange(tick.flights.start, tick.flights.stop)
        names, rows = world.live_request(flights)
        assert set(names) == {tick.request_id}
        assert rows == list(range(len(flights)))


def test_the_shadow_of_a_day_is_one_request_in_the_order_of_its_flights(world: World) -> None:
    for day in DAYS:
        span = world.rows_of(day, day + timedelta(days=1))
        names, rows = world.shadow_request(np.arange(span.start, span.stop))
        assert set(names) == {shadow_name(day)}
        assert rows == list(range(span.stop - span.start))


@pytest.mark.parametrize(
    ("at", "hour"), [("2013-03-10T06:30Z", 1), ("2013-03-10T07:30Z", 3)], ids=["before", "after"]
)
def test_the_airport_clock_skips_an_hour_in_march(at: str, hour: int) -> None:
    assert airport_clock(datetime.fromisoformat(at)).hour == hour


def test_two_worlds_of_one_year_are_the_same(fortnight: Year, world: World) -> None:
    again = World(fortnight)
    assert again.flights.equals(world.flights)
    assert [tick.pushes for tick in again.ticks(DAYS[0])] == [
        tick.pushes for tick in world.ticks(DAYS[0])
    ]
