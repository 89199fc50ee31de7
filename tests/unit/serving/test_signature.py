"""Requests in both forms, and what is said of those that do not fit."""

import numpy as np
import pytest

from dovetail.serving import BadTensorError, MatrixSignature, NamedSignature, TensorSpec

MATRIX = MatrixSignature("input", ("a", "b"), 2)
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def test_one_tensor_of_any_name():
    assert MATRIX.bind({"whatever": ROWS})["input"] is ROWS


@pytest.mark.parametrize("shape", [(2,), (2, 1)], ids=str)
def test_one_tensor_per_column_in_any_order(shape):
    columns = {"b": ROWS[:, 1].reshape(shape), "a": ROWS[:, 0].astype("f").reshape(shape)}
    np.testing.assert_array_equal(MATRIX.bind(columns)["input"], ROWS)


def test_integers_and_booleans_count_as_numbers():
    assert MATRIX.bind({"x": np.array([[1, 0]])})["input"].dtype == np.float64
    assert MATRIX.bind({"x": np.array([[True, False]])})["input"].tolist() == [[1.0, 0.0]]


REFUSED = {
    "too few features": ({"x": ROWS[:, :1]}, "'x' has 1 features, the model takes 2"),
    "one dimension": ({"x": ROWS[0]}, "missing columns: a, b; unknown tensors: x"),
    "three dimensions": ({"x": ROWS[None]}, "missing columns: a, b"),
    "a column is missing": ({"a": ROWS[:, 0]}, "missing columns: b; unknown tensors: none"),
    "columns of different length": (
        {"a": ROWS[:, 0], "b": ROWS[:1, 1]},
        r"column 'b' has the shape \[1\]. the other columns have 2 rows",
    ),
    "text": ({"x": np.array([["1", "2"]], dtype=object)}, "'x' is BYTES. the model takes numbers"),
}


@pytest.mark.parametrize(("tensors", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_a_matrix_is_named(tensors, message):
    with pytest.raises(BadTensorError, match=message):
        MATRIX.bind(tensors)


NAMED = NamedSignature((TensorSpec("ids", "INT64", (-1,)), TensorSpec("x", "FP32", (-1, 2))))


def test_named_tensors_are_checked_one_by_one():
    ids, x = np.array([1, 2]), ROWS.astype("f")
    bound = NAMED.bind({"x": x, "ids": ids})
    assert bound["ids"] is ids
    assert NAMED.bind({"x": ROWS, "ids": ids})["x"].dtype == np.float32
    with pytest.raises(BadTensorError, match="missing: ids; unknown: none"):
        NAMED.bind({"x": x})
    with pytest.raises(BadTensorError, match=r"'x' has the shape \[2, 1\]"):
        NAMED.bind({"x": x[:, :1], "ids": ids})
    with pytest.raises(BadTensorError, match=r"'ids' is FP64. the model takes INT64"):
        NAMED.bind({"x": x, "ids": ids.astype(float)})


def test_text_that_is_missing_is_refused_by_a_model_of_tensors():
    signature = NamedSignature((TensorSpec("words", "BYTES", (-1,)),))
    with pytest.raises(BadTensorError, match="'words' has missing values"):
        signature.bind({"words": np.array([b"a", None], dtype=object)})
