"""Estimates without labels: near what comes true while their assumption holds."""

import numpy as np
import pytest

from dovetail.monitoring.quality.density import density_ratio, logistic, sigmoid
from dovetail.monitoring.quality.direct import DirectLoss
from dovetail.monitoring.quality.estimate import BY_COLUMNS, BY_SCORES, Estimator, expect
from dovetail.monitoring.quality.realised import realised
from dovetail.monitoring.quality.rows import Rows
from dovetail.monitoring.quality.soft import NAMES, Soft


def truth(x):
    return sigmoid(1.2 * x[:, 0] - x[:, 1] + 0.8 * x[:, 1] * (x[:, 2] > 0))


def model(x):
    """A model that misses the interaction and is too sure."""
    return sigmoid(1.6 * x[:, 0] - 1.0 * x[:, 1])


def draw(r, n, shift=0.0):
    x = r.normal(size=(n, 3)) + np.array([shift, 0, shift])
    return x, model(x), (r.random(n) < truth(x)).astype(float)


def columns(x):
    return {f"x{j}": x[:, j] for j in range(x.shape[1])}


def real(rows):
    return {m.name: m.value for m in realised(rows)}


def test_soft_figures_of_sure_labels_are_the_realised_ones():
    _, p, y = draw(np.random.default_rng(0), 300)
    found = dict(zip(NAMES, Soft(p, 0.5)(y, np.ones(300)), strict=True))
    assert found == pytest.approx({name: real(Rows.read(p, y))[name] for name in NAMES})


def test_soft_figures_of_classes_are_the_realised_ones():
    r = np.random.default_rng(0)
    p = r.dirichlet([2, 1, 1], 300)
    y = r.integers(0, 3, 300)
    rows = Rows.read(p, y, task="multiclass", classes=["0", "1", "2"])
    found = dict(zip(NAMES, Soft(p, 0.5)(np.eye(3)[y], np.ones(300)), strict=True))
    assert found == pytest.approx({name: real(rows)[name] for name in NAMES})


def test_the_logistic_regression_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    x, _, y = draw(np.random.default_rng(0), 500)
    theirs = LogisticRegression(C=0.1, tol=1e-10).fit(x, y)
    ours = logistic(x, y, penalty=10.0)
    assert ours == pytest.approx([*theirs.coef_[0], theirs.intercept_[0]], abs=1e-4)


def test_the_density_ratio_moves_the_mean_of_the_reference():
    r = np.random.default_rng(0)
    then, now = r.normal(size=(5000, 2)), r.normal([0.7, 0], size=(5000, 2))
    weights = density_ratio(np.hstack([then, then**2]), np.hstack([now, now**2]))
    assert weights.mean() == pytest.approx(1)
    assert (weights[:, None] * then).mean(axis=0) == pytest.approx([0.7, 0], abs=0.1)


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_intervals_hold_what_comes_true(shift):
    r = np.random.default_rng(0)
    held, errors, promised = {n: [] for n in NAMES}, [], []
    for _ in range(8):  # references differ more than chunks do
        x, p, y = draw(r, 3000)
        estimator = Estimator.fit(Rows.read(p, y), columns(x))
        for _ in range(5):
            x, p, y = draw(r, 600, shift)
            came = real(Rows.read(p, y))
            found = estimator.estimate(Rows.read(p), columns(x))
            alone = estimator.estimate(Rows.read(p))
            errors.append(found.figures[0].value - came["auc"])
            promised.append(alone.figures[0].value - came["auc"])
            for figure in found.figures:
                held[figure.name].append(figure.low <= came[figure.name] <= figure.high)
    assert found.assumption == BY_COLUMNS
    assert alone.assumption == BY_SCORES
    assert (found.shift > 0.5) == (shift > 0)
    assert abs(np.mean(errors)) < 0.015
    assert np.mean(list(held.values())) > 0.87  # 40 chunks: 2 se below 0.95 and more
    if shift:
        assert abs(np.mean(errors)) < abs(np.mean(promised))


def test_intervals_of_many_rows_are_as_narrow_as_they_should_be():
    r = np.random.default_rng(0)
    p = r.random(400_000)

    def width(n):
        found = expect(p[:n], p[:n], threshold=0.5, labelled=10**9).figures
        return np.array([figure.high - figure.low for figure in found])

    assert width(400_000) * 10 == pytest.approx(width(4000), rel=0.35)


def test_no_estimate_sees_a_change_of_what_it_assumes():
    r = np.random.default_rng(0)
    x, p, y = draw(r, 4000)
    estimator = Estimator.fit(Rows.read(p, y), columns(x))
    x, p, _ = draw(r, 2000)
    upside_down = (r.random(2000) < 1 - truth(x)).astype(float)
    found = estimator.estimate(Rows.read(p), columns(x))
    assert found.figures[0].value > 0.7
    assert real(Rows.read(p, upside_down))["auc"] < 0.3
    assert "assumes that the labels" in found.assumption


def test_classes_are_estimated_too():
    r = np.random.default_rng(0)

    def sample(n):
        p = r.dirichlet([2, 1, 1], n)
        y = (r.random((n, 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
        sharp = p**1.5
        return Rows.read(sharp / sharp.sum(axis=1, keepdims=True), y, task="multiclass")

    estimator = Estimator.fit(sample(5000))
    now = sample(2000)
    came = real(now)
    for figure in estimator.estimate(now).figures:
        assert figure.low <= came[figure.name] <= figure.high


def errors_of(r, n, shift=0.0):
    x = r.normal(size=(n, 4)) + np.array([shift, 0, 0, 0])
    y = x[:, 0] + r.normal(size=n) * (0.3 + 0.7 * (x[:, 0] > 0.5))
    return columns(x), Rows.read(x[:, 0], y, task="regression")


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_direct_loss_holds_what_comes_true(shift):
    r = np.random.default_rng(0)
    held = []
    for _ in range(3):
        x, rows = errors_of(r, 3000)
        direct = DirectLoss.fit(rows, x)
        for _ in range(20):
            x, now = errors_of(r, 500, shift)
            came = real(now)
            found = direct.estimate(now.at(np.arange(500)), x)
            held.append([m.low <= came[m.name] <= m.high for m in found.figures])
    assert np.mean(held, axis=0).min() > 0.85
    before = real(rows)["rmse"]
    assert abs(found.figures[0].value - came["rmse"]) < 0.1
    if shift:
        assert found.figures[0].value > before + 0.05


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        (lambda: Estimator.fit(Rows.read([0.1, 0.2], [0, 0])), "no labelled row"),
        (lambda: Estimator.fit(Rows.read([1.0], [1.0], task="regression")), "use DirectLoss"),
        (lambda: DirectLoss.fit(Rows.read([1.0], [1.0], task="regression"), {}), "too few"),
        (lambda: Estimator.fit(Rows.read([0.1, 0.2], [0, 1]), {"a": [1]}), "1 rows of columns"),
    ],
    ids=["class", "regression", "few", "length"],
)
def test_a_reference_that_does_not_serve_is_refused(fit, said):
    with pytest.raises(ValueError, match=said):
        fit()
