"""A table compared with a profile: the same verdicts as with the rows, told by bins."""

import numpy as np
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring import Reference, compare
from dovetail.monitoring.ui.html import report_html


def table(seed, rows=3000, shift=0.0):
    r = np.random.default_rng(seed)
    x = r.standard_normal(rows)
    p = 1 / (1 + np.exp(-x))
    return {
        "x": x,
        "moved": r.normal(shift, 1, rows),
        "count": r.poisson(2, rows).astype(float),
        "c": r.choice(["a", "b"], rows).tolist(),
        "p": p,
        "late": (r.random(rows) < p).astype(float),
    }


def profile(rows):
    features = {name: x for name, x in rows.items() if name not in ("p", "late")}
    return Reference.fit(features, scores=rows["p"], labels=rows["late"])


def test_a_profile_finds_what_rows_find():
    before, now = table(0), table(1, shift=0.2)
    named = {"score": "p", "label": "late"}
    of_rows, of_profile = compare(before, now, **named), compare(profile(before), now, **named)
    assert (of_rows.verdict, of_profile.verdict) == ("drift", "drift")
    assert of_profile.rows == of_rows.rows
    assert [c.column for c in of_profile.drifted] == ["moved"]
    assert {c.column for c in of_profile.columns} == {c.column for c in of_rows.columns}
    exact = {c.column: c for c in of_rows.columns}
    for one in of_profile.columns:
        other = exact[one.column]
        assert one.missing == other.missing
        assert one.shift == pytest.approx(other.shift)
        assert one.statistic == pytest.approx(other.statistic, abs=0.01)
        assert one.p >= other.p * 0.99  # bins never overstate
    for name in ("auc", "log_loss", "brier", "positives", "outcomes", "predictions"):
        assert getattr(of_profile.performance[0], name) == pytest.approx(
            getattr(of_rows.performance[0], name), abs=0.001
        )
    assert of_profile.performance[1] == of_rows.performance[1]
    assert (of_profile.joint, of_profile.added) == (None, [])


def test_unchanged_tables_do_not_drift():
    verdicts = [compare(profile(table(s)), table(s + 50)).verdict for s in range(0, 20)]
    assert verdicts.count("drift") <= 3


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [
        ("c", ["new"] * 3000, "new: 'new' in 100.0% of rows"),
        ("x", ["text"] * 3000, "held numbers and now texts"),
        ("count", [None] * 3000, "missing in 100.0% of rows, 0.0% before"),
        ("x", np.full(3000, 9.0), "100.0% of rows beyond all earlier values"),
    ],
)
def test_what_changed_is_said(column, values, what):
    found = compare(profile(table(0)), table(1) | {column: values})
    assert found.verdict == "drift"
    assert found.columns[0].column == column
    assert found.columns[0].what.startswith(what)
    assert len(report_html(found, "profile", "now")) < 300_000


def test_levels_past_those_named_are_one():
    before = {"c": [f"l{i}" for i in range(400)] * 5}
    reference = Reference.fit(before)
    assert compare(reference, before).verdict == "no drift"
    assert compare(reference, {"c": ["fresh"] * 900}).verdict == "drift"


def test_very_many_rows_take_no_memory():
    reference = Reference.fit({"x": np.arange(1000.0)})
    column = reference.columns[0]
    many = [c * 10**9 for c in column.counts]
    import msgspec

    huge = msgspec.structs.replace(
        reference, rows=10**12, columns=[msgspec.structs.replace(column, counts=many)]
    )
    assert compare(huge, {"x": np.arange(1000.0)}).rows == (10**12, 1000)


def test_what_needs_rows_is_refused():
    reference = Reference.fit({"x": [1.0, 2.0]})
    with pytest.raises(InvalidInputError) as caught:
        compare(reference, {"x": [1.0]}, tests=["mmd"])
    assert "the test 'mmd' needs the rows of the reference" in str(caught.value)
    with pytest.raises(InvalidInputError) as caught:
        compare(reference, {"x": [1.0], "p": [0.5]}, score="p")
    assert str(caught.value).startswith("the profile has no scores.")


@pytest.mark.parametrize("alike", [True, False], ids=["same bins", "own bins"])
def test_two_profiles_are_compared_in_the_bins_that_both_have(alike):
    before = profile(table(0))

    def of(rows):
        if not alike:
            return profile(rows)
        features = {name: x for name, x in rows.items() if name not in ("p", "late")}
        return Reference.fit(features, scores=rows["p"], labels=rows["late"], like=before)

    assert compare(before, of(table(1)), score="p").verdict == "no drift"
    moved = table(1, shift=0.2)
    found, exact = compare(before, of(moved), score="p"), compare(before, moved, score="p")
    assert [c.column for c in found.drifted] == ["moved"]
    assert found.rows == (3000, 3000)
    here, there = (next(c for c in one.columns if c.column == "moved") for one in (found, exact))
    assert here.shift == pytest.approx(there.shift)
    assert here.statistic == pytest.approx(there.statistic, abs=0.01)
    assert found.performance[1].auc == pytest.approx(0.74, abs=0.03)


def test_levels_of_two_profiles_are_those_that_both_name():
    many = {"c": [f"l{i}" for i in range(400)] * 5}
    assert compare(Reference.fit(many), Reference.fit(many)).verdict == "no drift"
    fresh = {"c": ["fresh"] * 2000}
    assert compare(Reference.fit(many), Reference.fit(fresh)).verdict == "drift"
    few = Reference.fit({"c": ["a", "b"] * 1000})
    found = compare(few, Reference.fit({"c": ["a", "b", "n", "b"] * 500}))
    assert found.columns[0].new == ["n"]


def test_a_table_is_no_reference_for_a_profile():
    with pytest.raises(InvalidInputError) as caught:
        compare({"x": [1.0, 2.0]}, Reference.fit({"x": [1.0, 2.0]}))
    assert str(caught.value).startswith("a profile is compared with a profile only.")


def test_scores_of_several_classes_are_refused_rather_than_called_drift():
    r = np.random.default_rng(0)
    shares = r.dirichlet([1, 1, 1], 300)
    reference = Reference.fit({"x": r.normal(size=300)}, scores=shares, task="multiclass")
    current = {"x": r.normal(size=300), "p0": shares[:, 0], "p1": shares[:, 1]}
    with pytest.raises(InvalidInputError, match="leave --score out"):
        compare(reference, current, score="p0,p1")
    assert compare(reference, {"x": current["x"]}).verdict == "no drift"
