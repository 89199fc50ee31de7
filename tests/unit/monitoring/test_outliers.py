"""Single rows that are unlike the reference: alarms at the rate asked for, for a stated reason."""

import numpy as np
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.outliers import Outliers
from dovetail.monitoring.outliers.mahalanobis import Mahalanobis

METHODS = ["mahalanobis", "forest", "neighbours"]


def table(seed, rows):
    """Correlated and skewed numbers, gaps in one column, fifteen levels."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(rows, 5))
    x[:, 1] = 0.95 * x[:, 0] + 0.3 * x[:, 1]
    x[:, 2] = np.exp(x[:, 2])
    x[r.random(rows) < 0.03, 3] = np.nan
    columns = {f"x{j}": x[:, j] for j in range(5)}
    return {**columns, "level": r.choice(list("abcdefghijklmno"), rows).tolist()}


@pytest.mark.parametrize("method", METHODS)
def test_the_share_of_alarms_on_unchanged_rows_is_the_rate_asked_for(method):
    shares = []
    for seed in range(5):
        outliers = Outliers(table(seed, 6000), method=method, alarm_rate=0.02, seed=seed)
        shares.append(outliers.update(table(100 + seed, 3000)).flags.mean())
    assert np.mean(shares) == pytest.approx(0.02, abs=0.005)


def test_levels_that_are_new_on_every_row_do_not_exceed_the_rate():
    def ids(seed, rows):
        r = np.random.default_rng(seed)
        return {
            "id": [f"{v:.9f}" for v in r.random(rows)],
            "zip": r.integers(0, 2000, rows).astype(str).tolist(),
            "x": r.normal(size=rows),
        }

    shares = [
        Outliers(ids(seed, 4000), alarm_rate=0.02, seed=seed).update(ids(90 + seed, 3000))
        for seed in range(5)
    ]
    assert np.mean([one.flags.mean() for one in shares]) == pytest.approx(0.02, abs=0.006)


@pytest.mark.parametrize("method", METHODS)
def test_what_the_reference_never_had_alarms_and_is_named(method):
    outliers = Outliers(table(0, 6000), method=method, alarm_rate=0.01)
    rows = table(1, 3)
    rows["level"][0] = "brand new"
    rows["x4"][1] = np.nan
    rows["x3"][2] = np.nan  # here gaps are usual
    rows["x2"][2] = 1.0
    found = outliers.update(rows)
    assert found.flags.tolist() == [True, True, False]
    assert {i: names[0] for i, names in found.why.items()} == {0: "level", 1: "x4"}


def test_a_row_that_breaks_a_correlation_is_found_though_each_value_is_ordinary():
    outliers = Outliers(table(0, 6000), alarm_rate=0.005)
    rows = table(1, 2)
    rows["x0"][:], rows["x1"][:] = [1.6, 1.6], [1.5, -1.6]
    found = outliers.update(rows)
    assert found.flags.tolist() == [False, True]
    assert set(found.why[1]) == {"x0", "x1"}


def test_one_row_at_a_time_says_the_same_as_all_at_once():
    outliers = Outliers(table(0, 4000), method="neighbours")
    rows = table(1, 50)
    whole = outliers.update(rows)
    each = [outliers.update({n: v[i : i + 1] for n, v in rows.items()}) for i in range(50)]
    assert np.concatenate([one.p for one in each]).tolist() == whole.p.tolist()


def test_columns_may_be_absent_added_or_hold_nonsense():
    outliers = Outliers(table(0, 4000))
    found = outliers.update({"x0": ["a", 0.1], "x1": [0.1, 0.1], "more": [1, 2]})
    assert found.flags.tolist() == [True, True]
    assert "x0" in outliers.update(table(1, 1) | {"x0": ["nonsense"]}).why[0]


def test_running_moments_are_those_of_all_rows():
    rows = np.random.default_rng(0).normal(size=(900, 4)) * [1, 2, 3, 4] + 5
    parts, whole = Mahalanobis(rows[:300]), Mahalanobis(rows)
    parts.merge(rows[300:310])
    parts.merge(rows[310:])
    assert parts.count == 900
    assert parts.score(rows) == pytest.approx(whole.score(rows))


def test_an_adapting_detector_learns_a_new_place_and_keeps_its_rate():
    def moved(seed):
        return {"x": np.random.default_rng(seed).normal(3, 1, 2000)}

    still = Outliers({"x": np.random.default_rng(0).normal(size=4000)}, alarm_rate=0.01)
    adapting = Outliers(
        {"x": np.random.default_rng(0).normal(size=4000)}, alarm_rate=0.01, adapt=True
    )
    for seed in range(1, 11):
        fixed, learnt = (one.update(moved(seed)).flags.mean() for one in (still, adapting))
    assert fixed > 0.5
    assert learnt < 0.02


def test_a_score_unlike_that_of_similar_rows_alarms():
    r = np.random.default_rng(0)

    def rows(count):
        x = r.normal(size=(count, 2))
        return {"a": x[:, 0], "b": x[:, 1]}, 1 / (1 + np.exp(-2 * x[:, 0]))

    reference, outputs = rows(4000)
    outliers = Outliers(reference, method="disagreement", outputs=outputs, alarm_rate=0.01)
    now, said = rows(2000)
    assert outliers.update(now, said).flags.mean() == pytest.approx(0.01, abs=0.008)
    said[:20] = 1 - np.where(np.abs(said[:20] - 0.5) < 0.2, 0.95, said[:20])
    assert outliers.update(now, said).flags[:20].mean() > 0.8
    with pytest.raises(InvalidInputError, match="outputs go with the method 'disagreement'"):
        outliers.update(now)
    with pytest.raises(InvalidInputError, match="there are 2 outputs for 2000 rows"):
        outliers.update(now, [0.1, 0.2])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "magic"}, "there is no method 'magic'. choose from mahalanobis, forest"),
        ({"alarm_rate": 0}, "an alarm rate of 0 is not between 0 and 1"),
        ({"method": "forest", "adapt": True}, "'forest' cannot adapt"),
        ({"method": "disagreement"}, "outputs go with the method 'disagreement'"),
        ({"alarm_rate": 0.001}, "a reference of 500 rows cannot hold a rate of 0.001"),
    ],
)
def test_what_cannot_be_kept_is_refused(wrong, message):
    with pytest.raises((InvalidInputError, ReferenceInvalidError)) as caught:
        Outliers(table(0, 500), **wrong)
    assert str(caught.value).startswith(message)
