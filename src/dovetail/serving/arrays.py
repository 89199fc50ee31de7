"""Tensors of a message to numpy and back, strictly: what does not fit its datatype is refused.

numpy would cut 1.5 to 1 in an INT32 tensor and read the text "1.5" as a number. A server must not,
because the caller would never learn that the model saw something else.
"""

import struct
from typing import Any

import numpy as np

from dovetail.serving.errors import BadTensorError
from dovetail.serving.tensors import DATATYPES, Array
from dovetail.wire.open_inference import Tensor, TensorError, pack, values

__all__ = ["from_message", "json_values", "raw_bytes"]

_KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}
_CODES = {
    DATATYPES[name]: code
    for name, code in (
        ("INT8", "b"), ("INT16", "h"), ("INT32", "i"), ("INT64", "q"), ("UINT8", "B"),
        ("UINT16", "H"), ("UINT32", "I"), ("UINT64", "Q"), ("FP32", "f"), ("FP64", "d"),
    )
}  # fmt: skip
"""Letters of `struct`, which is as strict as a server must be, and twice as fast as numpy."""


def from_message(tensor: Tensor) -> Array:
    """Return a message's tensor as an array, without a copy where it came as bytes.

    JSON has no NaN, so null in a floating-point or BYTES tensor means a missing value (NaN, None);
    bare NaN and Infinity, which Python and Triton's clients write, are taken too.

    Raises:
        BadTensorError: the datatype is unknown, or data, shape and datatype do not fit.
    """
    dtype = DATATYPES.get(tensor.datatype)
    if dtype is None:
        raise _bad(tensor, f"the datatype is none of {', '.join(DATATYPES)}")
    elements = 1
    for size in tensor.shape:
        if size < 0:
            raise _bad(tensor, f"the shape {list(tensor.shape)} has a negative dimension")
        elements *= size
    if dtype.kind == "O":
        return _strings(tensor, elements)
    if isinstance(tensor.data, bytes | memoryview):
        if len(tensor.data) != elements * dtype.itemsize:
            raise _misfit(tensor, elements, len(tensor.data) // dtype.itemsize)
        return _shaped(tensor, np.frombuffer(tensor.data, dtype.newbyteorder("<")))
    packed = _packed(tensor.data, dtype)
    array = _numbers(tensor, dtype) if packed is None else packed
    if array.size != elements:
        raise _misfit(tensor, elements, array.size)
    return _shaped(tensor, array)


def _shaped(tensor: Tensor, array: Array) -> Array:
    try:
        return array.reshape(tensor.shape)
    except (ValueError, OverflowError) as error:  # too many dimensions, or one past 64 bits
        raise _bad(tensor, "its shape is not possible") from error


def _numbers(tensor: Tensor, dtype: np.dtype[Any]) -> Array:
    data = [] if tensor.data is None else tensor.data
    try:
        array = np.array(data)
    except ValueError as error:
        raise _bad(tensor, "its rows differ in length") from error
    if not array.size:
        return array.astype(dtype)
    if dtype.kind == "f" and array.dtype.kind == "O":
        array = _with_missing(tensor, array)
    elif dtype == np.uint64 and array.dtype.kind in ("f", "O"):
        array = _large(array, data)
    if array.dtype.kind not in _KINDS[dtype.kind]:
        raise _bad(tensor, f"the data is not all {tensor.datatype}")
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if array.min() < limits.min or array.max() > limits.max:
            raise _bad(tensor, f"a value is outside {tensor.datatype}")
    elif dtype.itemsize < 8 and dtype.kind == "f":
        with np.errstate(over="raise"):
            try:
                return array.astype(dtype)
            except FloatingPointError as error:
                raise _bad(tensor, f"a value is outside {tensor.datatype}") from error
    return array.astype(dtype, copy=False)


def _packed(data: Any, dtype: np.dtype[Any]) -> Array | None:
    """Return a flat list of numbers as an array; None for all that is to be looked at closely."""
    code = _CODES.get(dtype)
    if code is None or not data or type(data) is not list or type(data[0]) not in (int, float):
        return None
    try:
        return np.frombuffer(bytearray(struct.pack(f"={len(data)}{code}", *data)), dtype)
    except (struct.error, OverflowError):
        return None


def _large(array: Array, data: Any) -> Array:
    """Return whole numbers over 2**63 as they are; beside smaller ones numpy makes them floats."""
    whole = np.array(data, dtype=object)
    if not all(type(value) is int and 0 <= value < 1 << 64 for value in whole.ravel()):
        return array
    return whole.astype(np.uint64)


def _with_missing(tensor: Tensor, array: Array) -> Array:
    for value in array.ravel():
        if value is not None and type(value) not in (int, float):
            raise _bad(tensor, f"the data is not all {tensor.datatype}")
    return array.astype(np.float64)


def _strings(tensor: Tensor, elements: int) -> Array:
    try:
        items = values(tensor)
    except TensorError as error:
        raise _bad(tensor, str(error)) from error
    array = np.empty(elements, dtype=object)
    array[:] = items
    return _shaped(tensor, array)


def json_values(array: Array) -> Any:
    """Return an array's elements for JSON: flat, exact, text for BYTES.

    FP16 and FP32 go as doubles, so that a reader who parses doubles gets the very same numbers.

    Raises:
        BadTensorError: BYTES that are no text, which only the binary extension can carry.
    """
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        return np.ascontiguousarray(flat, dtype=np.float64)
    if array.dtype.kind != "O":
        return np.ascontiguousarray(flat)
    try:
        return [
            v.decode() if isinstance(v, bytes) else v if v is None else str(v)
            for v in flat.tolist()
        ]
    except UnicodeDecodeError as error:
        raise BadTensorError(
            "an output holds bytes that are not UTF-8 text",
            fix="ask for it with the parameter binary_data",
        ) from error


def raw_bytes(array: Array) -> bytes:
    """Return an array as the binary extension carries it.

    Raises:
        BadTensorError: a text is missing, which only JSON can carry.
    """
    if array.dtype.kind in "OSU":
        try:
            return pack("BYTES", array.reshape(-1).tolist())
        except TensorError as error:
            raise BadTensorError(
                "an output holds missing values", why=str(error), fix="ask for it as JSON"
            ) from error
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _bad(tensor: Tensor, why: str) -> BadTensorError:
    return BadTensorError(f"tensor {tensor.name!r} of {tensor.datatype} is not valid", why=why)


def _misfit(tensor: Tensor, due: int, got: int) -> BadTensorError:
    return _bad(tensor, f"the shape {list(tensor.shape)} has {due} elements, the data {got}")
