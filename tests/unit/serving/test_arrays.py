"""Tensors to numpy and back, strictly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from dovetail.serving.arrays import from_message, json_values, raw_bytes
from dovetail.serving.errors import BadTensorError
from dovetail.serving.tensors import DATATYPES, datatype_of
from dovetail.wire.open_inference import Tensor

NUMERIC = [name for name in DATATYPES if name != "BYTES"]
ARRAYS = st.sampled_from(NUMERIC).flatmap(
    lambda name: stnp.arrays(DATATYPES[name], stnp.array_shapes(min_side=0, max_side=4))
)


@given(ARRAYS)
def test_raw_bytes_come_back_as_they_were(array):
    tensor = Tensor(
        name="x", shape=array.shape, datatype=datatype_of(array), data=memoryview(raw_bytes(array))
    )
    np.testing.assert_array_equal(from_message(tensor), array)


@given(ARRAYS)
def test_json_values_come_back_as_they_were(array):
    values = json_values(array).tolist()
    tensor = Tensor(name="x", shape=array.shape, datatype=datatype_of(array), data=values)
    np.testing.assert_array_equal(from_message(tensor), array)


@given(st.lists(st.binary(max_size=8), max_size=5))
def test_bytes_come_back_as_they_were(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    tensor = Tensor(name="x", shape=array.shape, datatype="BYTES", data=raw_bytes(array))
    assert from_message(tensor).tolist() == items


def message(datatype, shape, data):
    return Tensor(name="x", shape=tuple(shape), datatype=datatype, data=data)


NUMBERS = st.lists(
    st.one_of(
        st.integers(-(2**53), 2**53), st.integers(-200, 200), st.floats(), st.booleans(), st.none()
    ),
    min_size=1,
    max_size=4,
)


def outcome(tensor):
    try:
        return from_message(tensor)
    except BadTensorError as error:
        return str(error)


@given(NUMBERS, st.sampled_from(NUMERIC))
def test_the_quick_way_to_read_numbers_agrees_with_the_careful_one(numbers, datatype):
    one = message(datatype, [len(numbers)], numbers)
    nested = message(datatype, [len(numbers)], [numbers])  # which only the careful way takes
    careful, got = outcome(nested), outcome(one)
    if isinstance(careful, str):
        assert got == careful
        return
    assert got.dtype == careful.dtype
    np.testing.assert_array_equal(got, careful)
    got[0] = 0  # models may work in place


def test_null_is_a_missing_value_in_text():
    array = from_message(message("BYTES", [2], ["a", None]))
    assert array.tolist() == [b"a", None]
    assert json_values(array) == ["a", None]
    with pytest.raises(BadTensorError, match="cannot hold a missing value"):
        raw_bytes(array)


def test_null_is_a_missing_value_in_floats():
    got = from_message(message("FP32", [3], [None, 1, 2.5]))
    np.testing.assert_array_equal(got, np.array([np.nan, 1, 2.5], "f"))


REFUSED = {
    "unknown datatype": (message("FP99", [1], [1]), "the datatype is none of BOOL"),
    "negative shape": (message("FP32", [-1], [1]), "negative dimension"),
    "shape without data": (message("FP32", [10**15], [1]), "has 1000000000000000 elements"),
    "raw too short": (message("FP64", [2], memoryview(bytes(8))), "has 2 elements, the data 1"),
    "text in floats": (message("FP32", [1], ["1.5"]), "not all FP32"),
    "text beside floats": (message("FP32", [2], [1.5, "a"]), "not all FP32"),
    "a fraction in integers": (message("INT32", [1], [1.5]), "not all INT32"),
    "null in integers": (message("INT32", [1], [None]), "not all INT32"),
    "too large for INT8": (message("INT8", [1], [300]), "outside INT8"),
    "negative in UINT64": (message("UINT64", [1], [-1]), "outside UINT64"),
    "too large for FP32": (message("FP32", [1], [1e300]), "outside FP32"),
    "numbers in BOOL": (message("BOOL", [1], [2]), "not all BOOL"),
    "ragged": (message("FP32", [3], [[1, 2], [3]]), "differ in length"),
    "an object": (message("FP32", [1], [{"a": 1}]), "not all FP32"),
}


@pytest.mark.parametrize(("tensor", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused(tensor, why):
    with pytest.raises(BadTensorError, match=why):
        from_message(tensor)
