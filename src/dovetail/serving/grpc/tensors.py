"""Tensors of gRPC messages to numpy and back.

They come raw, as bytes beside the message's head, or typed, in a repeated field of the element's
type. The checks are those of REST, in `serving.arrays`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dovetail.serving.arrays import from_message, raw_bytes
from dovetail.serving.errors import BadRequestError, BadTensorError
from dovetail.serving.tensors import DATATYPES, Array, datatype_of
from dovetail.wire.open_inference import Tensor

__all__ = ["add_outputs", "inputs_of", "parameters_of"]

Raw = bytes | memoryview

_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Where typed elements are; FP16 has no such field."""

_SHARED_MEMORY = "shared_memory_region"


def inputs_of(message: Any, raws: Sequence[Raw]) -> Mapping[str, Array]:
    """Return the tensors of a `ModelInferRequest`; raw ones are not copied.

    Args:
        message: the request.
        raws: its raw tensors.

    Raises:
        BadRequestError: there are no inputs, two of one name, or not one raw tensor for each.
        BadTensorError: a tensor does not fit its datatype or shape.
    """
    inputs = message.inputs
    if not inputs:
        raise BadRequestError("the request has no inputs")
    if raws and len(raws) != len(inputs):
        raise BadRequestError(
            f"the request has {len(inputs)} inputs and {len(raws)} raw_input_contents",
            fix="give one for each input, or none and use contents",
        )
    found: dict[str, Array] = {}
    for index, one in enumerate(inputs):
        if one.parameters:
            _refuse_shared_memory(one)
        data = _raw(one, raws[index]) if raws else _typed(one)
        tensor = Tensor(name=one.name, shape=tuple(one.shape), datatype=one.datatype, data=data)
        found[one.name] = from_message(tensor)
    if len(found) != len(inputs):
        raise BadRequestError("two inputs of the request have the same name")
    return found


def _raw(one: Any, raw: Raw) -> Raw:
    if one.HasField("contents"):
        raise BadTensorError(
            f"tensor {one.name!r} is given twice",
            why="the request has both raw_input_contents and contents",
        )
    return raw


def _typed(one: Any) -> Any:
    """Return the elements of a tensor, and refuse those that are in another type's field."""
    field = _FIELDS.get(one.datatype)
    if field is None:
        if one.datatype in DATATYPES:
            raise BadTensorError(
                f"tensor {one.name!r} of {one.datatype} has no contents",
                fix=f"send {one.datatype} in raw_input_contents",
            )
        return []  # an unknown datatype is refused with the known ones
    contents = one.contents
    for other, _ in contents.ListFields():
        if other.name != field:
            raise BadTensorError(
                f"tensor {one.name!r} of {one.datatype} has its elements in {other.name}",
                fix=f"send them in {field}",
            )
    return list(getattr(contents, field))


def _refuse_shared_memory(one: Any) -> None:
    if _SHARED_MEMORY in one.parameters:
        raise BadTensorError(
            f"tensor {one.name!r} is in shared memory",
            why="this server has none",
            fix="send the tensor in the message",
        )


def parameters_of(message: Any) -> dict[str, Any] | None:
    """Return the parameters of a message as Python values; None where it has none."""
    parameters = message.parameters
    if not parameters:
        return None
    found = {}
    for name, value in parameters.items():
        kind = value.WhichOneof("parameter_choice")
        found[name] = None if kind is None else getattr(value, kind)
    return found


def add_outputs(response: Any, outputs: Mapping[str, Array], *, raw: bool) -> list[Raw]:
    """Put a model's outputs into a `ModelInferResponse`.

    Args:
        response: the message.
        outputs: the tensors to give.
        raw: whether they go as bytes; a tensor of FP16 makes all go so.

    Returns:
        The raw tensors; none where the elements are in the message.
    """
    raw = raw or any(array.dtype == np.float16 for array in outputs.values())
    raws: list[Raw] = []
    for name, array in outputs.items():
        datatype = datatype_of(array)
        one = response.outputs.add(name=name, datatype=datatype, shape=array.shape)
        if raw:
            raws.append(_bytes_of(array))
        else:
            getattr(one.contents, _FIELDS[datatype]).extend(_elements(array))
    return raws


def _bytes_of(array: Array) -> Raw:
    if array.dtype.kind in "OSU" or not array.size:
        return raw_bytes(array)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view(np.uint8).data


def _elements(array: Array) -> list[Any]:
    flat: list[Any] = array.reshape(-1).tolist()
    if array.dtype.kind not in "OSU":
        return flat
    return [one if isinstance(one, bytes) else str(one).encode() for one in flat]
