import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.monitoring import numeric


@given(st.floats(1e-12, 1 - 1e-12))
def test_normal_quantile_agrees_with_the_standard_library(p):
    assert numeric.normal_quantile(np.array([p]))[0] == pytest.approx(
        NormalDist().inv_cdf(p), rel=1e-9, abs=1e-12
    )


@given(st.floats(0.5, 1e7))
def test_log_gamma_agrees_with_the_standard_library(x):
    assert numeric.log_gamma(np.array([x]))[0] == pytest.approx(
        math.lgamma(x), rel=1e-12, abs=1e-11
    )


def test_log_sum_exp_neither_overflows_nor_loses_the_impossible():
    values = np.array([[1000.0, 1000.0], [-np.inf, -np.inf]])
    found = numeric.log_sum_exp(values, axis=1)
    assert found.tolist() == [1000 + math.log(2), -math.inf]


@pytest.mark.parametrize(
    ("statistic", "freedom", "p"),
    [
        (28.457616119, 4, 1.00733306284e-05),
        (3.43646295801, 4, 0.487604817351),
        (0.0, 3, 1.0),
        (200.0, 10, 1.6139305337056e-37),
    ],
)
def test_chi2_survival_agrees_with_scipy(statistic, freedom, p):
    assert numeric.chi2_survival(statistic, freedom) == pytest.approx(p, rel=1e-6)


def test_kolmogorov_survival_is_close_to_the_exact_p_value():
    size = 300 * 269 / 569
    assert numeric.kolmogorov_survival(0.202614622057, size) == pytest.approx(1.3776e-05, rel=0.05)
    assert numeric.kolmogorov_survival(0.0, size) == 1.0
