"""What clients give as JSON objects: known fields are read, the rest is kept word for word."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import Raw

from dovetail.labels.backend import instant
from dovetail.labels.errors import FieldError

__all__ = ["Fields", "checked_json", "entity", "items", "text_of"]

T = TypeVar("T")
SMALL, MOST_VALUES = 1 << 20, 5_000_000
_OBJECTS = msgspec.json.Decoder(list[dict[str, Raw]])
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])


def checked_json(body: bytes) -> Any:
    """Return a body's value, having checked every character of it.

    What is kept as text is spliced into later answers, so it has to be flawless JSON.

    Raises:
        FieldError: it is not.
    """
    if len(body) > SMALL and body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise FieldError(
            f"the body has more than {MOST_VALUES:,} lists and objects",
            why="each takes twenty times the memory that it takes in the body",
            fix="send it in parts",
        )
    try:
        return orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise FieldError(f"the body is not JSON: {error}") from error


def entity(body: bytes) -> "Fields":
    """Return the fields of one object.

    Raises:
        FieldError: the body is no JSON object.
    """
    if not isinstance(checked_json(body), dict):
        raise FieldError("the body is no JSON object", fix='send {"name": value, ...}')
    return Fields(_OBJECT.decode(body))


def items(raw: bytes | Raw, name: str) -> list["Fields"]:
    """Return the fields of each object of a list that is JSON for certain.

    What is no object is passed over: exports name predictions and drafts by their ids alone.

    Raises:
        FieldError: it is no list.
    """
    try:
        return [Fields(one) for one in _OBJECTS.decode(raw)]
    except msgspec.ValidationError:
        pass
    try:
        listed = _LIST.decode(raw)
    except msgspec.ValidationError as error:
        raise FieldError(f"{name} must be a list: {error}", name) from error
    return [Fields(_OBJECT.decode(one)) for one in listed if bytes(one)[:1] == b"{"]


def text_of(raw: Raw) -> str:
    """Return JSON as the text that is stored."""
    return bytes(raw).decode()


class Fields:
    """The fields of one JSON object.

    Args:
        values: each as it came.
    """

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Raw]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def take(self, name: str, kind: type[T], default: T) -> T:
        """Return a field, or the default where it is absent or null.

        Raises:
            FieldError: it is of another type.
        """
        raw = self.values.get(name)
        if raw is None:
            return default
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.ValidationError as error:
            if bytes(raw) == b"null":
                return default
            raise FieldError(f"{name}: {error}", name) from error

    def optional(self, name: str, kind: type[T]) -> T | None:
        """Return a field; None where it is absent or null."""
        raw = self.values.get(name)
        if raw is None or bytes(raw) == b"null":
            return None
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.ValidationError as error:
            raise FieldError(f"{name}: {error}", name) from error

    def text(self, name: str, default: str) -> str:
        """Return a field as JSON text."""
        raw = self.values.get(name)
        return default if raw is None else bytes(raw).decode()

    def moment(self, name: str, default: str) -> str:
        """Return a time as it is stored; the default where there is none.

        Raises:
            FieldError: it is no time.
        """
        said = self.optional(name, str)
        if not said:
            return default
        try:
            moment = datetime.fromisoformat(said)
        except ValueError as error:
            raise FieldError(f"{name}: {said!r} is no time", name) from error
        return instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))

    def regions(self, name: str = "result") -> tuple[str, int]:
        """Return a result as JSON text, and how many regions it has.

        Raises:
            FieldError: it is no list.
        """
        given = self.values.get(name)
        if given is None:
            return "[]", 0
        text = bytes(given)
        if text[:1] == b'"':  # some clients send the list as a string
            text = msgspec.json.decode(text, type=str).encode()
            checked_json(text)
        try:
            count = len(_LIST.decode(text))
        except msgspec.ValidationError as error:
            raise FieldError(f"{name} must be a list of regions: {error}", name) from error
        return text.decode(), count

    def rest(self, known: Sequence[str] | frozenset[str]) -> str | None:
        """Return the fields that nobody here knows, as a JSON object; None where there are none."""
        if self.values.keys() <= set(known):
            return None
        left = {name: raw for name, raw in self.values.items() if name not in known}
        return msgspec.json.encode(left).decode()
