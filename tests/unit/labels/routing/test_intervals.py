"""Intervals hold what they say."""

import numpy as np
import pytest

from dovetail.labels.routing.intervals import clopper_pearson, prediction_powered


@pytest.mark.parametrize(
    ("right", "all_", "lower", "upper"),
    [(0, 10, 0.0, 0.308497), (10, 10, 0.691503, 1.0), (8, 10, 0.443905, 0.974789)],
)
def test_clopper_pearson_is_exact(right: int, all_: int, lower: float, upper: float) -> None:
    assert clopper_pearson(right, all_) == pytest.approx((lower, upper), abs=1e-5)


def test_prediction_powered_interval_covers_the_truth_at_its_rate() -> None:
    rng, inside = np.random.default_rng(0), 0
    for _ in range(300):
        said = rng.beta(8, 2, 2000)
        right = (rng.random(2000) < said - 0.1).astype(float)  # predictions that are too sure
        known = rng.choice(2000, 80, replace=False)
        _, lower, upper = prediction_powered(said, said[known], right[known])
        inside += lower <= right.mean() <= upper
    assert inside >= 270
