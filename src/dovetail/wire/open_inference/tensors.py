"""Tensors as values: the datatypes, their bytes, and numpy where it is wanted.

Plain Python values need nothing but ``struct``; numpy is imported by the functions that take or
give arrays. BYTES elements are Python bytes; a JSON string stands for its UTF-8 bytes, null for a
missing one (None), which raw tensors cannot hold. Raw
tensors are little-endian and row-major, BYTES elements each behind a 4-byte length.
"""

import math
import struct
import sys
from array import array as packed
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dovetail.wire.open_inference.messages import Parameters, Tensor

if TYPE_CHECKING:
    import numpy.typing as npt

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Datatype:
    """One datatype of the protocol.

    Attributes:
        name: Its name on the wire.
        size: Bytes of one element, 0 where they differ.
        code: Its letter in ``struct`` and ``array``, "" where they have none.
        numpy: The name of the numpy dtype; BF16 has none and travels as FP32 values.
    """

    name: str
    size: int
    code: str
    numpy: str


DATATYPES: dict[str, Datatype] = {
    kind.name: kind
    for kind in (
        Datatype("BOOL", 1, "?", "bool"),
        Datatype("UINT8", 1, "B", "uint8"),
        Datatype("UINT16", 2, "H", "uint16"),
        Datatype("UINT32", 4, "I", "uint32"),
        Datatype("UINT64", 8, "Q", "uint64"),
        Datatype("INT8", 1, "b", "int8"),
        Datatype("INT16", 2, "h", "int16"),
        Datatype("INT32", 4, "i", "int32"),
        Datatype("INT64", 8, "q", "int64"),
        Datatype("FP16", 2, "e", "float16"),
        Datatype("FP32", 4, "f", "float32"),
        Datatype("FP64", 8, "d", "float64"),
        Datatype("BF16", 2, "", "float32"),
        Datatype("BYTES", 0, "", "object"),
    )
}
_BY_NUMPY = {kind.numpy: kind.name for kind in DATATYPES.values() if kind.name != "BF16"}
_FLOATS = frozenset({"FP16", "FP32", "FP64", "BF16"})


class TensorError(ValueError):
    """A tensor whose datatype, shape and data do not fit each other."""


def datatype(name: str) -> Datatype:
    """Look a datatype up.

    Raises:
        TensorError: The protocol has none of that name.
    """
    try:
        return DATATYPES[name]
    except KeyError:
        raise TensorError(f"datatype {name!r} is none of {', '.join(DATATYPES)}") from None


def count(shape: Iterable[int]) -> int:
    """The number of elements in a shape.

    Raises:
        TensorError: A dimension is negative.
    """
    total = 1
    for size in shape:
        if size < 0:
            raise TensorError(f"shape {tuple(shape)} has a negative dimension")
        total *= size
    return total


def pack(name: str, values: Sequence[Any]) -> bytes:
    """Write flat values as a raw tensor.

    Args:
        name: The datatype.
        values: Its elements in row-major order; text counts as UTF-8.

    Raises:
        TensorError: A value does not fit the datatype.
    """
    kind = datatype(name)
    try:
        if name == "BYTES":
            return b"".join(_LENGTH.pack(len(item)) + item for item in map(_bytes, values))
        if name == "BF16":
            return b"".join(_bfloat(value) for value in values)
        return struct.pack(f"<{len(values)}{kind.code}", *values)
    except (struct.error, OverflowError, TypeError) as error:
        raise TensorError(f"a value does not fit {name}: {error}") from error


def unpack(name: str, raw: bytes | memoryview, elements: int) -> list[Any]:
    """Read a raw tensor as flat values.

    Args:
        name: The datatype.
        raw: The tensor's bytes.
        elements: How many elements its shape has.

    Raises:
        TensorError: The bytes are not that many elements.
    """
    kind = datatype(name)
    if name == "BYTES":
        return _unpack_strings(raw, elements)
    if len(raw) != kind.size * elements:
        raise TensorError(
            f"{elements} elements of {name} are {kind.size * elements} bytes, not {len(raw)}"
        )
    if name == "BF16":
        halves = struct.unpack(f"<{elements}H", raw)
        return list(struct.unpack(f"<{elements}f", struct.pack(f"<{elements}I", *_widen(halves))))
    if sys.byteorder == "little" and name not in ("BOOL", "FP16"):
        values = packed(kind.code)
        values.frombytes(raw)
        return values.tolist()
    return list(struct.unpack(f"<{elements}{kind.code}", raw))


def values(tensor: Tensor) -> list[Any]:
    """A tensor's elements as flat Python values, however they travelled.

    Raises:
        TensorError: Data, shape and datatype do not fit each other.

    Examples:
        >>> values(Tensor(name="x", shape=(2, 1), datatype="FP32", data=[[1.0], [2.5]]))
        [1.0, 2.5]
    """
    datatype(tensor.datatype)
    elements = count(tensor.shape)
    if isinstance(tensor.data, bytes | bytearray | memoryview):
        return unpack(tensor.datatype, memoryview(tensor.data), elements)
    flat = _flatten(tensor.data)
    if len(flat) != elements:
        raise _misfit(tensor, len(flat))
    if tensor.datatype == "BYTES":
        return [None if item is None else _bytes(item) for item in flat]
    if tensor.datatype in _FLOATS:
        return [math.nan if item is None else item for item in flat]
    return flat


def to_array(tensor: Tensor) -> "npt.NDArray[Any]":
    """A tensor as a numpy array, without a copy where it travelled as bytes.

    JSON has no NaN: null in a floating point tensor is read as NaN. BF16 becomes float32, BYTES
    an object array of bytes, and of None where JSON has null.

    Raises:
        TensorError: Data, shape and datatype do not fit each other.
    """
    import numpy as np

    kind = datatype(tensor.datatype)
    raw = isinstance(tensor.data, bytes | bytearray | memoryview)
    if kind.name == "BYTES":
        array = np.empty(count(tensor.shape), dtype=object)
        array[:] = values(tensor)
        return array.reshape(tensor.shape)
    if raw and kind.name == "BF16":
        array = np.array(values(tensor), dtype=np.float32)
    elif raw:
        elements = count(tensor.shape)
        if len(tensor.data) != kind.size * elements:
            raise _misfit(tensor, len(tensor.data) / kind.size)
        array = np.frombuffer(tensor.data, dtype=np.dtype(kind.numpy).newbyteorder("<"))
    else:
        array = _from_json(tensor, kind)
    return array.reshape(tensor.shape)


def _from_json(tensor: Tensor, kind: Datatype) -> "npt.NDArray[Any]":
    import numpy as np

    try:
        array = np.array(tensor.data if tensor.data is not None else [], dtype=kind.numpy)
    except (ValueError, TypeError, OverflowError) as error:
        raise TensorError(
            f"tensor {tensor.name!r}: the data is not {kind.name}: {error}"
        ) from error
    if array.size != count(tensor.shape):
        raise _misfit(tensor, array.size)
    return array


def from_array(
    name: str,
    array: "npt.ArrayLike",
    *,
    binary: bool = False,
    datatype: str | None = None,
    parameters: Parameters | None = None,
) -> Tensor:
    """Make a tensor of a numpy array.

    Args:
        name: The tensor's name in the model.
        array: Anything numpy makes an array of; text and bytes become BYTES.
        binary: Whether the data travels as bytes behind the JSON.
        datatype: The wire datatype, by default that of the array.
        parameters: The tensor's parameters.

    Raises:
        TensorError: The protocol has no such datatype, or JSON cannot carry the values.
    """
    import numpy as np

    values = np.asarray(array)
    wanted = datatype or _datatype_of(values)
    if wanted not in ("BYTES", "BF16"):
        values = values.astype(np.dtype(DATATYPES[wanted].numpy), copy=False)
    if binary:
        data: Any = _raw(wanted, values)
    else:
        data = _json(wanted, values)
    return Tensor(name=name, shape=values.shape, datatype=wanted, parameters=parameters, data=data)


def _raw(wanted: str, values: "npt.NDArray[Any]") -> bytes:
    if wanted in ("BYTES", "BF16"):
        return pack(wanted, values.ravel().tolist())
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _json(wanted: str, values: "npt.NDArray[Any]") -> list[Any]:
    import numpy as np

    if wanted == "BYTES":
        try:
            return [i if i is None else _bytes(i).decode() for i in values.ravel().tolist()]
        except UnicodeDecodeError as error:
            raise TensorError("bytes that are not UTF-8 text need binary=True") from error
    if wanted in _FLOATS and np.isinf(values).any():
        raise TensorError("JSON cannot carry infinity; send the tensor with binary=True")
    return values.ravel().tolist()


def _datatype_of(values: "npt.NDArray[Any]") -> str:
    if values.dtype.kind in "OSU":
        return "BYTES"
    try:
        return _BY_NUMPY[values.dtype.name]
    except KeyError:
        raise TensorError(f"the protocol has no datatype for numpy's {values.dtype}") from None


def _flatten(data: Any) -> list[Any]:
    flat = data if isinstance(data, list) else [] if data is None else [data]
    while flat and any(isinstance(item, list) for item in flat):
        if not all(isinstance(item, list) for item in flat):
            raise TensorError("the data mixes lists and values at one depth")
        flat = [item for row in flat for item in row]
    return flat


def _unpack_strings(raw: bytes | memoryview, elements: int) -> list[bytes]:
    items: list[bytes] = []
    at, end = 0, len(raw)
    while at < end:
        if at + 4 > end or at + 4 + _LENGTH.unpack_from(raw, at)[0] > end:
            raise TensorError(f"BYTES element {len(items)} ends after the tensor's {end} bytes")
        size = _LENGTH.unpack_from(raw, at)[0]
        items.append(bytes(raw[at + 4 : at + 4 + size]))
        at += 4 + size
    if len(items) != elements:
        raise TensorError(f"the shape has {elements} BYTES elements, the data {len(items)}")
    return items


def _bytes(item: object) -> bytes:
    if isinstance(item, bytes):
        return item
    if item is None:
        raise TensorError("raw BYTES cannot hold a missing value; send the tensor as JSON")
    return str(item).encode()


def _bfloat(value: float) -> bytes:
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    if value == value:  # round to nearest even, which would turn some NaNs into infinities
        bits += 0x7FFF + ((bits >> 16) & 1)
    return struct.pack("<H", (bits >> 16) & 0xFFFF)


def _widen(halves: Iterable[int]) -> Iterable[int]:
    return (half << 16 for half in halves)


def _misfit(tensor: Tensor, got: float) -> TensorError:
    return TensorError(
        f"tensor {tensor.name!r} of shape {list(tensor.shape)} has {count(tensor.shape)} "
        f"elements of {tensor.datatype}, its data {got:g}"
    )
