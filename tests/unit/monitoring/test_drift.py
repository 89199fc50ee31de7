"""What drift finds, when, and in which words; what neither parts, order nor restarts change."""

from datetime import date, timedelta

import msgspec
import numpy as np
import pytest

from dovetail.monitoring import Monitor, Reference
from dovetail.monitoring.drift import watch_inputs
from dovetail.monitoring.errors import ReferenceInvalidError

MONDAY = date(2013, 4, 1)


def table(r, rows=400, **change):
    """Two numbers, a number with holes, a category; each may be told how it changes."""
    x = r.standard_normal((rows, 3))
    x[:, 0] += change.get("shift", 0.0)
    if "together" in change:
        x[:, 1] = change["together"] * x[:, 0] + np.sqrt(1 - change["together"] ** 2) * x[:, 1]
    x[r.random(rows) < change.get("missing", 0.1), 2] = np.nan
    level = r.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]).astype(object)
    level[r.random(rows) < change.get("new", 0.0)] = "brand new"
    return {"a": x[:, 0], "b": x[:, 1], "holes": x[:, 2], "level": level}


@pytest.fixture
def reference():
    return Reference.fit(table(np.random.default_rng(0), 3000), version="1")


def watched(reference, days, **change):
    """The last findings after three quiet days and some changed ones."""
    r = np.random.default_rng(1)
    monitor = Monitor(reference)
    for number in range(3 + days):
        found = monitor.update(
            table(r, **(change if number >= 3 else {})), day=MONDAY + timedelta(days=number)
        )
        assert number >= 3 or not found.alarm
    return found


@pytest.mark.parametrize(
    ("change", "column", "word"),
    [
        ({"shift": 0.5}, "a", "up"),
        ({"shift": -0.5}, "a", "down"),
        ({"together": 0.7}, "a with b", "covariance up"),
        ({"missing": 0.3}, "holes", "more missing"),
        ({"missing": 0.0}, "holes", "less missing"),
        ({"new": 0.05}, "level", "new values"),
    ],
    ids=["up", "down", "together", "more-missing", "less-missing", "new-level"],
)
def test_a_change_is_found_within_three_days_named_and_dated(reference, change, column, word):
    found = watched(reference, 3, **change)
    assert found.alarm
    first = found.drift.columns[0]
    assert (first.column, first.change) == (column, word)
    assert abs(first.since - date(2013, 4, 4)) <= timedelta(days=1)
    assert [c.column for c in found.drift.columns if c.since is not None] == [column]


def test_a_finding_shows_quantiles_before_and_after(reference):
    found = watched(reference, 2, shift=1.0)
    looks = {look.label: (look.before, look.after) for look in found.drift.columns[0].looks}
    assert list(looks) == ["5%", "25%", "50%", "75%", "95%"]
    assert looks["50%"] == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.2))
    assert looks["5%"] == (pytest.approx(-1.64, abs=0.1), pytest.approx(-0.64, abs=0.4))


def test_a_finding_shows_levels_before_and_after(reference):
    found = watched(reference, 2, new=0.5)
    looks = {look.label: (look.before, look.after) for look in found.drift.columns[0].looks}
    assert looks["(other)"] == (0, pytest.approx(0.5, abs=0.1))
    assert looks["a"] == (pytest.approx(0.6, abs=0.05), pytest.approx(0.3, abs=0.1))


def test_columns_without_a_finding_are_not_described(reference):
    quiet = watched(reference, 1).drift.columns
    assert {c.column for c in quiet} == {"a", "b", "holes", "level"}
    assert all((c.since, c.change, c.looks) == (None, None, ()) for c in quiet)


def test_shards_in_any_order_weigh_as_the_whole_day(reference):
    rows = table(np.random.default_rng(5), shift=0.3)
    whole, shuffled, parts = (Monitor(reference) for _ in range(3))
    expected = whole.update(rows, day=MONDAY).drift
    order = np.random.default_rng(6).permutation(400)
    found = shuffled.update({name: values[order] for name, values in rows.items()}, day=MONDAY)
    assert found.drift == expected
    some = [
        parts.tally({name: values[i : i + 90] for name, values in rows.items()})
        for i in (360, 0, 90, 270, 180)
    ]
    assert parts.update(sum(some[1:], some[0]), day=MONDAY).drift == expected


def test_a_monitor_goes_on_where_it_was_saved(reference):
    r = np.random.default_rng(7)
    days = [table(r, shift=0.2) for _ in range(5)]
    straight = Monitor(reference)
    expected = [
        straight.update(rows, day=MONDAY + timedelta(days=i)) for i, rows in enumerate(days)
    ]
    state = None
    for i, rows in enumerate(days):
        monitor = Monitor(Reference.unpack(reference.pack()))
        if state is not None:
            monitor.restore(state)
        assert monitor.update(rows, day=MONDAY + timedelta(days=i)) == expected[i]
        state = monitor.save()
    with pytest.raises(ReferenceInvalidError, match="the state belongs to another reference"):
        Monitor(days[0]).restore(state)
    with pytest.raises(ReferenceInvalidError, match="this is no state of a monitor"):
        monitor.restore(b"nonsense")


def weekly(r, day, rows=300):
    """Weekends are another world."""
    return {"x": r.standard_normal(rows) + 2.0 * (day.weekday() >= 5)}


@pytest.mark.parametrize("season", ["weekday", "weekend"])
def test_weekends_are_no_drift_against_weekends(season):
    r = np.random.default_rng(8)
    days = [MONDAY + timedelta(days=i) for i in range(84)]
    past = {"x": np.concatenate([weekly(r, day)["x"] for day in days[:28]])}
    when = [day for day in days[:28] for _ in range(300)]
    plain = Monitor(Reference.fit(past))
    seasonal = Monitor(Reference.fit(past, season=season, days=when))
    assert any(plain.update(weekly(r, day), day=day).alarm for day in days[28:])
    assert not any(seasonal.update(weekly(r, day), day=day).alarm for day in days[28:])
    moved = {"x": weekly(r, MONDAY)["x"] + 0.7}
    assert seasonal.update(moved, day=days[-1] + timedelta(days=1)).alarm


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"season": "moon"}, "there is no season 'moon'. use one of weekday, weekend, month."),
        (
            {"season": "month"},
            "the season 'month' needs the day of every row. there are 0 days and 2 rows. "
            "give 'days', a date a row.",
        ),
        ({"season": "month", "days": ["soon", "soon"]}, "'soon' is no day. give 2013-04-01."),
    ],
    ids=["unknown", "no-days", "no-date"],
)
def test_a_season_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ReferenceInvalidError) as caught:
        Reference.fit({"x": [1, 2]}, **arguments)
    assert str(caught.value) == message


def test_a_reference_of_an_earlier_version_goes_on(reference):
    """Profiles without calibrating rows of their own calibrate by all rows, as they did."""
    plain = msgspec.to_builtins(reference)
    for column in plain["columns"]:
        del column["merge"], column["pools"]
    del plain["joints"], plain["season"]
    old = msgspec.convert(plain, Reference)
    watch = watch_inputs(old)
    assert [pool[0].tolist() for pool in watch.pools] == [c.counts for c in old.columns]
    r = np.random.default_rng(9)
    monitor = Monitor(old)
    assert not monitor.update(table(r), day=MONDAY).alarm
    assert monitor.update(table(r, shift=0.8), day=MONDAY + timedelta(days=1)).alarm


def test_one_stray_string_among_numbers_is_one_missing_value(reference):
    rows = table(np.random.default_rng(11))
    rows["a"] = [*rows["a"].tolist()[:-1], "n/a"]
    found = Monitor(reference).update(rows, day=MONDAY)
    assert not found.alarm
    assert {c.column: c.missing for c in found.drift.columns}["a"] == 1 / 400


def test_a_wide_table_is_watched_together_by_projections():
    r = np.random.default_rng(10)

    def wide(rows, common=0.0):
        x = r.standard_normal((rows, 60)) * np.sqrt(1 - common)
        return x + np.sqrt(common) * r.standard_normal((rows, 1))

    names = [f"f{j}" for j in range(60)]
    reference = Reference.fit(dict(zip(names, wide(3000).T, strict=True)))
    assert len(reference.joints) == 128
    monitor = Monitor(reference)
    assert not monitor.update(dict(zip(names, wide(500).T, strict=True))).alarm
    found = monitor.update(dict(zip(names, wide(500, common=0.3).T, strict=True)))
    assert found.alarm
    assert " with " in found.drift.columns[0].column
