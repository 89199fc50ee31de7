from datetime import UTC, date, datetime

import pytest

from dovetail.web.charts import Chart, Event, Series, moments


def test_the_axis_leaves_air_around_lines_and_intervals() -> None:
    line = Series(label="a", values=[0.5, None], low=[0.4, None], high=[0.6, None])
    assert Chart(title="t", x=[0, 1], series=[line]).bounds() == pytest.approx((0.384, 0.616))


@pytest.mark.parametrize("values", [[], [None], [0.0], [3.0, 3.0]])
def test_the_axis_has_a_length_whatever_there_is(values: list[float | None]) -> None:
    low, high = Chart(title="t", x=[], series=[Series(label="a", values=values)]).bounds()
    assert low < high


def test_an_axis_that_was_asked_for_is_kept() -> None:
    chart = Chart(title="t", x=[], series=[Series(label="a", values=[9])], y_min=0, y_max=1)
    assert chart.bounds() == (0, 1)


def test_a_page_carries_no_decimals_that_nobody_sees() -> None:
    line = Series(label="a", values=[1 / 3, None], low=[0.1234567, None])
    rounded = Chart(title="t", x=[0, 1], series=[line], digits=1).rounded()
    assert (rounded.series[0].values, rounded.series[0].low) == ([0.333, None], [0.123, None])


def test_an_event_at_midnight_shows_its_day_alone() -> None:
    shown = [
        Event(at=datetime(2013, 5, 3, hour, tzinfo=UTC), lane="a", text="b").when
        for hour in (0, 12)
    ]
    assert shown == ["2013-05-03", "2013-05-03 12:00"]


def test_times_of_any_form_are_milliseconds() -> None:
    given = [date(1970, 1, 2), "1970-01-02T00:00:00+00:00", datetime(1970, 1, 2)]
    assert moments(given) == [86_400_000.0] * 3
