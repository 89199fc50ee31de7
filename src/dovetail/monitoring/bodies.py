"""Bodies of logged requests and responses: JSON, or JSON followed by raw tensors.

KServe's logger copies the bytes that a client and a server exchanged, whatever they are, and names
the request's media type on the response as well. So what the bytes are is read from the bytes.
"""

import json
from typing import Any

import msgspec

from dovetail.monitoring.errors import EventInvalidError
from dovetail.wire import lenient
from dovetail.wire.cloudevents import Event
from dovetail.wire.open_inference import Tensor, TensorError, datatype, unpack
from dovetail.wire.open_inference import count as elements_of

_SIZE = "binary_data_size"
_decoder = json.JSONDecoder()

__all__ = ["body_of"]


def body_of(event: Event) -> dict[str, Any]:
    """The body of an event as an object; raw tensors have become lists in `data`.

    Raises:
        EventInvalidError: It is no JSON object, or its raw tensors do not add up.
    """
    data = event.data
    if isinstance(data, bytes | str):
        try:
            data = lenient.loads(data)
        except (msgspec.DecodeError, RecursionError) as error:
            data = _with_tensors(data, error)
    if not isinstance(data, dict):
        raise EventInvalidError("the data is not a JSON object")
    return data


def _with_tensors(body: bytes | str, malformed: Exception) -> Any:
    """Read a JSON object and the raw tensors after it."""
    if isinstance(body, str) or not body.lstrip()[:1] == b"{":
        raise EventInvalidError("the data is not JSON", why=str(malformed)) from malformed
    try:
        _, end = _decoder.raw_decode(body.decode("latin-1"))  # one character a byte
        found = lenient.loads(body[:end])
        return _attached(found, memoryview(body)[end:])
    except (ValueError, RecursionError) as error:
        raise EventInvalidError("the data is not JSON", why=str(malformed)) from error


def _attached(found: dict[str, Any], rest: memoryview) -> dict[str, Any]:
    key = "inputs" if "inputs" in found else "outputs"
    tensors = found.get(key)
    if not isinstance(tensors, list):
        raise EventInvalidError(f"the body has no list of '{key}'")
    whole = []
    for raw in tensors:
        tensor, rest = _take(raw, rest)
        whole.append(tensor)
    if len(rest):
        raise EventInvalidError(f"{len(rest)} bytes follow the last tensor")
    return {**found, key: whole}


def _take(raw: Any, rest: memoryview) -> tuple[Any, memoryview]:
    try:
        tensor = msgspec.convert(raw, Tensor, strict=False)
    except msgspec.ValidationError as error:
        raise EventInvalidError("a tensor is not valid", why=str(error)) from error
    size = (tensor.parameters or {}).get(_SIZE)
    if size is None:
        return raw, rest
    if not isinstance(size, int) or not 0 <= size <= len(rest):
        raise EventInvalidError(
            f"tensor '{tensor.name}': {_SIZE} is {size}, {len(rest)} bytes are left"
        )
    try:
        datatype(tensor.datatype)
        flat = unpack(tensor.datatype, rest[:size], elements_of(tensor.shape))
    except TensorError as error:
        raise EventInvalidError(f"tensor '{tensor.name}' is not valid", why=str(error)) from error
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in flat]
    return {**raw, "data": texts}, rest[size:]
