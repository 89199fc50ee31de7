"""No feature may use what was not yet known when the question was asked."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

import dovetail.app.demo
from dovetail.app.demo.vectors import COLUMNS, KEYS, KNOWN, vectors
from dovetail.app.demo.world import SOURCES, World
from dovetail.features import load, training_set

if TYPE_CHECKING:
    import polars as pl

    Frames = dict[str, pl.DataFrame]

DEFINITIONS = Path(dovetail.app.demo.__file__).with_name("definitions.py")
HOURS = [
    datetime(2013, 3, 8, 13, tzinfo=UTC),
    datetime(2013, 3, 8, 23, tzinfo=UTC),
    datetime(2013, 3, 10, 11, tzinfo=UTC),
]


def inputs(flights: "pl.DataFrame", events: "Frames") -> npt.NDArray[np.float32]:
    questions = flights.select(*KEYS, asked_at="asked")
    table = training_set(
        questions, "flights", load(DEFINITIONS), full_feature_names=True, frames=events
    )
    looked_up = {
        name: table[name].cast(float).fill_null(float("nan")).to_numpy()
        for name in table.columns
        if "__" in name
    }
    return vectors({name: flights[name].cast(float).to_numpy() for name in KNOWN}, looked_up)


def only_the_past(frame: "pl.DataFrame", when: str, hour: datetime) -> "pl.DataFrame":
    import polars as pl

    return frame.filter(pl.col(when) <= hour)


def another_future(frame: "pl.DataFrame", when: str, hour: datetime) -> "pl.DataFrame":
    """Reverse every figure of the rows that were not known yet, and add to it."""
    import polars as pl

    later = frame.filter(pl.col(when) > hour)
    changed = [pl.col(n).reverse() + 1000 for n, kind in later.schema.items() if kind.is_numeric()]
    return pl.concat([frame.filter(pl.col(when) <= hour), later.with_columns(changed)])


@pytest.mark.parametrize("hour", HOURS, ids=str)
@pytest.mark.parametrize("change", [only_the_past, another_future])
def test_what_happens_later_changes_no_feature(
    world: World, hour: datetime, change: Callable[..., Any]
) -> None:
    import polars as pl

    flights = world.flights.filter(pl.col("asked") == hour)
    assert flights.height > 20
    changed = {name: change(world.events[name], when, hour) for name, when in SOURCES.items()}
    np.testing.assert_array_equal(inputs(flights, changed), inputs(flights, world.events))


@pytest.mark.parametrize("hour", HOURS, ids=str)
def test_what_happened_before_does_change_features(world: World, hour: datetime) -> None:
    """The check above is no check if it compares nothing."""
    import polars as pl

    flights = world.flights.filter(pl.col("asked") == hour)
    earlier = hour - timedelta(hours=27)
    changed = {
        name: another_future(world.events[name], when, earlier) for name, when in SOURCES.items()
    }
    now, then = inputs(flights, world.events), inputs(flights, changed)
    differs = (now != then) & ~(np.isnan(now) & np.isnan(then))
    scheduled = {"minute_of_day", "weekday", "distance", "due_hour", "waiting"}
    same = {name for name, any_row in zip(COLUMNS, differs.any(axis=0), strict=True) if not any_row}
    assert same <= scheduled


def test_waiting_counts_flights_that_are_due_and_not_gone(world: World) -> None:
    import polars as pl

    hour = HOURS[1]
    flights = world.flights.filter((pl.col("asked") == hour) & (pl.col("origin") == "JFK"))
    since = hour - timedelta(hours=6)
    due = world.flights.filter(
        (pl.col("origin") == "JFK") & (pl.col("asked") >= since) & (pl.col("asked") < hour)
    ).height
    gone = world.events["departures"].filter(
        (pl.col("origin") == "JFK")
        & (pl.col("reported") >= since)
        & (pl.col("reported") < hour)
    ).height  # fmt: skip
    waiting = inputs(flights, world.events)[:, COLUMNS.index("waiting")]
    assert set(waiting.tolist()) == {float(due - gone)}


def test_inputs_are_single_precision_in_the_order_of_columns(world: World) -> None:
    import polars as pl

    flights = world.flights.filter(pl.col("asked") == HOURS[0])
    rows = inputs(flights, world.events)
    assert (rows.dtype, rows.shape) == (np.dtype("float32"), (flights.height, len(COLUMNS)))
    np.testing.assert_array_equal(rows[:, 0], flights["minute_of_day"].to_numpy())
