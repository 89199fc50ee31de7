"""What the figures of windows are: by hand, on a few events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from dovetail.features import (
    Count,
    CountDistinct,
    Entity,
    First,
    Last,
    LatestView,
    Max,
    Mean,
    Min,
    PushSource,
    Ratio,
    StaticView,
    Std,
    Sum,
    WindowView,
    collect,
    training_set,
)
from dovetail.features.errors import DefinitionError

T = datetime(2024, 3, 6, 12, tzinfo=UTC)  # a Wednesday
H = timedelta(hours=1)
SOURCE = PushSource("d", event_time="left", known_at="told", id="n")
EVENTS = pl.DataFrame(
    [
        (1, "JFK", T - 4 * H, T - 4 * H, 10.0, "UA"),
        (2, "JFK", T - 3 * H, T - 3 * H, 40.0, "AA"),
        (3, "JFK", T - 2 * H, T - 2 * H, None, "UA"),
        (4, "JFK", T - H, T - H, -5.0, None),
        (5, "JFK", T - 3 * H / 2, T + 9 * H, 999.0, "B6"),
    ],
    schema={
        "n": pl.Int64, "origin": pl.String, "left": pl.Datetime("us", "UTC"),
        "told": pl.Datetime("us", "UTC"), "delay": pl.Float64, "carrier": pl.String,
    },
    orient="row",
)  # fmt: skip


def figure(aggregation: Any, window: str, at: datetime = T, **view: Any) -> Any:
    of = WindowView(
        "v", entities=[Entity("origin")], source=view.pop("source", SOURCE), windows=[window],
        aggregations=[aggregation], **view,
    )  # fmt: skip
    asked = pl.DataFrame({"origin": ["JFK"], "asked_at": [at]})
    (name,) = of.feature_names
    return training_set(asked, [f"v:{name}"], collect([of]), frames={"d": EVENTS})[name][0]


@pytest.mark.parametrize(
    ("aggregation", "window", "expected"),
    [
        (Std("delay"), "4h", (1050.0 / 2) ** 0.5),
        (Std("delay"), "1h", None),
        (Min("delay"), "4h", -5.0),
        (Max("delay"), "3h", 40.0),
        (Max("delay"), "2h", -5.0),
        (First("delay"), "4h", 10.0),
        (First("delay"), "2h", None),
        (Last("carrier"), "3h", None),
        (Last("carrier", where="carrier is not null"), "3h", "UA"),
        (CountDistinct("carrier"), "4h", 2),
        (CountDistinct("carrier", limit=1), "4h", 1),
        (CountDistinct("carrier"), "1h", 0),
        (Count(where="delay > 15"), "4h", 1),
        (Sum("delay", where="carrier = 'UA'"), "4h", 10.0),
        (Mean("delay", where="delay < 0"), "3h", -5.0),
        (Ratio(Sum("delay"), Count("delay")), "4h", 15.0),
        (Ratio(Sum("delay"), Count(where="delay > 99")), "4h", None),
        (Count(), "last 2", 2),
        (Mean("delay"), "last 2", -5.0),
        (Mean("delay"), "last 3", 17.5),
        (Std("delay"), "last 4", (1050.0 / 2) ** 0.5),
        (First("delay"), "last 3", 40.0),
        (Last("delay"), "last 3", -5.0),
        (CountDistinct("carrier"), "last 9", 2),
        (Min("delay"), "last 1", -5.0),
    ],
    ids=repr,
)
def test_figures(aggregation: Any, window: str, expected: Any) -> None:
    assert figure(aggregation, window) == expected


def test_the_last_events_change_when_one_is_told_late() -> None:
    assert figure(Last("delay"), "last 2", T + 9 * H) == -5.0
    assert figure(First("delay"), "last 2", T + 9 * H) == 999.0
    assert figure(First("delay"), "last 2", T + 9 * H - timedelta(microseconds=1)) is None


@pytest.mark.parametrize(
    ("at", "window", "expected"),
    [
        (T, "6h", 0),
        (T + 3 * H, "6h", 0),
        (T - timedelta(hours=12), "1d", 0),
        (T + timedelta(hours=12), "1d", 5),
        (T + timedelta(hours=36), "1d", 0),
        (T + timedelta(days=4), "1w", 0),
        (T + timedelta(days=4, hours=12), "1w", 5),
        (T + timedelta(days=11, hours=11), "1w", 5),
        (T + timedelta(days=11, hours=12), "1w", 0),
    ],
)
def test_tumbling_windows_are_those_of_the_calendar(
    at: datetime, window: str, expected: int
) -> None:
    wanted = expected if window != "6h" else 4  # 6:00 to 12:00
    assert figure(Count(), window, at, kind="tumbling") == wanted


def test_rows_that_do_not_match_do_not_exist_for_a_view() -> None:
    assert figure(Count(), "4h", where="delay > 0") == 2
    assert figure(First("delay"), "last 1", where="carrier = 'UA'") is None
    derived = PushSource(
        "d", event_time="left", known_at="told", id="n",
        derive={"late": "delay > 15", "very": "late and delay > 30"}, where="n <> 4",
    )  # fmt: skip
    assert figure(Count(where="very"), "4h", source=derived) == 1
    assert figure(Min("delay"), "4h", source=derived) == 10.0


def test_derived_columns_are_one_namespace_of_a_source() -> None:
    one = LatestView("a", entities=[], source=SOURCE, features=["x"], derive={"x": "delay / 60"})
    same = LatestView("b", entities=[], source=SOURCE, features=["x"])
    with pytest.raises(DefinitionError, match="View 'b' reads the column 'x' of source 'd'"):
        collect([one, same])
    other = LatestView("c", entities=[], source=SOURCE, features=["x"], derive={"x": "delay"})
    with pytest.raises(DefinitionError, match="derives 'x' in two ways"):
        collect([one, other])
    with pytest.raises(DefinitionError, match="derives 'x' from 'x', not known yet"):
        LatestView("d", entities=[], source=SOURCE, features=["x"], derive={"x": "x + 1"})


def test_a_table_without_times_was_always_known() -> None:
    airports = PushSource("airports", event_time="", derive={"origin": "faa"})
    view = StaticView("field", entities=[Entity("origin")], source=airports, features=["alt"])
    frame = pl.DataFrame({"faa": ["JFK", "LGA"], "alt": [13, 22]})
    asked = pl.DataFrame({"origin": ["LGA", "EWR"], "asked_at": [T, T]})
    got = training_set(asked, ["field:alt"], collect([view]), frames={"airports": frame})
    assert got["alt"].to_list() == [22, None]
    with pytest.raises(DefinitionError, match="has a ttl, but its source 'airports' has no times"):
        LatestView("old", entities=[], source=airports, features=["alt"], ttl="1d")


def test_when_a_row_is_known_may_be_derived() -> None:
    landings = PushSource(
        "landings", event_time="landed", known_at="told", id="n",
        derive={"told": "greatest(landed, asked) + interval '1 microsecond'"},
    )  # fmt: skip
    view = LatestView("l", entities=[Entity("k")], source=landings, features=["n", "landed"])
    frame = pl.DataFrame({"k": ["a"], "n": [1], "landed": [T - H], "asked": [T]})
    asked = pl.DataFrame({"k": ["a", "a"], "asked_at": [T, T + timedelta(microseconds=1)]})
    got = training_set(asked, ["l:n", "l:landed"], collect([view]), frames={"landings": frame})
    assert got["n"].to_list() == [None, 1]
    assert got["landed"].to_list() == [None, T - H]
