import json
from pathlib import Path

import numpy as np
import pytest

from dovetail.monitoring import distances

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())


def test_psi_of_the_same_counts_is_nothing():
    counts = np.array([3, 1])
    assert distances.psi(counts, counts) == 0.0


def test_psi_agrees_with_its_definition_on_the_golden_counts():
    # The reference's own counts between its deciles: ties put 30 rows into each bin.
    reference = np.full(10, 30)
    for column in GOLDEN["columns"]:
        current = np.array(column["decile_counts_cur"])
        assert distances.psi(reference, current) == pytest.approx(column["psi"], abs=0.004)


def test_holm_multiplies_the_smallest_most_and_never_goes_down():
    found = distances.holm(np.array([0.04, 0.01, 0.03]))
    assert found.tolist() == pytest.approx([0.06, 0.03, 0.06])
