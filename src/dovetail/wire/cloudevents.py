"""CloudEvents 1.0 over HTTP: the event, its three content modes, and a sender.

Inference payload logs, outcomes and registry changes travel as CloudEvents, so that any sink
that knows the standard can stand where ours does. Read with ``decode``, which finds out the
mode; write with ``encode_batch``, ``encode_structured`` or ``encode_binary``.

Source: CloudEvents 1.0.2, its JSON format and its HTTP protocol binding. In binary mode every
attribute is text, so an extension sent as 3 or true arrives as "3" or "true".
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec

from dovetail.wire import lenient
from dovetail.wire.http import HttpClient

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_CORE = ("id", "source", "type", "specversion", "datacontenttype", "dataschema", "subject", "time")
_NOT_EXTENSIONS = frozenset({*_CORE, "data", "data_base64"})
_NAME = re.compile(r"[a-z0-9]+")
_JSON_TYPE = re.compile(r"[^/;]+/([^;+]+\+)?json\s*(;.*)?", re.IGNORECASE)
_encoder = msgspec.json.Encoder()

Extension = str | int | bool

__all__ = [
    "BATCH",
    "STRUCTURED",
    "Client",
    "Event",
    "Extension",
    "InvalidEvent",
    "decode",
    "encode_batch",
    "encode_binary",
    "encode_structured",
]


class InvalidEvent(ValueError):
    """Something that is not a CloudEvent, or an event that the standard does not allow."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    Attributes:
        id: Unique together with ``source``; the same event sent twice has the same id.
        source: A URI reference for who says it.
        type: What kind of thing happened, in reverse-DNS style.
        subject: What it happened to.
        time: When it happened, with a time zone.
        datacontenttype: The media type of ``data``; None means JSON.
        dataschema: A URI for the schema of ``data``.
        data: A JSON value; bytes where the media type is no JSON; None for no data.
        extensions: Further attributes by name (lower-case letters and digits).
        specversion: Always "1.0".
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: Any = None
    extensions: dict[str, Extension] = {}
    specversion: str = "1.0"

    def __post_init__(self) -> None:
        """Hold the event against the standard.

        Raises:
            InvalidEvent: An attribute is missing or has a value that is not allowed.
        """
        for name in ("id", "source", "type"):
            if not getattr(self, name):
                raise InvalidEvent(f"attribute {name!r} must not be empty")
        if self.specversion != "1.0":
            raise InvalidEvent(f"specversion is {self.specversion!r}, only '1.0' is known")
        if self.time is not None and self.time.tzinfo is None:
            raise InvalidEvent("attribute 'time' needs a time zone")
        for name, value in self.extensions.items():
            _check_extension(name, value)


def _check_extension(name: str, value: object) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidEvent(f"attribute name {name!r} is not lower-case letters and digits")
    if name in _NOT_EXTENSIONS:
        raise InvalidEvent(f"{name!r} is no extension attribute")
    if not isinstance(value, str | int):
        raise InvalidEvent(f"attribute {name!r} must be text, a whole number or a boolean")
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        raise InvalidEvent(f"attribute {name!r} is outside 32 bits: {value}")


def encode_structured(event: Event) -> tuple[dict[str, str], bytes]:
    """Write one event as one JSON document.

    Returns:
        The HTTP headers and the body.
    """
    return {"Content-Type": STRUCTURED}, _encoder.encode(_to_object(event))


def encode_batch(events: Sequence[Event]) -> tuple[dict[str, str], bytes]:
    """Write any number of events as one JSON array.

    Returns:
        The HTTP headers and the body.
    """
    return {"Content-Type": BATCH}, _encoder.encode([_to_object(event) for event in events])


def encode_binary(event: Event) -> tuple[dict[str, str], bytes]:
    """Write one event as ``ce-`` headers, with its data alone as the body.

    Returns:
        The HTTP headers and the body.
    """
    attributes: dict[str, Any] = {**_attributes(event), **event.extensions}
    content_type = attributes.pop("datacontenttype", None)
    headers = {f"ce-{name}": _quote(_as_text(value)) for name, value in attributes.items()}
    if event.data is None:
        return headers, b""
    headers["Content-Type"] = content_type or "application/json"
    if isinstance(event.data, bytes):
        return headers, event.data
    if isinstance(event.data, str) and not _is_json(content_type):
        return headers, event.data.encode()
    return headers, _encoder.encode(event.data)


def decode(headers: Mapping[str, str], body: bytes) -> list[Event]:
    """Read the events of an HTTP message in any of the three content modes.

    Args:
        headers: The HTTP headers; names in any case.
        body: The HTTP body.

    Returns:
        The events: one, or in batch mode as many as there are.

    Raises:
        InvalidEvent: The message carries no valid event.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    kind = lowered.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCH:
        items = _json(body)
        if not isinstance(items, list):
            raise InvalidEvent("a batch must be a JSON array")
        return [_from_item(item, f"event {place}: ") for place, item in enumerate(items)]
    if kind == STRUCTURED:
        return [_from_item(_json(body), "")]
    if kind.startswith("application/cloudevents"):
        raise InvalidEvent(f"event format {kind!r} is not known; send {STRUCTURED} or {BATCH}")
    return [_from_headers(lowered, body)]


class Client(HttpClient):
    """Sends events to a sink; the URL is the sink itself.

    Examples:
        >>> with Client("http://localhost:8080/monitoring/events") as sink:  # doctest: +SKIP
        ...     sink.send_events([Event(id="1", source="/demo", type="dev.example.ping")])
    """

    def send_events(self, events: Sequence[Event], path: str = "") -> None:
        """Send a batch; the sink has it when this returns.

        A batch may be delivered twice when the answer is lost: sinks drop what they have by
        ``source`` and ``id``.

        Args:
            events: What to send; nothing is sent for none.
            path: Below the client's URL.

        Raises:
            WireError: The sink did not take the batch.
        """
        if events:
            headers, body = encode_batch(events)
            self.send("POST", path, content=body, headers=headers, repeatable=True)


def _attributes(event: Event) -> dict[str, str]:
    values: dict[str, str] = {}
    for name in _CORE:
        value = getattr(event, name)
        if value is not None:
            values[name] = _rfc3339(value) if name == "time" else value
    return values


def _to_object(event: Event) -> dict[str, Any]:
    item: dict[str, Any] = {**_attributes(event), **event.extensions}
    if isinstance(event.data, bytes):
        item["data_base64"] = base64.b64encode(event.data).decode()
    elif event.data is not None:
        item["data"] = event.data
    return item


def _from_item(item: Any, where: str) -> Event:
    if not isinstance(item, dict):
        raise InvalidEvent(f"{where}an event must be a JSON object")
    try:
        return _from_object(item)
    except InvalidEvent as error:
        raise InvalidEvent(f"{where}{error}") from None


def _from_object(item: dict[str, Any]) -> Event:
    data = item.get("data")
    if item.get("data_base64") is not None:
        if data is not None:
            raise InvalidEvent("an event has 'data' or 'data_base64', not both")
        data = _from_base64(item["data_base64"])
    rest = {
        name: value
        for name, value in item.items()
        if name not in _NOT_EXTENSIONS and value is not None
    }
    core = {name: item[name] for name in _CORE if item.get(name) is not None}
    for name, value in core.items():
        if not isinstance(value, str):
            raise InvalidEvent(f"attribute {name!r} must be text")
    return _build(core, rest, data)


def _from_headers(headers: Mapping[str, str], body: bytes) -> Event:
    given = {
        name.removeprefix("ce-"): _unquote(name, value)
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    if not given:
        raise InvalidEvent("neither a CloudEvents content type nor ce- headers")
    content_type = headers.get("content-type")
    core = {name: given.pop(name) for name in _CORE if name in given}
    if content_type:
        core["datacontenttype"] = content_type
    data: Any = None
    if body:
        data = _json(body) if _is_json(content_type) else body
    return _build(core, given, data)


def _build(core: dict[str, str], extensions: dict[str, Any], data: Any) -> Event:
    for name in ("id", "source", "type", "specversion"):
        if name not in core:
            raise InvalidEvent(f"attribute {name!r} is missing")
    time = _parse_time(core.pop("time")) if "time" in core else None
    return Event(**core, time=time, extensions=extensions, data=data)


def _parse_time(text: str) -> datetime:
    try:
        time = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise InvalidEvent(f"attribute 'time' is no RFC 3339 time: {text!r}") from None
    if time.tzinfo is None:
        raise InvalidEvent(f"attribute 'time' has no time zone: {text!r}")
    return time


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _json(body: bytes) -> Any:
    try:
        return lenient.loads(body)
    except msgspec.DecodeError as error:
        raise InvalidEvent(f"the body is not JSON: {error}") from error


def _from_base64(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise InvalidEvent(f"'data_base64' is not base64: {error}") from error


def _is_json(content_type: str | None) -> bool:
    return content_type is None or _JSON_TYPE.fullmatch(content_type.strip()) is not None


def _as_text(value: Extension) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quote(text: str) -> str:
    plain = [char if "!" <= char <= "~" and char not in '"%' else _percent(char) for char in text]
    return "".join(plain)


def _unquote(name: str, value: str) -> str:
    if "%" not in value:
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise InvalidEvent(f"header {name!r} is not UTF-8: {value!r}") from None


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())
