import json
from pathlib import Path

import numpy as np
import pytest

from dovetail.monitoring import distances

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
COLUMNS = [pytest.param(c, id=f"column{i}") for i, c in enumerate(GOLDEN["columns"])]


@pytest.mark.parametrize("column", COLUMNS)
def test_chi_squared_agrees_with_scipy(column):
    counts = (np.array(column[f"quintile_counts_{side}"]) for side in ("ref", "cur"))
    assert distances.chi_squared(*counts) == pytest.approx(
        (column["chi2"], column["chi2_p"]), rel=1e-9
    )


def test_chi_squared_ignores_bins_that_are_empty_on_both_sides():
    found = distances.chi_squared(np.array([10, 0, 20]), np.array([15, 0, 15]))
    assert found == distances.chi_squared(np.array([10, 20]), np.array([15, 15]))


def test_distances_on_a_small_example_worked_by_hand():
    a, b = np.array([0.0, 1.0, 3.0]), np.array([5.0, 6.0, 8.0])
    assert distances.wasserstein(a, b) == pytest.approx(5.0)
    assert distances.kolmogorov_smirnov(a, b)[0] == 1.0
    assert distances.kolmogorov_smirnov(a, a) == (0.0, 1.0)
    counts = np.array([3, 1])
    assert distances.psi(counts, counts) == 0.0
    assert distances.jensen_shannon(np.array([1, 0]), np.array([0, 1])) == pytest.approx(
        np.sqrt(np.log(2))
    )


def test_psi_and_jensen_shannon_agree_with_their_definition_on_the_golden_counts():
    # The reference's own counts between its deciles: ties put 30 rows into each bin.
    reference = np.full(10, 30)
    for column in GOLDEN["columns"]:
        current = np.array(column["decile_counts_cur"])
        assert distances.psi(reference, current) == pytest.approx(column["psi"], abs=0.004)
        assert distances.jensen_shannon(reference, current) == pytest.approx(
            column["js"], abs=0.002
        )


def test_holm_multiplies_the_smallest_most_and_never_goes_down():
    found = distances.holm(np.array([0.04, 0.01, 0.03]))
    assert found.tolist() == pytest.approx([0.06, 0.03, 0.06])
