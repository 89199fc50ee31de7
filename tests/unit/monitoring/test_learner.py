"""The classifier: what it sees that no pair shows, and that it costs no false alarms."""

from datetime import date, timedelta

import numpy as np
import pytest

from dovetail.monitoring import Monitor, Reference
from dovetail.monitoring.columns import Roles
from dovetail.monitoring.drift import watch_inputs
from dovetail.monitoring.learner import WINDOWS, Learner
from dovetail.monitoring.products import Means, Products
from dovetail.monitoring.sketch import Learnt, halves

MONDAY = date(2013, 4, 1)


def named(x):
    return {f"c{j}": x[:, j] for j in range(x.shape[1])}


def parity(r, rows, changed):
    """The sign of the third is that of the product of two others; every pair is independent."""
    x = r.standard_normal((rows, 10))
    if changed:
        agrees = np.where(r.random(rows) < 0.8, 1, -1)
        x[:, 2] = np.abs(x[:, 2]) * np.sign(x[:, 0] * x[:, 1]) * agrees
    return named(x)


def exclusive(r, rows, changed):
    """A category that is the exclusive or of two others on half of the rows."""
    a, b, c = (r.integers(0, 2, rows) for _ in range(3))
    if changed:
        c = np.where(r.random(rows) < 0.5, a ^ b, c)
    levels = {name: v.astype(str).astype(object) for name, v in zip("abc", (a, b, c), strict=True)}
    return named(r.standard_normal((rows, 5))) | levels


def rotated(r, rows, changed):
    """Four directions of a hundred columns spread more than others; they become four others."""
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((100, 8)))[0]
    sides = basis[:, 4:] if changed else basis[:, :4]
    common = r.standard_normal((rows, 4)) * np.sqrt(2)
    return named(r.standard_normal((rows, 100)) + common @ sides.T)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(parity, {"c0", "c1", "c2"}), (exclusive, {"a", "b", "c"}), (rotated, set())],
    ids=["parity", "exclusive-or", "rotated"],
)
def test_a_change_that_no_pair_shows_is_found_in_days_and_names_its_columns(rows, columns):
    r = np.random.default_rng(0)
    monitor = Monitor(Reference.fit(rows(r, 4000, False)))
    for number in range(4):
        assert not monitor.update(rows(r, 1000, False), day=MONDAY + timedelta(number)).alarm
    for number in range(4, 8):
        found = monitor.update(rows(r, 1000, True), day=MONDAY + timedelta(number))
    assert found.alarm
    first = found.drift.columns[0]
    assert first.column.startswith("(columns together) ")
    assert first.change == "relation"
    assert abs((first.since - date(2013, 4, 5)).days) <= 1
    assert columns <= set(first.column.removeprefix("(columns together) ").split(", "))


def test_without_rows_kept_there_is_no_classifier():
    r = np.random.default_rng(0)
    kept, not_kept = (Reference.fit(parity(r, 500, False), keep_rows=k) for k in (True, False))
    assert watch_inputs(kept).learner is not None
    assert watch_inputs(not_kept).learner is None
    assert not_kept.sketch is None
    assert len(not_kept.pack()) < len(kept.pack())


@pytest.mark.parametrize("learner", [True, False], ids=["with", "without"])
def test_the_shares_of_the_budget_add_up_to_all_of_it(learner):
    reference = Reference.fit(parity(np.random.default_rng(0), 500, False), keep_rows=learner)
    classifier = 0.2 if learner else 0.0
    assert watch_inputs(reference).weights.sum() + classifier == pytest.approx(1)


def test_scores_of_a_year_share_the_classifiers_budget():
    starts = {window.every: window.starts for window in WINDOWS}
    assert starts == {1: 365, 3: 122, 8: 46}


def test_rows_held_out_shape_and_teach_nothing():
    """Another value in a row held out changes neither the features nor what is learnt."""
    r = np.random.default_rng(0)
    rows = parity(r, 400, False)
    first = Reference.fit(rows).sketch
    held = np.frombuffer(first.held, np.uint8).reshape(-1, 10)
    assert len(held) == 200
    changed = {name: values.copy() for name, values in rows.items()}
    learnt, _ = halves(Roles.draw(400), 10)
    others = np.setdiff1d(np.arange(400), learnt)
    for values in changed.values():
        values[others] = 7.0
    second = Reference.fit(changed).sketch
    assert second.learnt == first.learnt
    assert second.held != first.held


def test_a_quiet_classifier_seldom_wins_with_a_small_reference_and_large_days():
    """Its whole budget its own, in 30 runs of 20 days: at 1/20 a false alarm is a broken proof."""
    alarms = 0
    for run in range(30):
        r = np.random.default_rng([3, run])
        learner = watch_inputs(Reference.fit(named(r.standard_normal((60, 4))))).learner
        strongest = -np.inf
        for number in range(20):
            codes = learner.learnt.coder.codes(named(r.standard_normal((600, 4))), 600)
            day = str(MONDAY + timedelta(number))
            found = learner.step(day, codes, 0, number, 100 * run + number)
            strongest = max(strongest, found.log_e)
        alarms += strongest > np.log(20)
    assert alarms <= 2


def test_a_learner_goes_on_where_it_was_packed():
    r = np.random.default_rng(4)
    reference = Reference.fit(parity(r, 800, False))
    days = [parity(r, 300, number > 3) for number in range(7)]
    straight, packed = (_learner(reference) for _ in range(2))
    for number, rows in enumerate(days):
        codes = straight.learnt.coder.codes(rows, 300)
        expected = straight.step(f"2013-04-0{number + 1}", codes, 0, number, number)
        again = _learner(reference)
        if number:
            again.unpack(packed.pack())
        packed = again
        assert packed.step(f"2013-04-0{number + 1}", codes[::-1], 0, number, number) == expected


def _learner(reference) -> Learner:
    return Learner(Learnt(reference.sketch, reference.columns))


def test_products_are_singles_pairs_and_triples_of_narrow_tables():
    x = np.random.default_rng(5).standard_normal((50, 4)).astype(np.float32)
    products = Products(x)
    assert products.count == 4 + 10 + 4
    for number in range(products.count):
        several = x[:, list(products.product(number))]
        assert products.means[number] == pytest.approx(several.prod(axis=1).mean(), abs=1e-5)


def test_the_sparse_score_takes_what_moved():
    r = np.random.default_rng(6)
    x = r.standard_normal((1000, 6)).astype(np.float32)
    products = Products(x)
    now = r.standard_normal((1000, 6)).astype(np.float32)
    now[:, 4] = 0.7 * now[:, 1] + np.sqrt(0.51) * now[:, 4]
    score = products.sparse(Means(products.measure(now) - products.means, 1000))
    assert score.products[0] == (1, 4)
    assert score(now).mean() > score(x).mean() + 0.2


def test_the_dense_score_takes_a_shift_spread_over_all_columns():
    r = np.random.default_rng(7)
    x = r.standard_normal((1000, 60)).astype(np.float32)
    products = Products(x)
    now = (r.standard_normal((1000, 60)) + 0.15).astype(np.float32)
    score = products.dense(Means(products.measure(now) - products.means, 1000))
    fresh = (r.standard_normal((1000, 60)) + 0.15).astype(np.float32)
    unchanged = r.standard_normal((1000, 60)).astype(np.float32)
    assert score(fresh).mean() > score(unchanged).mean() + 0.5 * score(unchanged).std()


def test_weekends_are_no_change_to_the_classifier_of_a_seasonal_reference():
    r = np.random.default_rng(8)

    def rows(day, count):
        x = r.standard_normal((count, 4))
        return named(x + 2.0 * (day.weekday() >= 5))

    days = [MONDAY + timedelta(i) for i in range(56)]
    past = [rows(day, 200) for day in days[:28]]
    table = {name: np.concatenate([one[name] for one in past]) for name in past[0]}
    when = [day for day in days[:28] for _ in range(200)]
    monitor = Monitor(Reference.fit(table, season="weekend", days=when))
    assert not any(monitor.update(rows(day, 200), day=day).alarm for day in days[28:])
