"""Merging profiles: exact counts in any order, and evidence as exact as before."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.monitoring import Monitor, Reference, merge_profiles
from dovetail.monitoring.drift import Watch
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.profile_cuts import cuts_of

numbers = st.one_of(
    st.none(),
    st.integers(-3, 3).map(float),
    st.floats(-1e150, 1e150),
    st.sampled_from([math.inf, -math.inf]),
    st.floats(1.7e9, 1.7e9 + 5000),
)
texts = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "rare", ""]))


@st.composite
def parts(draw):
    """Three samples of one version, of any sizes, with or without scores."""
    made = []
    for _ in range(3):
        rows = draw(st.integers(1, 40))
        column = {
            "x": draw(st.lists(numbers, min_size=rows, max_size=rows)),
            "c": draw(st.lists(texts, min_size=rows, max_size=rows)),
        }
        p = draw(st.lists(st.floats(0, 1), min_size=rows, max_size=rows))
        y = draw(st.lists(st.sampled_from([0.0, 1.0, None]), min_size=rows, max_size=rows))
        known = draw(st.booleans())
        made.append(Reference.fit(column, scores=p if known else None, labels=y if known else None))
    return made


def rounded(reference):
    """Everything, with floats to nine digits: sums of floats depend on their order.

    A mean is told in deviations: of numbers that cancel each other no digit of it is left.
    """

    def walk(value):
        if isinstance(value, float):
            return float(f"{value:.9g}") if value else 0.0
        if isinstance(value, dict):
            if value.get("deviation"):
                value = value | {"mean": round(value["mean"] / value["deviation"], 9)}
            return {name: walk(one) for name, one in value.items() if name != "digest"}
        return [walk(one) for one in value] if isinstance(value, list) else value

    return walk(msgspec.to_builtins(reference))


@given(parts())
@settings(max_examples=60, deadline=None)
def test_the_order_of_merging_changes_nothing(three):
    a, b, c = three
    left = merge_profiles(merge_profiles(a, b), c)
    assert rounded(left) == rounded(merge_profiles(a, merge_profiles(b, c)))
    assert rounded(left) == rounded(merge_profiles(c, b, a))


@given(parts())
@settings(max_examples=60, deadline=None)
def test_no_row_is_lost_and_the_sum_is_a_valid_profile(three):
    whole = merge_profiles(*three)
    assert whole.rows == sum(one.rows for one in three)
    for at, column in enumerate(whole.columns):
        assert column.rows == whole.rows
        calibrating = sum(np.sum(one.columns[at].pools) for one in three)
        assert np.sum(column.pools) == calibrating
    assert Reference.from_profile(whole.profile()) == whole


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)), st.integers(1, 64))
@settings(deadline=None)
def test_cells_hold_their_share_or_one_value(values, cells):
    numbers = np.array(values, dtype=np.float64)
    cuts = cuts_of(numbers, cells)
    assert (np.diff(cuts) > 0).all()
    assert np.isfinite(cuts).all()
    cell = np.searchsorted(cuts, numbers)
    for one in range(len(cuts) + 1):
        held = numbers[cell == one]
        assert len(held) <= len(numbers) / cells or len(set(held.tolist())) == 1


def sample(r, rows):
    return {
        "x": r.standard_normal(rows),
        "n": r.poisson(3, rows).astype(float),
        "c": r.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]),
    }


def test_parts_made_like_the_first_merge_to_what_all_rows_together_give():
    r = np.random.default_rng(1)
    first, second = sample(r, 2000), sample(r, 3000)
    a = Reference.fit(first, version="3", model="m")
    b = Reference.fit(second, version="3", model="m", like=a)
    whole = merge_profiles(a, b)
    assert whole.columns[0].shaped_cuts().tolist() == a.columns[0].shaped_cuts().tolist()
    assert len(whole.joints) == len(a.joints) == 1
    x = np.r_[first["x"], second["x"]]
    assert whole.columns[0].mean == pytest.approx(x.mean())
    assert whole.columns[0].deviation == pytest.approx(x.std())
    counted = dict(zip(whole.columns[2].levels, whole.columns[2].counts, strict=False))
    assert counted == {k: int(sum((p["c"] == k).sum() for p in (first, second))) for k in "abc"}
    # All rows of the second part calibrate.
    assert np.sum(whole.columns[0].pools) == 2000 - 500 + 3000


def test_a_part_may_lack_levels_that_the_other_was_shaped_by():
    r = np.random.default_rng(6)
    first = Reference.fit({"c": r.geometric(0.05, 2000).astype(str).tolist()})
    second = Reference.fit({"c": ["1", "2", "2", "brand new"]}, like=first)
    assert second.columns[0].shaped_levels() == first.columns[0].shaped_levels()
    assert Reference.from_profile(second.profile()) == second
    whole = merge_profiles(first, second)
    assert whole.rows == whole.columns[0].rows == 2004
    assert whole.columns[0].shaped_levels() == first.columns[0].shaped_levels()
    assert merge_profiles(second, first).columns == whole.columns


def test_parts_made_alone_keep_nearly_all_bins():
    r = np.random.default_rng(2)
    a, b = (Reference.fit(sample(r, 4000)) for _ in range(2))
    whole = merge_profiles(a, b)
    kept = len(whole.columns[0].shaped_cuts()) / len(a.columns[0].shaped_cuts())
    assert kept > 0.8
    largest = max(whole.columns[0].pools[0]) / 6000
    assert largest < 0.04
    assert whole.joints == []


def test_a_merged_reference_finds_what_a_whole_one_finds():
    r = np.random.default_rng(3)
    rows = [sample(r, 2500) for _ in range(4)]
    whole = {name: np.concatenate([one[name] for one in rows]) for name in rows[0]}
    monitors = [
        Monitor(Reference.fit(whole)),
        Monitor(merge_profiles(*(Reference.fit(one) for one in rows))),
    ]
    found = []
    for monitor in monitors:
        s = np.random.default_rng(4)
        assert not any(monitor.update(sample(s, 1000)).alarm for _ in range(5))
        days = 0
        while days < 10:
            days += 1
            moved = sample(s, 1000)
            moved["x"] += 0.15
            if monitor.update(moved).alarm:
                break
        found.append(days)
    assert max(found) <= 4


def test_performance_adds_up():
    r = np.random.default_rng(5)
    x = r.standard_normal(6000)
    p = 1 / (1 + np.exp(-x))
    y = (r.random(6000) < p).astype(float)
    whole = Reference.fit({"x": x}, scores=p, labels=y)
    cut = [slice(0, 1000), slice(1000, 6000)]
    merged = merge_profiles(*(Reference.fit({"x": x[s]}, scores=p[s], labels=y[s]) for s in cut))
    assert merged.performance.auc == pytest.approx(whole.performance.auc, abs=0.001)
    for name in ("log_loss", "brier", "positives"):
        assert getattr(merged.performance, name) == pytest.approx(getattr(whole.performance, name))
    grid = np.linspace(0.1, 0.9, 50)
    assert np.abs(merged.calibration(grid) - whole.calibration(grid)).max() < 0.08


def test_a_column_that_a_part_lacks_is_missing_there():
    a = Reference.fit({"x": [1.0, 2.0, 3.0, 4.0], "late": ["u", "v", "u", "u"]})
    b = Reference.fit({"x": [5.0, 6.0, None, 7.0]})
    whole = merge_profiles(a, b)
    late = {column.name: column for column in whole.columns}["late"]
    assert (late.levels, late.counts) == (["u", "v"], [3, 1, 0, 4])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"version": "2"}, "profiles of the versions '1' and '2' cannot be merged."),
        ({"model": "n"}, "profiles of the models 'm' and 'n' cannot be merged."),
        (
            {"season": "weekend", "days": ["2013-01-01"] * 2},
            "profiles of the seasons '' and 'weekend' cannot be merged.",
        ),
        ({"features": {"x": ["a", "b"]}}, "the profiles of 'x' do not fit together."),
    ],
    ids=["version", "model", "season", "kind"],
)
def test_parts_that_do_not_belong_together_are_refused(more, message):
    a = Reference.fit({"x": [1.0, 2.0]}, version="1", model="m")
    given = {"features": {"x": [1.0, 2.0]}, "version": "1", "model": "m"} | more
    features = given.pop("features")
    with pytest.raises(ReferenceInvalidError) as caught:
        merge_profiles(a, Reference.fit(features, **given))
    assert str(caught.value).startswith(message)


def test_infinities_do_not_move_the_ends():
    a = Reference.fit({"x": [1.0, 2.0, math.inf, -math.inf]})
    b = Reference.fit({"x": [-5.0, 0.5, math.inf, 9.0]})
    column = merge_profiles(a, b).columns[0]
    assert column.counts[0] == 1
    assert column.counts[-2] == 2
    assert column.cuts[-1] == 9.0
    assert column.mean == pytest.approx((1 + 2 - 5 + 0.5 + 9) / 5)


def test_quiet_years_against_a_small_merged_reference_stay_quiet():
    alarms = 0
    for seed in range(10):
        r = np.random.default_rng(seed)
        parts = [Reference.fit({"x": r.standard_normal(30)}) for _ in range(3)]
        profile = merge_profiles(*parts).columns[0]
        below = [0.5 * (1 + math.erf(cut / math.sqrt(2))) for cut in profile.cuts]
        law = np.r_[np.diff(np.r_[0.0, below, 1.0]), 0.0]
        watch = Watch.fresh([profile])
        for day in range(365):
            date = str(np.datetime64("2013-01-01") + day)
            found = watch.step(date, [r.multinomial(2000, law)], str(seed))
            if found.log_e >= -math.log(0.05):
                alarms += 1
                break
    assert alarms <= 2  # at most half a one is expected
