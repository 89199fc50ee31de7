"""The classical tests: equal to the golden values, right in level, and plain in what they say."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.classical import (
    TESTS,
    ClassicalTests,
    corrections,
    counts,
    joint,
    ranks,
    tails,
)
from dovetail.monitoring.classical.fitted import ALL
from dovetail.monitoring.classical.samples import KEPT, Coded, numbers, sample
from dovetail.monitoring.errors import ReferenceInvalidError

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())


@pytest.fixture(scope="module")
def tables():
    """Reference and current of the golden values, as `how` in them says."""
    data = pytest.importorskip("sklearn.datasets").load_breast_cancer().data
    order = np.random.RandomState(0).permutation(len(data))
    reference, current = data[order[:300], :10], data[order[300:], :10].copy()
    current[:, 0] += 0.3 * reference[:, 0].std()
    middle = current[:, 1].mean()
    current[:, 1] = middle + 1.2 * (current[:, 1] - middle)
    return reference, current


def computed(x, y):
    """All statistics of one column, under the golden names."""
    before, now = numbers(x), numbers(y)
    a, b = before.values, now.values
    n, m = len(a), len(b)
    found = {"ks": ranks.kolmogorov_smirnov(a, b)}
    found["ks_p_asymp"] = tails.kolmogorov_asymptotic(found["ks"], n, m)
    found["ks_p_exact"] = tails.kolmogorov_exact(found["ks"], n, m)
    found["cvm"], found["cvm_p"] = ranks.cramer_von_mises(a, b)
    found["wasserstein"] = ranks.wasserstein(a, b)
    found["wasserstein_norm"] = found["wasserstein"] / before.deviation
    found["energy"] = ranks.energy(a, b)
    found["t_welch"] = ranks.welch(a, b)[0]
    found["mannwhitney_u"] = ranks.mann_whitney(a, b)[0]
    found["anderson_ksamp"] = ranks.anderson_darling(a, b)[0]
    deciles, quintiles = before.cuts(10), before.cuts(5)
    p, q = before.between(deciles), now.between(deciles)
    found["psi"], found["js"] = counts.psi(p, q), counts.jensen_shannon(p, q)
    found["js_base2"] = found["js"] / math.sqrt(math.log(2))
    found["hellinger"] = counts.hellinger(p, q)
    found["decile_counts_cur"] = q.tolist()
    p, q = before.between(quintiles), now.between(quintiles)
    found["chi2"], found["chi2_p"] = counts.chi_squared(p, q)
    found["g"], found["g_p"] = counts.likelihood_ratio(p, q)
    found["tvd"] = counts.total_variation(p, q)
    found["quintile_counts_ref"], found["quintile_counts_cur"] = p.tolist(), q.tolist()
    return found


@pytest.mark.parametrize("column", range(10))
def test_every_golden_statistic_of_a_column_is_met_to_all_digits(tables, column):
    reference, current = tables
    found, golden = computed(reference[:, column], current[:, column]), GOLDEN["columns"][column]
    assert found.keys() == golden.keys()
    for name, value in golden.items():
        # SciPy ends the series of this p-value at terms below 1e-7; ours goes on.
        exact = {"abs": 1e-10} if name == "cvm_p" else {"rel": 1e-11}
        assert found[name] == pytest.approx(value, **exact), name


def test_the_golden_joint_statistics_are_met_to_all_digits(tables):
    reference, _ = tables
    centre, scale = reference.mean(axis=0), reference.std(axis=0)
    x, y = ((rows - centre) / scale for rows in tables)
    found, golden = joint.mmd(x, y, permutations=0), GOLDEN["mmd"]
    assert found.unbiased == pytest.approx(golden["mmd2_unbiased"], rel=1e-10)
    assert found.biased == pytest.approx(golden["mmd2_biased"], rel=1e-10)
    assert found.width == pytest.approx(golden["sigma_median"], rel=1e-12)
    rebuilt, golden = joint.reconstruction(x, y), GOLDEN["pca"]
    assert rebuilt.components == golden["components_for_65pct"]
    assert rebuilt.reference == pytest.approx(golden["reconstruction_error_ref"], rel=1e-12)
    assert rebuilt.current == pytest.approx(golden["reconstruction_error_cur"], rel=1e-12)


@pytest.mark.parametrize("sizes", [(30, 40), (200, 200), (300, 269), (500, 5000), (90_000, 90_000)])
@pytest.mark.parametrize("distance", [0.004, 0.02, 0.05, 0.1, 0.2, 0.3, 0.6])
def test_the_asymptotic_p_value_of_ks_agrees_with_scipy_in_every_region(sizes, distance):
    n, m = sizes
    expected = pytest.importorskip("scipy.stats").kstwo.sf(distance, round(n * m / (n + m)))
    loose = 2e-4 if n > 20_000 else 1e-10
    assert tails.kolmogorov_asymptotic(distance, n, m) == pytest.approx(
        expected, rel=loose, abs=1e-13
    )


def test_ties_and_tails_agree_with_scipy():
    st = pytest.importorskip("scipy.stats")
    r = np.random.default_rng(3)
    a, b = np.sort(r.poisson(5, 300) * 1.0), np.sort(r.poisson(5.3, 200) * 1.0)
    assert ranks.kolmogorov_smirnov(a, b) == pytest.approx(st.ks_2samp(a, b).statistic)
    assert ranks.mann_whitney(a, b) == pytest.approx(
        st.mannwhitneyu(a, b, method="asymptotic"), rel=1e-10
    )
    assert ranks.welch(a, b) == pytest.approx(st.ttest_ind(a, b, equal_var=False)[:2], rel=1e-10)
    assert ranks.energy(a, b) == pytest.approx(st.energy_distance(a, b))
    assert ranks.wasserstein(a, b) == pytest.approx(st.wasserstein_distance(a, b))
    x, y = r.normal(size=130), r.normal(0.2, 1, 150)
    exact = st.ks_2samp(x, y, method="exact")
    assert tails.kolmogorov_exact(exact.statistic, 130, 150) == pytest.approx(exact.pvalue)


def table(seed, rows=400, shift=0.0, new=0.0):
    r = np.random.default_rng(seed)
    level = r.choice(["a", "b", "c", "d"], rows, p=[0.6, 0.3, 0.09, 0.01])
    level = np.where(r.random(rows) < new, "brand new", level)
    return {"x": r.normal(shift, 1, rows), "y": r.poisson(3, rows), "level": level.tolist()}


@pytest.mark.parametrize("correction", ["holm", "bonferroni", "benjamini-hochberg"])
def test_a_test_errs_as_often_as_it_says_over_all_columns(correction):
    false = 0
    for seed in range(200):
        tests = ClassicalTests(table(seed), correction=correction)
        false += any(
            one.test == "ks" and one.drift for one in tests.compare(table(1000 + seed)).results
        )
    assert false <= 20


@pytest.mark.parametrize("test", ["mmd", "classifier", "pca"])
def test_the_joint_tests_keep_their_level(test):
    found = [
        ClassicalTests(table(seed, 200), tests=[test], seed=seed).compare(table(500 + seed, 200))
        for seed in range(60)
    ]
    assert sum(one.results[0].drift for one in found) <= 9


@pytest.mark.parametrize("test", ["mmd", "classifier", "pca"])
def test_the_joint_tests_keep_their_level_where_nearly_every_level_is_new(test):
    def ids(seed):
        r = np.random.default_rng(seed)
        return {
            "id": [f"{v:.9f}" for v in r.random(400)],
            "zip": r.integers(0, 300, 400).astype(str).tolist(),
            "x": r.normal(size=400),
        }

    found = [
        ClassicalTests(ids(seed), tests=[test], seed=seed).compare(ids(500 + seed))
        for seed in range(60)
    ]
    assert sum(one.results[0].drift for one in found) <= 9


def test_what_changed_is_named_first_and_distances_come_last():
    tests = ClassicalTests(table(0), tests=["ks", "chi2", "psi", "wasserstein", "mmd"])
    found = tests.compare(table(1, shift=0.5))
    assert (found.results[0].column, found.results[0].test) == ("x", "ks")
    assert found.drifted[:1] == ["x"]
    assert [one.p is None for one in found.results] == [False] * 4 + [True] * 5
    assert {one.column for one in found.results if one.test == "mmd"} == {ALL}
    assert tests.compare(table(1, new=0.1)).drifted[0] == "level"


def test_a_change_of_correlation_alone_is_found_by_the_classifier_only():
    r = np.random.default_rng(0)
    x, y = r.normal(size=(2, 2000, 2))
    y[:, 1] = 0.3 * y[:, 0] + math.sqrt(1 - 0.09) * y[:, 1]
    before, now = ({"a": z[:, 0], "b": z[:, 1]} for z in (x, y))
    found = ClassicalTests(before, tests=["ks", "classifier"]).compare(now)
    assert next((one.test, one.drift) for one in found.results) == ("classifier", True)
    assert found.drifted == [ALL]


def test_columns_that_are_absent_changed_or_without_values_are_told_apart():
    reference = table(0) | {"gone": [1.0] * 400, "empty": [None] * 400}
    now = table(1) | {"x": ["text"] * 400, "empty": ["filled"] * 400, "fresh": [1] * 400}
    found = ClassicalTests(reference, tests=["ks", "chi2", "mmd"]).compare(now)
    assert (found.absent, found.changed) == (["gone"], ["x"])
    assert {one.column for one in found.results} == {"y", "level", ALL}


def test_a_level_absent_on_both_sides_or_rare_ones_break_nothing():
    before = {"k": ["a"] * 50 + ["b"] * 48 + ["c", "d"]}
    now = {"k": ["a"] * 52 + ["b"] * 47 + ["e"]}
    (found,) = ClassicalTests(before, tests=["chi2"]).compare(now).results
    assert found.p == pytest.approx(counts.chi_squared(*np.array([[50.0, 48, 2], [52, 47, 1]]))[1])
    (same,) = ClassicalTests({"k": ["a"] * 9}, tests=["chi2"]).compare({"k": ["a"] * 7}).results
    assert (same.statistic, same.p) == (0.0, 1.0)


def test_frames_and_codes_are_the_same_columns():
    pandas = pytest.importorskip("pandas")
    before, now = table(0), table(1, shift=0.3)
    tests = ClassicalTests(pandas.DataFrame(before))
    levels = ["a", "b", "c", "d"]
    coded = Coded(np.array([levels.index(v) for v in now["level"]]), levels)
    expected = ClassicalTests(before).compare(now)
    assert tests.compare(pandas.DataFrame(now)) == expected
    assert tests.compare(now | {"level": coded}) == expected


def test_a_large_reference_is_thinned_and_says_nearly_the_same():
    r = np.random.default_rng(0)
    x, y = r.normal(size=500_000), r.normal(0.01, 1, 100_000)
    tests = ClassicalTests({"x": x}, tests=["ks", "psi", "wasserstein"])
    kept = tests.column("x").sample.values
    assert len(kept) == KEPT
    found = {one.test: one for one in tests.compare({"x": y}).results}
    exact = ranks.kolmogorov_smirnov(np.sort(x), np.sort(y))
    assert found["ks"].statistic == pytest.approx(exact, abs=1 / KEPT)
    assert found["ks"].p == tails.kolmogorov_asymptotic(found["ks"].statistic, 500_000, 100_000)
    assert found["psi"].statistic == pytest.approx(
        counts.psi(*(sample(v).between(sample(x).cuts(10)) for v in (x, y)))
    )
    assert found["wasserstein"].statistic == pytest.approx(
        ranks.wasserstein(np.sort(x), np.sort(y)) / x.std(), abs=1e-4
    )


ODD = {
    "one": [1.0],
    "two": [1.0, 2.0],
    "same": [3.0] * 40,
    "huge": [1e300, -1e300, np.inf] * 20,
    "tiny": [1e-320] * 30,
    "nothing": [None] * 9,
    "texts": ["", "a", None] * 5,
    "mixed": [1, "a", None, 2.5],
}


@pytest.mark.parametrize("now", ODD)
@pytest.mark.parametrize("before", ODD)
def test_no_pair_of_odd_columns_breaks_a_test_or_warns(before, now):
    tests = ClassicalTests({"c": ODD[before]}, tests=list(TESTS))
    for one in tests.compare({"c": ODD[now]}).results:
        assert one.p is None or 0 <= one.p <= 1


def test_corrections_are_the_textbook_ones():
    p = np.array([0.01, 0.04, 0.03, 0.5])
    assert corrections.bonferroni(p) == pytest.approx([0.04, 0.16, 0.12, 1.0])
    assert corrections.benjamini_hochberg(p) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert corrections.CORRECTIONS["holm"](p) == pytest.approx([0.04, 0.09, 0.09, 0.5])


def test_wrong_names_and_empty_tables_say_what_to_do():
    with pytest.raises(InvalidInputError, match=r"no test 'kss'.*choose from ks, cvm"):
        ClassicalTests({"x": [1.0]}, tests=["kss"])
    with pytest.raises(InvalidInputError, match=r"no correction 'sidak'.*choose from holm"):
        ClassicalTests({"x": [1.0]}, correction="sidak")
    with pytest.raises(ReferenceInvalidError, match="no rows"):
        ClassicalTests({"x": []})
    with pytest.raises(InvalidInputError, match="no column of the reference is there"):
        ClassicalTests({"x": [1.0]}).compare({"y": [1.0]})
    with pytest.raises(InvalidInputError, match="no rows to compare"):
        ClassicalTests({"x": [1.0]}).compare({"x": []})
