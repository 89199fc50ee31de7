import math

import numpy as np
import pytest

from dovetail.monitoring.columns import profile


def test_a_numeric_profile_knows_below_above_and_missing():
    column = profile("x", [1.0, 2.0, 3.0, None])
    bins = column.bins(np.array([1.0, 2.0, 3.0, math.nan, 0.5, 4.0, math.inf, -math.inf]))
    last = len(column.counts) - 1
    assert bins.tolist()[3] == last
    assert bins.tolist()[4] == bins.tolist()[7] == 0
    assert bins.tolist()[5] == bins.tolist()[6] == last - 1
    assert column.counts[0] == column.counts[last - 1] == 0
    assert (column.rows, column.counts[last], column.mean) == (4, 1, 2.0)


def test_a_category_profile_knows_new_levels_and_missing():
    column = profile("c", ["a", "b", "a", None])
    assert (column.levels, column.counts) == (["a", "b"], [2, 1, 0, 1])
    assert column.bins(["b", "z", None]).tolist() == [1, 2, 3]
    said = column.describe(np.array([0, 0, 3, 1]))
    assert (said["unseen"], said["missing"]) == (0.75, 0.25)
    assert said["psi"] > 1


@pytest.mark.parametrize(
    "values",
    [[7.0, 7.0], [None, None], [True, False], list(range(1000)), ["a"] * 3, [math.inf, 1.0]],
    ids=["constant", "all-missing", "booleans", "many", "one-level", "infinite"],
)
def test_unchanged_values_have_no_psi(values):
    column = profile("x", values)
    assert column.describe(np.array(column.counts))["psi"] == 0
    assert sum(column.counts) == len(values)


def test_a_profile_stays_small_whatever_the_rows():
    many = profile("x", np.random.default_rng(0).standard_normal(100_000))
    texts = profile("t", [f"level {i % 5000}" for i in range(20_000)])
    assert len(many.counts) <= 100
    assert len(texts.counts) == 258


def test_kinds_cross_over_without_failing():
    numbers, texts = profile("x", [1.0, 2.0]), profile("c", ["1", "2", "x"])
    assert numbers.bins(["1", "nonsense", None]).tolist()[1:] == [len(numbers.counts) - 1] * 2
    assert texts.bins(np.array([1.0, math.nan, 9.0])).tolist() == [0, 4, 3]
