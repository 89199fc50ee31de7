"""Realised figures are scikit-learn's, and their intervals hold."""

import numpy as np
import pytest
from sklearn import metrics

from dovetail.monitoring.quality.arrival import arrival
from dovetail.monitoring.quality.business import business
from dovetail.monitoring.quality.intervals import mean, share
from dovetail.monitoring.quality.realised import realised
from dovetail.monitoring.quality.reliability import reliability
from dovetail.monitoring.quality.rows import Rows
from dovetail.monitoring.quality.segments import segments

CLASSES = ["early", "on time", "late"]


def figures(rows, **more):
    return {m.name: m for m in realised(rows, **more)}


def binary(r, n):
    z = r.normal(size=n)
    p = 1 / (1 + np.exp(-1.5 * z))
    return p, (r.random(n) < p).astype(float)


def multiclass(r, n):
    p = r.dirichlet([2, 1, 1], n)
    y = (r.random((n, 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
    return p, y


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_binary_figures_are_those_of_scikit_learn(seed, threshold):
    p, y = binary(np.random.default_rng(seed), 400)
    p = p.round(2).clip(0.01, 0.99)
    said = (p >= threshold).astype(int)
    found = figures(Rows.read(p, y), threshold=threshold)
    expected = {
        "auc": metrics.roc_auc_score(y, p),
        "log_loss": metrics.log_loss(y, p),
        "brier": metrics.brier_score_loss(y, p),
        "accuracy": metrics.accuracy_score(y, said),
        "precision": metrics.precision_score(y, said),
        "recall": metrics.recall_score(y, said),
        "f1": metrics.f1_score(y, said),
        "positives": y.mean(),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert found[name].low < value < found[name].high, name


@pytest.mark.parametrize("seed", range(3))
def test_multiclass_figures_are_those_of_scikit_learn(seed):
    p, y = multiclass(np.random.default_rng(seed), 400)
    said = p.argmax(axis=1)
    found = figures(Rows.read(p, [CLASSES[k] for k in y], task="multiclass", classes=CLASSES))
    square = ((p - np.eye(3)[y]) ** 2).sum(axis=1).mean()
    expected = {
        "auc": metrics.roc_auc_score(y, p, multi_class="ovr", average="macro"),
        "log_loss": metrics.log_loss(y, p),
        "brier": square,
        "accuracy": metrics.accuracy_score(y, said),
        "f1": metrics.f1_score(y, said, average="macro"),
        "precision of late": metrics.precision_score(y, said, average=None)[2],
        "recall of on time": metrics.recall_score(y, said, average=None)[1],
        "f1 of early": metrics.f1_score(y, said, average=None)[0],
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert found[name].low < value < found[name].high, name


@pytest.mark.parametrize("seed", range(3))
def test_regression_figures_are_those_of_scikit_learn(seed):
    r = np.random.default_rng(seed)
    y = r.normal(size=300)
    said = y + r.standard_t(5, 300) * 0.5
    found = figures(Rows.read(said, y, task="regression"))
    expected = {
        "rmse": metrics.root_mean_squared_error(y, said),
        "mae": metrics.mean_absolute_error(y, said),
        "r2": metrics.r2_score(y, said),
        "bias": (said - y).mean(),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert found[name].low < value < found[name].high, name


def test_exact_shares_are_those_of_scipy():
    from scipy.stats import binomtest

    for hits, total in [(0, 5), (5, 5), (1, 40), (317, 1000), (20_000, 60_000)]:
        ours = share("share", hits, total)
        theirs = binomtest(hits, total).proportion_ci(0.95, "exact")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def covered(draw, truth, repetitions=200):
    held = {}
    for seed in range(repetitions):
        found = figures(draw(np.random.default_rng(seed)))
        for name, value in truth.items():
            one = found[name]
            held.setdefault(name, []).append(one.low <= value <= one.high)
    return {name: np.mean(h) for name, h in held.items()}


TASKS = {
    "binary": lambda r, n: Rows.read(*binary(r, n)),
    "multiclass": lambda r, n: Rows.read(*multiclass(r, n), task="multiclass"),
    "regression": lambda r, n: Rows.read(
        *(lambda x: (x, x + r.standard_t(8, n) * (1 + np.abs(x) / 2)))(r.normal(size=n)),
        task="regression",
    ),
}


@pytest.mark.parametrize("task", TASKS)
def test_intervals_hold_in_95_of_100_cases(task):
    draw = TASKS[task]
    large = figures(draw(np.random.default_rng(1), 400_000))
    truth = {n: m.value for n, m in large.items() if n != "calibration_error"}
    shares = covered(lambda r: draw(r, 200), truth)
    assert min(shares.values()) > 0.9, shares  # 200 repetitions
    assert np.mean(list(shares.values())) > 0.935, shares


@pytest.mark.parametrize("wrong", [0.0, 0.1])
def test_the_calibration_error_holds_a_right_and_a_wrong_model(wrong):
    held = []
    for seed in range(200):
        r = np.random.default_rng(seed)
        p, y = binary(r, 500)
        moved = (p + wrong).clip(0, 1)
        found = figures(Rows.read(moved, y))["calibration_error"]
        truth = np.abs(moved - p).mean()
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) > 0.94
    assert (found.low > 0) == (wrong > 0)


def test_a_reliability_curve_is_about_the_rows_of_its_bins():
    p, y = binary(np.random.default_rng(0), 1000)
    points = reliability(p, y)
    assert sum(point.rows for point in points) == 1000
    assert [point.score for point in points] == sorted(point.score for point in points)
    assert all(point.low <= point.share <= point.high for point in points)
    assert sum(point.rows * point.share for point in points) == pytest.approx(y.sum())


def test_what_rows_do_not_define_is_none_and_not_a_guess():
    found = figures(Rows.read([0.2, 0.3], [0, 0]))
    assert found["auc"].value is None
    assert found["precision"].value is None
    assert found["accuracy"].value == 1.0
    assert realised(Rows.read([0.2, 0.3])) == []


def test_partial_arrival_is_said():
    r = np.random.default_rng(0)
    p, y = binary(r, 4000)
    late = r.random(4000) < np.where(p > 0.5, 0.9, 0.2)  # clear cases are waited for
    whole = arrival(Rows.read(p, y))
    found = arrival(Rows.read(p, np.where(late, np.nan, y)))
    assert (whole.share, whole.note, whole.uneven) == (1.0, "", None)
    assert found.labelled == int((~late).sum())
    assert found.uneven < 1e-6
    assert "not alike at all scores" in found.note
    assert found.weighted.low < whole.weighted.value < found.weighted.high
    low, high = found.accuracy_at_worst
    assert low < figures(Rows.read(p, y))["accuracy"].value < high


def test_labels_that_arrive_alike_are_not_called_uneven():
    r = np.random.default_rng(1)
    p, y = binary(r, 4000)
    found = arrival(Rows.read(p, np.where(r.random(4000) < 0.5, np.nan, y)))
    assert "alike at all scores as far" in found.note


@pytest.mark.parametrize("values", [["a", "b", None, "a"], [1.0, 2.0, np.nan, 2.0]], ids=str)
def test_every_row_is_in_one_segment(values):
    masks = segments(values if isinstance(values[0], str) else np.array(values))
    assert (np.sum(list(masks.values()), axis=0) == 1).all()
    assert masks["(missing)"].tolist() == [False, False, True, False]


def test_many_values_are_cut_into_quartiles():
    masks = segments(np.arange(100.0))
    assert [int(m.sum()) for m in masks.values()] == [25, 25, 25, 25]


def test_business_figures_of_rows_and_of_the_whole():
    p, y = binary(np.random.default_rng(0), 300)
    rows = Rows.read(p, y)
    each, whole = business(
        {
            "cost": lambda p, y: (p > 0.5) * 2.0 - y,
            "total": lambda p, y: ((p > 0.5) * 2 - y).mean(),
        },
        rows,
    )
    assert each.value == pytest.approx(whole.value)
    assert (each.interval, whole.interval) == ("mean", "bootstrap")
    assert abs(each.low - whole.low) < 0.05


def test_a_business_figure_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="'cost' returned shape"):
        business({"cost": lambda p, y: p[:1]}, Rows.read([0.1, 0.2, 0.3], [0, 1, 0]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([0.1], [2]), "0 or 1"),
        (([0.1, 0.2], [1]), "2 answers but 1 labels"),
        ((["x"], [1]), "not numbers"),
        (([[0.1, 0.9]], [1]), r"shape \[1, 2\]"),
    ],
    ids=["label", "length", "text", "shape"],
)
def test_bad_rows_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        Rows.read(*arguments)


def test_unreadable_answers_are_counted():
    rows = Rows.read([0.1, np.nan, 1.7, 0.4], [0, 1, 1, 1])
    assert (len(rows), rows.refused, rows.kept.tolist()) == (2, 2, [0, 3])


def test_a_skewed_mean_holds_better_than_the_plain_interval():
    held, plain = [], []
    for seed in range(1000):
        x = np.random.default_rng(seed).exponential(size=30) ** 1.5
        truth, found = 1.329340388, mean("x", x)
        reach = 1.96 * x.std(ddof=1) / np.sqrt(30)
        held.append(found.low <= truth <= found.high)
        plain.append(abs(x.mean() - truth) <= reach)
    assert np.mean(held) > np.mean(plain) + 0.02
