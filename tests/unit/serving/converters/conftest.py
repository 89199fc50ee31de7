"""The original beside its compiled form, on the data of the tests and on drawn rows."""

from pathlib import Path

import numpy as np
import pytest

from dovetail.serving.compile import choose
from dovetail.serving.formats.sklearn import make


def check(model, inputs, *, single=False):
    """Hold that a fitted estimator compiles and answers as it did; return the compiled form."""
    original = make(model, Path("model.skops"))
    chosen, record = choose(original)
    assert record.why == ""
    assert record.labels_differing == 0
    assert chosen.outputs == original.outputs
    names = tuple(spec.name for spec in original.outputs)
    with np.errstate(divide="ignore"):  # logarithms of zero
        expected, found = original.run(inputs, names), chosen.run(inputs, names)
    for name, left in expected.items():
        right = found[name]
        assert right.dtype == left.dtype, name
        if left.dtype.kind == "f":
            exact = {"rtol": 1e-5, "atol": 1e-6} if single else {"rtol": 1e-9, "atol": 1e-11}
            if name == "predict_log_proba":
                left, right = np.exp(left), np.exp(right)
            np.testing.assert_allclose(right, left, **exact)
        else:
            np.testing.assert_array_equal(right, left)
    first = original.outputs[0].name
    assert list(chosen.run(inputs)) == [first]
    return chosen


@pytest.fixture(name="check")
def check_fixture():
    return check
