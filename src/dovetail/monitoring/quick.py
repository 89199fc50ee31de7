"""One payload event of a few numbers, read the short way.

KServe's logger sends an event a call: CloudEvents headers, and the JSON of a request or a response.
Such a call is read straight from its bytes into what is stored. Whatever is unusual in it (texts,
nulls, raw tensors, other content modes, anything that is wrong) is left to `intake`, which reads
everything and says what is broken; where both read a call, they read the same.
"""

import math
import re
import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from dovetail.monitoring.intake import ROLES, Inference, Item
from dovetail.monitoring.tensors import FLOATS, SINGLES, Features, Schema, is_shares, numbered
from dovetail.wire.monitoring import REQUEST, RESPONSE

__all__ = ["read_quick"]

_NONE = b""
_NAN = struct.pack("<d", math.nan)
_USUAL = frozenset(
    b"accept accept-encoding connection content-length content-type host traceparent user-agent "
    b"ce-id ce-source ce-type ce-specversion ce-time ce-inferenceservicename ce-component "
    b"ce-endpoint ce-namespace ce-metadata ce-inferencerole ce-modelversion".split()
)
_EXTENSION = re.compile(rb"ce-(?!data$)[a-z0-9]+")


class _Tensor(msgspec.Struct, gc=False):
    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class _Asked(msgspec.Struct, gc=False):
    inputs: list[_Tensor]
    parameters: dict[str, Any] | None = None
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Answered(msgspec.Struct, gc=False):
    outputs: list[_Tensor]
    model_version: str | None = None
    parameters: dict[str, Any] | None = None
    predictions: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Said(msgspec.Struct, gc=False):
    """What the headers say."""

    model: str
    name: str
    time_ms: int
    role: str
    version: str


_asked, _answered = msgspec.json.Decoder(_Asked), msgspec.json.Decoder(_Answered)


def read_quick(headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Item | None:
    """Read a call with one event; None where it must be read the long way.

    Args:
        headers: Names in lower case.
        body: The data of the event.
    """
    given = dict(headers)
    try:
        read = _READERS[given[b"ce-type"]]
        said = _said(given)
        found = read(said, body) if said is not None else None
    except (KeyError, ValueError, OverflowError, IndexError, struct.error, RecursionError):
        return None  # it is unusual, or broken: the long way says how
    return Item.of(found) if found is not None else None


def _said(given: dict[bytes, bytes]) -> _Said | None:
    if given[b"ce-specversion"] != b"1.0" or not given[b"ce-source"]:
        return None
    if given[b"content-type"] != b"application/json" and _is_event(given[b"content-type"]):
        return None
    names = given.keys()
    if not names <= _USUAL and not all(map(_is_allowed, names - _USUAL)):
        return None
    if b"%" in b"".join(given.values()):
        return None
    moment = msgspec.convert(given[b"ce-time"].decode("ascii"), datetime)
    model = given[b"ce-inferenceservicename"].decode("ascii")
    name = given[b"ce-id"].decode("ascii")
    if moment.tzinfo is None or not model or not name:
        return None
    role = given.get(b"ce-inferencerole", _NONE).decode("ascii")
    version = given.get(b"ce-modelversion", _NONE).decode("ascii")
    return _Said(model, name, int(moment.timestamp() * 1000), role, version)


def _is_event(media_type: bytes) -> bool:
    return media_type.lower().startswith(b"application/cloudevents")


@lru_cache(maxsize=1024)
def _is_allowed(header: bytes) -> bool:
    return not header.startswith(b"ce-") or _EXTENSION.fullmatch(header) is not None


def _role(said: _Said, parameters: dict[str, Any] | None) -> str | None:
    role = said.role or (parameters.get("role") if parameters else "") or "live"
    return role if role in ROLES else None


def _request(said: _Said, body: bytes) -> Inference | None:
    asked = _asked.decode(body)
    parameters = asked.parameters
    role = _role(said, parameters)
    if role is None or asked.instances is not msgspec.UNSET:
        return None
    columns = None
    if parameters:
        if parameters.get("event_time") is not None:
            return None
        columns = parameters.get("columns")
    features = _features(asked.inputs, columns)
    if features is None:
        return None
    return Inference(
        said.model, role, said.name, said.time_ms, asked_rows=features.rows, features=features
    )


def _features(tensors: list[_Tensor], columns: Any) -> Features | None:
    """One tensor of numbers, or one row of single numbers."""
    first = tensors[0]
    rows, count = first.shape[0], len(first.data)
    if len(tensors) > 1:
        if any(t.datatype == "BYTES" or t.shape[0] != 1 or len(t.data) != 1 for t in tensors):
            return None
        values = [t.data[0] for t in tensors]
        names = tuple([t.name for t in tensors])
        single = all(t.datatype in SINGLES for t in tensors)
    else:
        if first.datatype == "BYTES" or rows < 1 or not count or count % rows:
            return None
        values, names = first.data, numbered(count // rows)
        single = first.datatype in SINGLES
    if columns is not None:
        if type(columns) is not list or len(columns) != len(names):
            return None
        names = tuple(map(str, columns))
    data = struct.pack(f"<{len(values)}{'f' if single else 'd'}", *values)
    return Features(Schema(names, (), "<f4" if single else "<f8"), rows, data)


def _response(said: _Said, body: bytes) -> Inference | None:
    answered = _answered.decode(body)
    role = _role(said, answered.parameters)
    if role is None or answered.predictions is not msgspec.UNSET:
        return None
    tensor = next((t for t in answered.outputs if t.datatype in FLOATS), answered.outputs[0])
    rows, count, version = tensor.shape[0], len(tensor.data), answered.model_version
    if tensor.datatype == "BYTES" or not count or "\0" in (version or ""):
        return None
    if count != rows:
        return _several(said, tensor, version or said.version, role)
    return Inference(
        said.model,
        role,
        said.name,
        said.time_ms,
        rows=rows,
        version=version or said.version,
        scores=struct.pack(f"<{count}d", *tensor.data),
    )


def _several(said: _Said, tensor: _Tensor, version: str, role: str) -> Inference | None:
    """One row of probabilities of several classes."""
    width = len(tensor.data)
    if tensor.shape[0] != 1 or not is_shares(tensor.data):
        return None
    return Inference(
        said.model,
        role,
        said.name,
        said.time_ms,
        rows=1,
        version=version,
        scores=_NAN,
        shares=struct.pack(f"<{width}d", *tensor.data),
    )


_READERS: dict[bytes, Callable[[_Said, bytes], Inference | None]] = {
    REQUEST.encode(): _request,
    RESPONSE.encode(): _response,
}
