import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dovetail.wire import open_inference as oip
from dovetail.wire.open_inference import Tensor, TensorError

DTYPES = ["?", "u1", "<u2", "<u4", "<u8", "i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ARRAYS = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(np.dtype(dtype), SHAPES))
STRINGS = hnp.arrays(object, SHAPES, elements=st.binary(max_size=9), fill=st.nothing())


@given(ARRAYS)
def test_an_array_survives_as_bytes(array):
    tensor = oip.from_array("x", array, binary=True)
    assert tensor.shape == array.shape
    back = oip.to_array(tensor)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(ARRAYS)
def test_an_array_survives_as_json(array):
    if array.dtype.kind == "f" and np.isinf(array).any():
        with pytest.raises(TensorError, match="infinity"):
            oip.from_array("x", array)
        return
    request = oip.InferenceRequest(inputs=(oip.from_array("x", array),))
    (tensor,) = oip.decode_request(*oip.encode_request(request)).inputs
    np.testing.assert_array_equal(oip.to_array(tensor), array)


@given(STRINGS)
def test_strings_survive_as_bytes(array):
    back = oip.to_array(oip.from_array("s", array, binary=True))
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


@given(ARRAYS)
def test_values_need_no_numpy(array):
    flat = array.ravel().tolist()
    packed = oip.from_array("x", array, binary=True)
    np.testing.assert_equal(oip.values(packed), flat)
    assert oip.pack(packed.datatype, flat) == packed.data


def test_text_becomes_bytes_in_both_forms():
    for binary in (False, True):
        tensor = oip.from_array("s", ["EWR", "São Paulo"], binary=binary)
        assert tensor.datatype == "BYTES"
        assert oip.values(tensor) == [b"EWR", "São Paulo".encode()]
        assert oip.to_array(tensor).tolist() == [b"EWR", "São Paulo".encode()]


def test_bytes_that_are_no_text_need_binary():
    with pytest.raises(TensorError, match="need binary=True"):
        oip.from_array("s", np.array([b"\xff"], dtype=object))


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(1.0, 1.0), (-2.5, -2.5), (math.inf, math.inf), (1.00390625, 1.0), (1.01171875, 1.015625)],
)
def test_bfloat16_rounds_to_nearest_even(value, rounded):
    tensor = oip.from_array("x", [value], binary=True, datatype="BF16")
    assert len(tensor.data) == 2
    assert oip.values(tensor) == [rounded]
    assert oip.to_array(tensor).tolist() == [rounded]


def test_bfloat16_keeps_nan():
    (value,) = oip.values(oip.from_array("x", [math.nan], binary=True, datatype="BF16"))
    assert math.isnan(value)


def test_null_in_json_is_nan():
    tensor = Tensor(name="x", shape=(2,), datatype="FP32", data=[1.0, None])
    np.testing.assert_array_equal(oip.to_array(tensor), np.array([1.0, np.nan], "f4"))
    assert math.isnan(oip.values(tensor)[1])


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]], [[[1], [2]], [[3], [4]]]])
def test_json_data_may_be_nested_or_flat(data):
    tensor = Tensor(name="x", shape=(2, 2), datatype="INT64", data=data)
    assert oip.values(tensor) == [1, 2, 3, 4]
    assert oip.to_array(tensor).tolist() == [[1, 2], [3, 4]]


BROKEN = {
    "unknown-datatype": (Tensor(name="x", shape=(1,), datatype="FLOAT", data=[1]), "none of BOOL"),
    "negative": (Tensor(name="x", shape=(-1,), datatype="FP32", data=[1]), "negative dimension"),
    "short": (Tensor(name="x", shape=(3,), datatype="FP32", data=[1]), "3 elements of FP32"),
    "long": (Tensor(name="x", shape=(1,), datatype="FP32", data=[1, 2]), "its data 2"),
    "no-data": (Tensor(name="x", shape=(1,), datatype="FP32"), "its data 0"),
    "short-bytes": (Tensor(name="x", shape=(2,), datatype="INT32", data=b"1234"), "2 elements"),
    "cut-string": (Tensor(name="x", shape=(1,), datatype="BYTES", data=b"\5\0\0\0ab"), "ends"),
    "cut-length": (Tensor(name="x", shape=(1,), datatype="BYTES", data=b"\5\0"), "ends"),
    "many-strings": (Tensor(name="x", shape=(2,), datatype="BYTES", data=b"\0\0\0\0"), "2 BYTES"),
}


@pytest.mark.parametrize(("tensor", "words"), BROKEN.values(), ids=list(BROKEN))
def test_data_that_does_not_fit_is_refused(tensor, words):
    with pytest.raises(TensorError, match=words):
        oip.to_array(tensor)
    with pytest.raises(TensorError, match=words):
        oip.values(tensor)


def test_a_ragged_or_wrong_value_is_refused():
    for data in ([[1, 2], 3], ["x", 1], [{}, {}]):
        with pytest.raises(TensorError):
            oip.to_array(Tensor(name="x", shape=(2,), datatype="FP32", data=data))
    with pytest.raises(TensorError, match="does not fit UINT8"):
        oip.pack("UINT8", [300])


def test_a_dtype_outside_the_protocol_is_refused():
    with pytest.raises(TensorError, match="no datatype for numpy's complex128"):
        oip.from_array("x", np.array([1j]))


def test_an_array_from_bytes_is_no_copy():
    raw = np.arange(4, dtype="<f4").tobytes()
    array = oip.to_array(Tensor(name="x", shape=(4,), datatype="FP32", data=memoryview(raw)))
    assert not array.flags.owndata
