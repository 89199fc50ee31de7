"""Point-in-time semantics of training sets: what is known when, edges, ties, no row lost."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from dovetail.features import (
    Count,
    Entity,
    FeatureService,
    LatestView,
    Mean,
    PushSource,
    Share,
    Sum,
    WindowView,
    collect,
    training_set,
)
from dovetail.features.errors import DefinitionError, RowsError

T = datetime(2024, 3, 1, 12, tzinfo=UTC)
H = timedelta(hours=1)
US = timedelta(microseconds=1)
CASES = [
    ("at_exact_time_inclusive", [1.0], [("a", T)], [("a", T, 1.0)], "3h"),
    ("one_microsecond_future_hidden", [None], [("a", T)], [("a", T + US, 9.0)], "3h"),
    ("ttl_boundary_inclusive", [1.0], [("a", T)], [("a", T - 3 * H, 1.0)], "3h"),
    ("ttl_expired_by_1us", [None], [("a", T)], [("a", T - 3 * H - US, 1.0)], "3h"),
    ("no_ttl_means_forever", [1.0], [("a", T)], [("a", T - 9999 * H, 1.0)], None),
    (
        "latest_null_stays_null",
        [None],
        [("a", T)],
        [("a", T - 2 * H, 1.0), ("a", T - H, None)],
        "3h",
    ),
    ("unknown_entity_kept", [None, 1.0], [("zz", T), ("a", T)], [("a", T - H, 1.0)], "3h"),
    ("null_key_kept", [None, 1.0], [(None, T), ("a", T)], [("a", T - H, 1.0)], "3h"),
    ("duplicate_entity_rows_kept", [1.0] * 3, [("a", T)] * 3, [("a", T - H, 1.0)], "3h"),
    (
        "unsorted_entities",
        [2.0, 1.0],
        [("a", T + H), ("a", T)],
        [("a", T, 1.0), ("a", T + H, 2.0)],
        "3h",
    ),
    ("no_row_before_any", [None, 5.0], [("a", T - 9 * H), ("a", T)], [("a", T, 5.0)], "3h"),
    (
        "correction_known_before_asked",
        [2.0],
        [("a", T + 3 * H)],
        [("a", T, 1.0, T), ("a", T, 2.0, T + 2 * H)],
        "3h",
    ),
    (
        "correction_written_after_asked",
        [1.0],
        [("a", T + H)],
        [("a", T, 1.0, T), ("a", T, 2.0, T + 2 * H)],
        "3h",
    ),
    ("row_arrived_after_asked", [None], [("a", T + H)], [("a", T, 7.0, T + 5 * H)], "3h"),
    ("tie_same_time", [2.0], [("a", T + H)], [("a", T, 1.0), ("a", T, 2.0)], "3h"),
    ("tie_keeps_row_count", [2.0] * 2, [("a", T + H)] * 2, [("a", T, 1.0), ("a", T, 2.0)], "3h"),
]


@pytest.mark.parametrize(
    ("want", "asked", "rows", "ttl"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_latest_view(want, asked, rows, ttl, engine) -> None:
    source = PushSource("s", event_time="at", known_at="created")
    view = LatestView("t", entities=[Entity("k")], source=source, features=["v"], ttl=ttl)
    stamp = pl.Datetime("us", "UTC")
    frame = pl.DataFrame(
        [(r[0], r[1], r[2], r[3] if len(r) > 3 else r[1]) for r in rows],
        schema={"k": pl.String, "at": stamp, "v": pl.Float64, "created": stamp},
        orient="row",
    )
    questions = pl.DataFrame(
        [(k, t, i) for i, (k, t) in enumerate(asked)],
        schema={"k": pl.String, "asked_at": stamp, "label": pl.Int64},
        orient="row",
    )
    got = training_set(questions, ["t:v"], collect([view]), frames={"s": frame}, engine=engine)
    assert got["v"].to_list() == want
    assert got.drop("v").equals(questions)


def test_a_late_row_of_an_older_event_does_not_hide_a_newer_one() -> None:
    source = PushSource("s", event_time="at", known_at="created")
    view = LatestView("t", entities=[Entity("k")], source=source, features=["v"])
    frame = pl.DataFrame({"k": ["a", "a"], "at": [T, T - H], "created": [T, T + H], "v": [2, 1]})
    asked = pl.DataFrame({"k": ["a"], "asked_at": [T + 2 * H]})
    assert training_set(asked, ["t:v"], collect([view]), frames={"s": frame})["v"].to_list() == [2]


@pytest.fixture
def traffic() -> WindowView:
    return WindowView(
        "traffic",
        entities=[Entity("origin")],
        source=PushSource("d", event_time="left", id="n"),
        tile="1h",
        windows=["1h", "3h"],
        aggregations=[
            Count(),
            Count("delay"),
            Sum("delay"),
            Mean("delay"),
            Share("delay", above=15, name="late"),
        ],
    )


def test_windows_cover_finished_tiles_only(traffic: WindowView) -> None:
    minute = timedelta(minutes=1)
    events = pl.DataFrame(
        {
            "origin": ["JFK"] * 5,
            "n": range(5),
            "left": [T - 3 * H - US, T - 3 * H, T - H - US, T - H, T],
            "delay": [1000, 20, None, 10, 500],
        }
    )
    asked = pl.DataFrame(
        {"origin": ["JFK", "JFK", "EWR", None], "asked_at": [T, T + 59 * minute, T, T]}
    )
    service = FeatureService("f", [traffic])
    got = training_set(asked, service, collect([service]), frames={"d": events})
    row = {
        "count_1h": 1, "count_3h": 3, "delay_count_1h": 1, "delay_count_3h": 2,
        "delay_sum_1h": 10.0, "delay_sum_3h": 30.0, "delay_mean_1h": 10.0, "delay_mean_3h": 15.0,
        "late_1h": 0.0, "late_3h": 0.5,
    }  # fmt: skip
    nothing = {name: 0 if "count" in name else 0.0 if "sum" in name else None for name in row}
    answers = got.select(*row).to_dicts()
    assert answers == [row, row, nothing, dict.fromkeys(row)]


def test_an_event_told_twice_counts_once(traffic: WindowView) -> None:
    events = pl.DataFrame(
        {"origin": ["JFK"] * 3, "n": [7, 7, 8], "left": [T - H] * 3, "delay": [5, 5, 7]}
    )
    asked = pl.DataFrame({"origin": ["JFK"], "asked_at": [T]})
    got = training_set(
        asked,
        ["traffic:count_1h", "traffic:delay_sum_1h"],
        collect([traffic]),
        frames={"d": events},
    )
    assert got.row(0)[2:] == (2, 12.0)


def test_an_event_that_never_happened_is_passed_over(traffic: WindowView) -> None:
    events = pl.DataFrame(
        {"origin": ["JFK"] * 2, "n": [1, 2], "left": [T - H, None], "delay": [5, 7]}
    )
    asked = pl.DataFrame({"origin": ["JFK"], "asked_at": [T]})
    got = training_set(asked, ["traffic:count_3h"], collect([traffic]), frames={"d": events})
    assert got["count_3h"].to_list() == [1]


def test_decimal_sums_do_not_depend_on_order(traffic: WindowView) -> None:
    values = [0.1, 0.2, 0.3, 1e6 + 0.7, -1e6]
    for order in (values, values[::-1], sorted(values)):
        events = pl.DataFrame(
            {"origin": ["JFK"] * 5, "n": range(5), "left": [T - H] * 5, "delay": order}
        )
        asked = pl.DataFrame({"origin": ["JFK"], "asked_at": [T]})
        got = training_set(
            asked, ["traffic:delay_sum_1h"], collect([traffic]), frames={"d": events}
        )
        assert got["delay_sum_1h"].to_list() == [1.3]


def test_names_that_clash_are_refused(traffic: WindowView) -> None:
    asked = pl.DataFrame({"origin": ["JFK"], "asked_at": [T], "count_1h": [0]})
    service = FeatureService("f", [traffic])
    with pytest.raises(DefinitionError, match="already have columns named"):
        training_set(asked, service, collect([service]), frames={})
    with pytest.raises(DefinitionError, match="More than one feature is named count_1h"):
        training_set(
            asked.drop("count_1h"), ["traffic:count_1h", "traffic:count_1h"], collect([service])
        )


def test_what_cannot_be_joined_says_why(traffic: WindowView) -> None:
    service = FeatureService("f", [traffic])
    events = pl.DataFrame({"origin": ["JFK"], "n": [1], "left": [T], "delay": ["late"]})
    asked = pl.DataFrame({"origin": ["JFK"], "asked_at": [T]})
    with pytest.raises(RowsError, match="'delay', which holds String"):
        training_set(asked, service, collect([service]), frames={"d": events})
    with pytest.raises(RowsError, match=r"The questions lack the columns \['origin'\]"):
        training_set(asked.drop("origin"), service, collect([service]), frames={})
    fine = events.with_columns(delay=1)
    with pytest.raises(RowsError, match="Key 'origin' is Int32 in the questions but String"):
        training_set(asked.with_columns(origin=1), service, collect([service]), frames={"d": fine})
