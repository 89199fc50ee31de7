"""Messages to and from JSON bodies and query strings, as protobuf's JSON mapping has them.

What is special: 64-bit numbers may come as text, NaN and the infinities travel as the strings
"NaN", "Infinity" and "-Infinity", and a GET carries its message as query parameters, where a
repeated field is a repeated key.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar, get_args

import msgspec

from dovetail.wire import lenient
from dovetail.wire.mlflow.entities import LoggedModelStatus, RunStatus, ViewType
from dovetail.wire.mlflow.errors import InvalidRequest

T = TypeVar("T", bound=msgspec.Struct)

_SEE = " See the API docs for more information about request parameters."
_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?")
_WRONG = re.compile(r"(.*) - at `\$\.(.*)`")
_LONGEST_SHOWN = 200
_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """Write a message as JSON.

    Examples:
        >>> from dovetail.wire.mlflow import Metric
        >>> encode(Metric("loss", float("nan"), 7))
        b'{"key":"loss","value":"NaN","timestamp":7,"step":0}'
    """
    body = _encoder.encode(message)
    if b":null" not in body:  # msgspec writes NaN as null, and unset fields are never written
        return body
    return _encoder.encode(_spell_numbers(msgspec.to_builtins(message)))


def _spell_numbers(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _spell_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spell_numbers(item) for item in value]
    return value


def decode(body: bytes, type: type[T]) -> T:
    """Read a request out of a JSON body.

    Raises:
        InvalidRequest: With MLflow's error code and words.
    """
    try:
        return lenient.decode(body, type)
    except msgspec.ValidationError as error:
        given = _document(body)
        named = _with_names(given, type)
        if named != given:
            return _from_document(named, type)
        raise _in_mlflows_words(error, given) from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"The request body is not JSON: {error}") from error


def from_query(
    pairs: Iterable[tuple[str, str]],
    type: type[T],
    path: Mapping[str, str] | None = None,
) -> T:
    """Read a request out of query parameters and path parameters; unknown keys are ignored.

    Raises:
        InvalidRequest: With MLflow's error code and words.

    Examples:
        >>> from dovetail.wire.mlflow import SearchModelVersions
        >>> from_query([("order_by", "name"), ("max_results", "5")], SearchModelVersions)
        SearchModelVersions(filter=None, max_results=5, order_by=('name',), page_token=None)
    """
    repeated = _repeated(type)
    values: dict[str, Any] = {}
    lists: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        if key in repeated:
            lists[key].append(value)
        else:
            values.setdefault(key, value)
    return _from_document(_with_names({**values, **lists, **(path or {})}, type), type)


def _from_document(given: Any, type: type[T]) -> T:
    try:
        return msgspec.convert(lenient.without_nulls(given), type, strict=False)
    except msgspec.ValidationError as error:
        raise _in_mlflows_words(error, given) from error


def _with_names(given: Any, type: type[msgspec.Struct]) -> Any:
    """Return a document with the names of those enumeration values that it gives as numbers."""
    if not isinstance(given, dict):
        return given
    return {
        key: names.get(str(value), value) if (names := _numbered(type).get(key)) else value
        for key, value in given.items()
    }


@cache
def _numbered(type: type[msgspec.Struct]) -> Mapping[str, Mapping[str, str]]:
    """Return, for each field that is an enumeration, its values by protobuf's numbers."""
    found = {}
    for field in msgspec.structs.fields(type):
        for one, names in _ENUMS.items():
            if field.type in (one, one | None):
                found[field.encode_name] = names
    return found


def _numbers(enum: Any, first: int) -> dict[str, str]:
    return {str(number): name for number, name in enumerate(get_args(enum), first)}


_ENUMS: Mapping[Any, Mapping[str, str]] = {
    ViewType: _numbers(ViewType, 1),
    RunStatus: _numbers(RunStatus, 1),
    LoggedModelStatus: _numbers(LoggedModelStatus, 0),
}


def to_query(message: msgspec.Struct) -> list[tuple[str, str]]:
    """Write a message as query parameters; unset fields are left out."""
    pairs: list[tuple[str, str]] = []
    for key, value in msgspec.to_builtins(message).items():
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [(key, _as_text(item)) for item in values]
    return pairs


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _repeated(type: type[msgspec.Struct]) -> frozenset[str]:
    fields = msgspec.inspect.type_info(type).fields  # type: ignore[attr-defined]
    lists = msgspec.inspect.VarTupleType | msgspec.inspect.ListType
    return frozenset(field.encode_name for field in fields if isinstance(field.type, lists))


def _in_mlflows_words(error: msgspec.ValidationError, given: Any) -> InvalidRequest:
    text = str(error)
    if missing := _MISSING.match(text):
        name, where = missing.groups()
        field = f"{where}.{name}" if where else name
        return InvalidRequest(f"Missing value for required parameter '{field}'.{_SEE}")
    if wrong := _WRONG.match(text):
        reason, where = wrong.groups()
        if isinstance(given, dict) and where in given:
            value = given[where]
            kind = type(value).__name__
            return InvalidRequest(
                f"Invalid value {_shown(value)} for parameter '{where}' supplied:  Hint: Value "
                f"was of type '{kind}'.{_SEE}"
            )
        return InvalidRequest(f"Invalid value for parameter '{where}' supplied: {reason}.{_SEE}")
    return InvalidRequest(f"Invalid request: {text}.{_SEE}")


def _document(body: bytes) -> Any:
    """Return a body that was read before, unwrapped if it is quoted into one string."""
    given = lenient.loads(body or b"{}")
    return lenient.loads(given) if isinstance(given, str) else given


def _shown(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
