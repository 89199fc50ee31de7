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
        msgspec.DecodeError: The body is not JSON even so, or nested beyond reason.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as malformed:
        try:
            found = json.loads(body)
            json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except ValueError:
            raise malformed from None
        except RecursionError:
            raise _too_deep() from None
        return found
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"JSON is not UTF-8: {error.reason}") from error
    except RecursionError:
        raise _too_deep() from None


def decode(body: bytes | str, type: type[T], *, strict: bool = False) -> T:
    """Decode JSON into a message, forgiving what the field's clients are known to send.

    Numbers may be bare ``NaN`` and infinities. Unless told to be strict, numbers may also arrive
    as strings (``"12"``, ``"NaN"``), a null stands for an absent key, a document quoted into one
    JSON string is unwrapped, and an empty body is an empty object.

    Args:
        body: One JSON document, or nothing.
        type: The message to decode into.
        strict: Whether to forgive the bare numbers only.

    Raises:
        msgspec.ValidationError: The document does not fit the message.
        msgspec.DecodeError: The body is not JSON, or nested beyond reason.

    Examples:
        >>> decode(b'{"loss": NaN, "step": "3"}', dict[str, float])
        {'loss': nan, 'step': 3.0}
    """
    try:
        return _decode(body, type, strict)
    except RecursionError:
        raise _too_deep() from None


def _decode(body: bytes | str, type: type[T], strict: bool) -> T:
    if not strict:
        body = body or b"{}"
    try:
        return msgspec.json.decode(body, type=type, strict=strict)
    except msgspec.ValidationError:
        if strict:
            raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    value = loads(body)
    if strict:
        return msgspec.convert(value, type)
    if isinstance(value, str):
        value = loads(value)
    return msgspec.convert(without_nulls(value), type, strict=False)


def _too_deep() -> msgspec.DecodeError:
    return msgspec.DecodeError("JSON is nested too deeply")


def without_nulls(value: Any) -> Any:
    """Drop the keys of objects whose value is null, at every depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
