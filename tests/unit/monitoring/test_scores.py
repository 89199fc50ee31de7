import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.monitoring import scores

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())["cbpe"]


def brute_auc(values, labels):
    pairs = itertools.product(values[labels > 0.5], values[labels < 0.5])
    return np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auc_is_the_share_of_pairs_in_order_with_ties_half(rows):
    values = np.array([value / 5 for value, _ in rows])
    labels = np.array([float(label) for _, label in rows])
    if labels.min() == labels.max():
        assert scores.auc(values, labels) is None
        return
    expected = brute_auc(values, labels)
    assert scores.auc(values, labels) == pytest.approx(expected)
    figure = scores.auc_figure(values, labels)
    assert figure.value == pytest.approx(expected)
    assert 0 <= figure.low <= figure.value <= figure.high <= 1


def test_auc_agrees_with_scikit_learn():
    p = np.random.RandomState(1).rand(500)
    y = (np.random.RandomState(2).rand(500) < p).astype(float)
    assert scores.auc(p, y) == pytest.approx(GOLDEN["realised_auc"], abs=1e-12)


def test_delong_interval_covers_the_truth_about_as_often_as_it_says():
    r = np.random.default_rng(7)
    truth = 0.7602499  # P(N(1, 1) > N(0, 1))
    hits = 0
    for _ in range(300):
        y = (r.random(300) < 0.3).astype(float)
        figure = scores.auc_figure(r.standard_normal(300) + y, y)
        hits += figure.low <= truth <= figure.high
    assert 0.91 <= hits / 300 <= 0.99


def test_delong_variance_agrees_with_the_bootstrap():
    r = np.random.default_rng(3)
    y = (r.random(600) < 0.4).astype(float)
    values = np.round(r.standard_normal(600) + 0.8 * y, 1)
    figure = scores.auc_figure(values, y)
    picks = (r.integers(0, 600, 600) for _ in range(400))
    low, high = np.quantile([scores.auc(values[i], y[i]) for i in picks], [0.025, 0.975])
    assert (figure.low, figure.high) == pytest.approx((low, high), abs=0.012)


def test_perfect_separation_has_an_interval_that_shrinks_with_the_rarer_class():
    y = np.array([0.0] * 90 + [1.0] * 10)
    figure = scores.auc_figure(y, y)
    assert (figure.value, figure.high) == (1.0, 1.0)
    assert figure.low == pytest.approx(0.025**0.1)
    worst = scores.auc_figure(-y, y)
    assert (worst.low, worst.value) == (0.0, 0.0)
    assert worst.high == pytest.approx(1 - 0.025**0.1)


def test_losses_of_certain_scores_are_finite():
    found = scores.log_losses(np.array([0.0, 1.0, 0.5]), np.array([1.0, 1.0, 0.0]))
    assert found.tolist() == pytest.approx([34.538776, 0.0, 0.693147], abs=1e-6)
    assert scores.brier_losses(np.array([0.25]), np.array([1.0])).tolist() == [0.5625]


def test_mean_figure_is_the_normal_interval():
    figure = scores.mean_figure(np.array([1.0, 2.0, 3.0, 4.0]))
    assert (figure.value, figure.low, figure.high) == pytest.approx(
        (2.5, 1.23484, 3.76516), abs=1e-4
    )
    assert scores.mean_figure(np.empty(0)) is None
