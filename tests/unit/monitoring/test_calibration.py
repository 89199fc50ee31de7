import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.monitoring.calibration import Calibration, expected_auc, expected_log_loss
from dovetail.monitoring.scores import auc

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())["cbpe"]


def test_expected_auc_agrees_with_the_golden_value():
    p = np.random.RandomState(1).rand(500)
    assert expected_auc(p, p) == pytest.approx(GOLDEN["estimated_auc"], abs=1e-12)


def test_expected_auc_is_the_mean_auc_over_simulated_labels():
    r = np.random.default_rng(0)
    p = np.round(r.beta(2, 3, 400), 2)
    simulated = [auc(p, (r.random(400) < p).astype(float)) for _ in range(300)]
    assert expected_auc(p, p) == pytest.approx(np.mean(simulated), abs=0.004)
    assert expected_auc(np.array([]), np.array([])) is None
    assert expected_auc(np.array([1.0]), np.array([1.0])) is None


def test_expected_log_loss_is_the_entropy_of_calibrated_scores():
    p = np.array([0.5, 0.9])
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean()
    assert expected_log_loss(p, p) == pytest.approx(entropy)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60))
def test_calibration_is_monotone_and_keeps_the_mean(rows):
    scores = np.array([value / 9 for value, _ in rows])
    labels = np.array([float(label) for _, label in rows])
    fitted = Calibration.fit(scores, labels)
    grid = fitted(np.linspace(-1, 2, 50))
    assert (np.diff(grid) >= -1e-12).all()
    assert grid.min() >= 0
    assert grid.max() <= 1
    assert fitted(scores).mean() == pytest.approx(labels.mean())


def test_calibration_pools_neighbours_that_go_down():
    fitted = Calibration.fit(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert fitted(np.array([0.1, 0.2, 0.25, 0.3, 0.4])).tolist() == [0.0, 0.5, 0.5, 0.5, 1.0]


def test_calibration_is_the_isotonic_regression_of_scikit_learn():
    isotonic = pytest.importorskip("sklearn.isotonic")
    r = np.random.default_rng(4)
    scores = np.round(r.beta(2, 5, 2000), 3)
    labels = (r.random(2000) < scores**1.3).astype(float)
    theirs = isotonic.IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    grid = np.linspace(0, 1, 501)
    assert Calibration.fit(scores, labels)(grid) == pytest.approx(theirs.predict(grid), abs=1e-12)
