"""Parts of metrics for drawing: no extreme is ever lost, however points arrive."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dovetail.base.sql import Database
from dovetail.tracking.store import metrics, rollups, windows
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.rollup_schema import blocks
from dovetail.tracking.store.runs import RunKey
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.store.stretches import MOST
from dovetail.tracking.store.windows import Part, Window
from dovetail.tracking.tidy.rows import delete_runs
from dovetail.wire.mlflow import Metric

RUNS = count(1)


class Series:
    """One metric of one run in a store."""

    def __init__(self, database: Database) -> None:
        self.database, self.run = database, RunKey(next(RUNS), 0)

    def log(self, points: Sequence[tuple[int, int, float]]) -> None:
        given = [Metric("loss", value, at, step) for step, at, value in points]
        self.database.write(lambda c: metrics.log(c, self.run, given))

    def build(self) -> None:
        while self.database.write(lambda c: rollups.extend(c, self.run.id, "loss")):
            pass

    def look(self, part: Part) -> Window:
        return self.database.read(lambda c: windows.look(c, self.run.id, "loss", part))


@pytest.fixture
def series(database_url: str) -> Iterator[Callable[[], Series]]:
    database = Database(database_url, metadata, name="tracking", migrations=MIGRATIONS)
    yield lambda: Series(database)
    database.close()


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("windows") / "test.db"
    url = f"sqlite:///{path}?synchronous=normal"
    database = Database(url, metadata, name="tracking", migrations=MIGRATIONS)
    yield database
    database.close()


def wave(steps: Sequence[int]) -> list[tuple[int, int, float]]:
    return [(step, 1000 * step, math.sin(step / 700)) for step in steps]


def extremes(window: Window) -> tuple[float, float]:
    held = [
        stretch
        for stretch in window.stretches
        if stretch.low is not None and stretch.high is not None
    ]
    return min(s.low or 0.0 for s in held), max(s.high or 0.0 for s in held)


def test_a_spike_among_many_points_is_always_drawn(series: Callable[[], Series]) -> None:
    one = series()
    points = wave(range(20_000))
    points[7_777] = (7_777, 7_777_000, 99.0)
    points[13_131] = (13_131, 13_131_000, -99.0)
    one.log(points)
    one.build()
    window = one.look(Part(points=320))
    assert (window.count, window.waiting) == (20_000, False)
    assert len(window.stretches) <= 320
    highest = max(window.stretches, key=lambda stretch: stretch.high or 0.0)
    assert (highest.high, highest.high_step, highest.high_timestamp) == (99.0, 7_777, 7_777_000)
    assert min(stretch.low or 0.0 for stretch in window.stretches) == -99.0


def test_few_points_are_all_drawn(series: Callable[[], Series]) -> None:
    one = series()
    one.log(wave(range(100)))
    assert [stretch.low for stretch in one.look(Part(points=320)).stretches] == [
        math.sin(step / 700) for step in range(100)
    ]


def test_nan_and_the_infinities_are_holes(series: Callable[[], Series]) -> None:
    one = series()
    odd = [math.nan, math.inf, -math.inf, 1.5]
    one.log([(step, step, value) for step, value in enumerate(odd)])
    assert [(s.low, s.holes) for s in one.look(Part()).stretches] == [
        (None, 1),
        (None, 1),
        (None, 1),
        (1.5, 0),
    ]
    one.log([(step, step, odd[step % 4]) for step in range(4, 9_000)])
    one.build()
    window = one.look(Part())
    assert sum(stretch.holes for stretch in window.stretches) == 6_750
    assert extremes(window) == (1.5, 1.5)


def test_a_metric_that_has_grown_is_waited_for_until_its_blocks_are_built(
    series: Callable[[], Series],
) -> None:
    one = series()
    one.log(wave(range(rollups.TAIL)))
    assert not one.look(Part()).waiting
    one.log(wave([rollups.TAIL]))
    assert one.look(Part()).waiting
    one.build()
    assert not one.look(Part()).waiting
    assert one.look(Part()).count == rollups.TAIL + 1


def test_all_points_may_have_the_same_step(series: Callable[[], Series]) -> None:
    one = series()
    one.log([(0, at, float(at % 1000)) for at in range(9_000)])
    one.build()
    one.log([(0, at, 5_000.0) for at in range(9_000, 9_010)])
    window = one.look(Part(axis="time", low=1_000, high=9_005))
    assert (window.count, extremes(window)) == (8_006, (0.0, 5_000.0))


def test_a_late_point_is_drawn_in_its_place(series: Callable[[], Series]) -> None:
    one = series()
    one.log(wave(range(0, 60_000, 2)))
    one.build()
    assert one.look(Part()).count == 30_000
    one.log([(40_001, 0, 7.0), (59_999, 0, -7.0)])
    window = one.look(Part(low=40_000, high=40_002))
    assert [stretch.high for stretch in window.stretches if stretch.high == 7.0] == [7.0]
    one.build()
    window = one.look(Part())
    assert (window.count, extremes(window)) == (30_002, (-7.0, 7.0))
    assert one.database.read(lambda c: len(c.execute(blocks.select()).all())) > 250


def test_a_run_that_is_removed_for_good_leaves_no_block(series: Callable[[], Series]) -> None:
    one = series()
    one.log(wave(range(10_000)))
    one.build()
    one.database.write(lambda c: delete_runs(c, [one.run.id], ["r"]))
    assert one.look(Part()).count == 0
    assert one.database.read(lambda c: c.execute(blocks.select()).all()) == []


VALUES = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.0, math.nan, math.inf])
)
BATCH = st.tuples(st.integers(0, 6_000), st.integers(1, 1_200), st.lists(VALUES, min_size=1))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batches=st.lists(BATCH, min_size=1, max_size=8),
    builds=st.sets(st.integers(0, 7)),
    axis=st.sampled_from(["step", "time"]),
    ends=st.tuples(st.integers(0, 7_000), st.integers(0, 7_000)),
    points=st.integers(2, 400),
)
def test_the_extremes_of_any_range_are_always_among_the_sampled_points(
    quick: Database, batches: list[Any], builds: set[int], axis: Any, ends: Any, points: int
) -> None:
    one = Series(quick)
    logged: set[tuple[int, int, str]] = set()
    for i, (start, length, values) in enumerate(batches):
        batch = [(start + j, 7 * start + j, values[j % len(values)]) for j in range(length)]
        one.log(batch)
        logged |= {(step, at, repr(value + 0.0)) for step, at, value in batch}
        if i in builds:
            one.build()
    one.build()
    low, high = min(ends), max(ends)
    place = {"step": 0, "time": 1}[axis]
    held = [float(value) for *at, value in logged if low <= at[place] <= high]
    finite = [v for v in held if math.isfinite(v) and abs(v) < MOST]
    window = one.look(Part(axis=axis, low=low, high=high, points=points))
    assert window.count == len(held)
    assert sum(stretch.holes for stretch in window.stretches) == len(held) - len(finite)
    if finite:
        assert extremes(window) == (min(finite), max(finite))
