import doctest
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from dovetail.web import formats

NOW = datetime(2013, 5, 3, 12, tzinfo=UTC)


def test_the_examples_hold() -> None:
    assert doctest.testmod(formats).failed == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (336776, "336,776"),
        (0.123456, "0.1235"),
        (float("nan"), formats.DASH),
        (float("inf"), formats.DASH),
        (None, formats.DASH),
    ],
)
def test_number(value: float | None, shown: str) -> None:
    assert formats.number(value) == shown


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        (NOW, "2013-05-03T12:00:00Z"),
        (NOW.replace(tzinfo=None), "2013-05-03T12:00:00Z"),
        (NOW.astimezone(timezone(timedelta(hours=-4))), "2013-05-03T12:00:00Z"),
        (1367582400000, "2013-05-03T12:00:00Z"),
        ("2013-05-03T08:00:00-04:00", "2013-05-03T12:00:00Z"),
        (date(2013, 5, 3), "2013-05-03T00:00:00Z"),
        (None, ""),
    ],
)
def test_every_form_of_a_moment(value: object, iso: str) -> None:
    assert formats.iso(value) == iso  # type: ignore[arg-type]


def test_a_whole_day_has_no_minutes() -> None:
    assert formats.stamp(date(2013, 5, 3)) == "2013-05-03"
    assert formats.stamp(NOW) == "2013-05-03 12:00"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.00042, "0.42 ms"),
        (0.00431, "4.3 ms"),
        (0.0129, "13 ms"),
        (1.4, "1 s"),
        (None, formats.DASH),
    ],
)
def test_duration(seconds: float | None, shown: str) -> None:
    assert formats.duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(3, "just now"), (95, "2 min ago"), (7200, "2 h ago"), (86400 * 9, "9 d ago")],
)
def test_age(seconds: int, shown: str) -> None:
    assert formats.age(NOW - timedelta(seconds=seconds), NOW) == shown
    assert formats.age(NOW + timedelta(minutes=5), NOW) == "in 5 min"


def test_nothing_is_never_less_than_zero() -> None:
    assert formats.number(-0.0004, 2) == "0.00"
