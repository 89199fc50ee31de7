"""The file `traces.json`: the spans of a trace as MLflow's clients write and read them.

Each attribute is JSON in a text. Clients since version 3 write OpenTelemetry's names and ids in
base64; those of version 2 write names of their own and ids in hexadecimal.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dovetail.wire import lenient
from dovetail.wire.otlp import Event, InvalidSpans, Link, Span, from_native, native, to_json

__all__ = ["contents", "read", "read_contents", "write"]

MOST = 20_000


class _Status(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Context(msgspec.Struct, frozen=True):
    span_id: str = ""


class _Event(msgspec.Struct, frozen=True):
    name: str = ""
    time_unix_nano: int = 0
    timestamp: int = 0
    attributes: Mapping[str, Any] = msgspec.field(default_factory=dict)


class _Link(msgspec.Struct, frozen=True):
    trace_id: str = ""
    span_id: str = ""
    attributes: Mapping[str, Any] = msgspec.field(default_factory=dict)


class _Span(msgspec.Struct, frozen=True):
    name: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    start_time_unix_nano: int = 0
    end_time_unix_nano: int | None = None
    status: _Status = _Status()
    context: _Context | None = None
    parent_id: str | None = None
    start_time: int = 0
    end_time: int | None = None
    status_code: str = ""
    status_message: str = ""
    attributes: Mapping[str, Any] = msgspec.field(default_factory=dict)
    events: tuple[_Event, ...] = ()
    links: tuple[_Link, ...] = ()


class _File(msgspec.Struct, frozen=True):
    spans: tuple[_Span, ...] = ()


def write(spans: Sequence[Span]) -> bytes:
    """Write spans into the file."""
    return f'{{"spans": [{", ".join(contents(spans))}]}}'.encode()


def contents(spans: Sequence[Span]) -> list[str]:
    """Write spans one by one, as MLflow's database keeps them."""
    return [json.dumps(_as_mlflow(span), ensure_ascii=False) for span in spans]


def _as_mlflow(span: Span) -> dict[str, Any]:
    body = to_json(span)
    body["parent_span_id"] = body.get("parent_span_id")
    body["end_time_unix_nano"] = span.end_ns
    body["status"] = {"code": body["status"]["code"], "message": span.message}
    body["attributes"] = {
        key: json.dumps(native(value), ensure_ascii=False) for key, value in span.attributes.items()
    }
    body["events"] = [
        {"name": e.name, "time_unix_nano": e.time_unix_nano, "attributes": _native(e.attributes)}
        for e in span.events
    ]
    body["links"] = [
        {
            "trace_id": f"tr-{link.trace_id}",
            "span_id": link.span_id,
            "attributes": _native(link.attributes),
        }
        for link in span.links
    ]
    return body


def _native(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: native(value) for key, value in attributes.items()}


def read(body: bytes) -> list[Span]:
    """Read the spans of a file that a client wrote.

    Raises:
        InvalidSpans: it is not such a file, or holds too many.
    """
    try:
        file = lenient.decode(body, _File)
        if len(file.spans) > MOST:
            raise InvalidSpans(f"the file holds more than {MOST} spans")
        return [_span(one) for one in file.spans]
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidSpans(f"the file is not MLflow's traces.json: {error}") from error


def read_contents(texts: Sequence[str], trace_id: str) -> list[Span]:
    """Read spans that were written one by one.

    Args:
        texts: one for each span.
        trace_id: whose they are.

    Raises:
        InvalidSpans: one of them is not a span.
    """
    found = read(f'{{"spans": [{", ".join(texts)}]}}'.encode())
    return [msgspec.structs.replace(span, trace_id=trace_id.removeprefix("tr-")) for span in found]


def _span(one: _Span) -> Span:
    is_old = one.context is not None
    code = (one.status_code if is_old else one.status.code).removeprefix("STATUS_CODE_")
    return Span(
        trace_id="0" * 32,
        span_id=_id(one.context.span_id if one.context else one.span_id),
        parent_id=_id(one.parent_id if is_old else one.parent_span_id) or None,
        name=one.name,
        start_ns=one.start_time or one.start_time_unix_nano,
        end_ns=one.end_time or one.end_time_unix_nano,
        status="ERROR" if code == "ERROR" else "OK" if code == "OK" else "UNSET",
        message=one.status_message or one.status.message,
        attributes={key: _value(value) for key, value in one.attributes.items()},
        events=tuple(
            Event(e.name, e.time_unix_nano or e.timestamp * 1000, from_native(dict(e.attributes)))
            for e in one.events
        ),
        links=tuple(
            Link(x.trace_id.removeprefix("tr-"), x.span_id, from_native(dict(x.attributes)))
            for x in one.links
        ),
    )


def _id(text: str | None) -> str:
    """Return an id in hexadecimal, from `0x...`, hexadecimal or base64."""
    plain = (text or "").removeprefix("0x")
    if plain.endswith("="):
        try:
            return base64.b64decode(plain, validate=True).hex()
        except binascii.Error as error:
            raise ValueError(f"{plain!r} is not an id") from error
    return plain


def _value(value: Any) -> Any:
    """Return an attribute, which is JSON in a text unless the client left it plain."""
    if not isinstance(value, str):
        return from_native(value)
    try:
        return from_native(json.loads(value))
    except ValueError:
        return value
