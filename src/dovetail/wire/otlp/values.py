"""Attribute values: OTLP's ``AnyValue`` as plain JSON values, without loss.

Text, truth, whole and real numbers, lists, maps and nothing are themselves. What JSON cannot say is
a map with one key: ``{"$double": "NaN"}``, ``{"$bytes": "base64"}``, and ``{"$map": {...}}`` around
a map that would be mistaken for one of these. A stored span is then small, and a search for a
user's words meets only what the user wrote.
"""

import base64
import math
from collections.abc import Mapping
from typing import Any

DOUBLE, BYTES, MAP = "$double", "$bytes", "$map"
DEEPEST = 64


def from_double(value: float) -> Any:
    """A real number as a plain value."""
    if math.isfinite(value):
        return value
    return {DOUBLE: "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}


def from_bytes(value: bytes) -> Any:
    """Bytes as a plain value."""
    return {BYTES: base64.b64encode(value).decode()}


def from_map(value: dict[str, Any]) -> Any:
    """A map of plain values as a plain value."""
    if len(value) == 1 and next(iter(value)).startswith("$"):
        return {MAP: value}
    return value


def from_native(value: Any) -> Any:
    """A value as Python's JSON has it, NaN included, as a plain value; the way back of ``native``.

    Examples:
        >>> from_native({"a": float("inf")})
        {'a': {'$double': 'Infinity'}}
    """
    if isinstance(value, float):
        return from_double(value)
    if isinstance(value, list):
        return [from_native(item) for item in value]
    if isinstance(value, dict):
        return from_map({str(key): from_native(item) for key, item in value.items()})
    return value


def to_any(value: Any) -> dict[str, Any]:
    """A plain value as the JSON of an ``AnyValue``, with protobuf's own field names.

    Examples:
        >>> to_any({"n": [1, {"$double": "NaN"}]})["kvlist_value"]["values"][0]["key"]
        'n'
        >>> to_any({"$double": "NaN"})
        {'double_value': 'NaN'}
    """
    if value is None:
        return {}
    if isinstance(value, str):
        return {"string_value": value}
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, int):
        return {"int_value": value}
    if isinstance(value, float):
        return {"double_value": value}
    if isinstance(value, list):
        return {"array_value": {"values": [to_any(item) for item in value]}}
    if DOUBLE in value and len(value) == 1:
        return {"double_value": value[DOUBLE]}
    if BYTES in value and len(value) == 1:
        return {"bytes_value": value[BYTES]}
    return {"kvlist_value": {"values": pairs(_inner(value))}}


def pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes as the JSON of a list of ``KeyValue``."""
    return [{"key": key, "value": to_any(value)} for key, value in attributes.items()]


def _inner(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(value) == 1 and MAP in value:
        inner: Mapping[str, Any] = value[MAP]
        return inner
    return value


def native(value: Any) -> Any:
    """A plain value as Python has it: NaN is a float again; bytes stay base64 text.

    Examples:
        >>> native([{"$double": "-Infinity"}, {"$map": {"$double": 1}}])
        [-inf, {'$double': 1}]
    """
    if isinstance(value, list):
        return [native(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        if DOUBLE in value:
            return float(value[DOUBLE])
        if BYTES in value:
            return value[BYTES]
    return {key: native(item) for key, item in _inner(value).items()}
