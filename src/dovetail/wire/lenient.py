"""JSON as the tools of this field really write it.

MLflow, Triton and Feast clients send bare ``NaN`` tokens, numbers as strings, explicit nulls and
now and then a JSON document inside a JSON string. RFC 8259 knows none of that, and msgspec is
right to refuse it. Decoding therefore takes the strict, fast road first and only on failure the
slow, forgiving one, so that well-formed traffic pays nothing.
"""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

__all__ = ["decode", "loads"]


def loads(body: bytes | str) -> Any:
    """Parse JSON, also with bare ``NaN``, ``Infinity`` and ``-Infinity``.

    Args:
        body: One JSON document.

    Raises:
        msgspec.DecodeError: The body is not JSON even so.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as malformed:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise malformed from None


def decode(body: bytes | str, type: type[T]) -> T:
    """Decode JSON into a message, forgiving what the field's clients are known to send.

    Numbers may arrive as strings (``"12"``, ``"NaN"``); a null stands for an absent key; a
    document quoted into one JSON string is unwrapped; an empty body is an empty object.

    Args:
        body: One JSON document, or nothing.
        type: The message to decode into.

    Raises:
        msgspec.ValidationError: The document does not fit the message.
        msgspec.DecodeError: The body is not JSON.

    Examples:
        >>> decode(b'{"loss": NaN, "step": "3"}', dict[str, float])
        {'loss': nan, 'step': 3.0}
    """
    try:
        return msgspec.json.decode(body or b"{}", type=type, strict=False)
    except msgspec.DecodeError:
        value = loads(body)
    if isinstance(value, str):
        value = loads(value)
    return msgspec.convert(without_nulls(value), type, strict=False)


def without_nulls(value: Any) -> Any:
    """Drop the keys of objects whose value is null, at every depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
