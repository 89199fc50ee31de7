"""OTLP in its JSON encoding, and spans as JSON with protobuf's own field names.

What exporters send has lowerCamelCase names and hexadecimal ids; what MLflow's REST API answers
with has protobuf's names and ids in base64, as protobuf's JSON mapping has bytes.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from dovetail.wire import lenient
from dovetail.wire.otlp.spans import (
    MOST_SPANS,
    SPAN_ID,
    STATUS_CODES,
    TRACE_ID,
    Event,
    InvalidSpans,
    Link,
    Span,
    StatusCode,
    checked,
    padded,
)
from dovetail.wire.otlp.values import DEEPEST, from_bytes, from_double, from_map, pairs


class _Wire(msgspec.Struct, frozen=True, rename="camel"):
    """The base of what is read; unknown fields are passed over, as OTLP asks."""


class _Value(_Wire, frozen=True):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | None = None
    double_value: float | None = None
    bytes_value: str | None = None
    array_value: "_Values | None" = None
    kvlist_value: "_Pairs | None" = None


class _Values(_Wire, frozen=True):
    values: tuple[_Value, ...] = ()


class _Pair(_Wire, frozen=True):
    key: str = ""
    value: _Value = _Value()


class _Pairs(_Wire, frozen=True):
    values: tuple[_Pair, ...] = ()


class _Event(_Wire, frozen=True):
    name: str = ""
    time_unix_nano: int = 0
    attributes: tuple[_Pair, ...] = ()


class _Link(_Wire, frozen=True):
    trace_id: str = ""
    span_id: str = ""
    attributes: tuple[_Pair, ...] = ()


class _Status(_Wire, frozen=True):
    code: int | str = 0
    message: str = ""


class _Span(_Wire, frozen=True):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    kind: int | str = 0
    start_time_unix_nano: int = 0
    end_time_unix_nano: int = 0
    attributes: tuple[_Pair, ...] = ()
    events: tuple[_Event, ...] = ()
    links: tuple[_Link, ...] = ()
    status: _Status = _Status()


class _Scope(_Wire, frozen=True):
    spans: tuple[_Span, ...] = ()


class _Resource(_Wire, frozen=True):
    attributes: tuple[_Pair, ...] = ()


class _Group(_Wire, frozen=True):
    resource: _Resource = _Resource()
    scope_spans: tuple[_Scope, ...] = ()


class _Export(_Wire, frozen=True):
    resource_spans: tuple[_Group, ...] = ()


_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


def decode_json(body: bytes) -> list[Span]:
    """Read an ``ExportTraceServiceRequest`` written as JSON.

    Raises:
        InvalidSpans: It is malformed, or holds a span that cannot be kept.
    """
    try:
        export = lenient.decode(body, _Export)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InvalidSpans(f"the body is not OTLP in JSON: {error}") from error
    groups = [
        (group, scope.spans) for group in export.resource_spans for scope in group.scope_spans
    ]
    if sum(len(spans) for _, spans in groups) > MOST_SPANS:
        raise InvalidSpans(f"an export holds more than {MOST_SPANS} spans: send smaller batches")
    found = []
    for group, spans in groups:
        resource = _attributes(group.resource.attributes)
        found += [checked(_span(span, resource)) for span in spans]
    return found


def _span(span: _Span, resource: dict[str, Any]) -> Span:
    return Span(
        trace_id=padded(_hex(span.trace_id), TRACE_ID),
        span_id=padded(_hex(span.span_id), SPAN_ID),
        parent_id=padded(_hex(span.parent_span_id), SPAN_ID) or None,
        name=span.name,
        kind=_number(span.kind, "SPAN_KIND_", _KINDS),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano or None,
        status=_code(span.status.code),
        message=span.status.message,
        attributes=_attributes(span.attributes),
        events=tuple(
            Event(one.name, one.time_unix_nano, _attributes(one.attributes)) for one in span.events
        ),
        links=tuple(
            Link(_hex(one.trace_id), _hex(one.span_id), _attributes(one.attributes))
            for one in span.links
        ),
        resource=resource,
    )


def _hex(text: str) -> str:
    try:
        return bytes.fromhex(text).hex()
    except ValueError as error:
        raise InvalidSpans(f"the id {text[:40]!r} is not hexadecimal") from error


def _number(given: int | str, prefix: str, names: Sequence[str]) -> int:
    if isinstance(given, int):
        return given if 0 <= given < len(names) else 0
    name = given.removeprefix(prefix)
    return names.index(name) if name in names else 0


def _code(given: int | str) -> StatusCode:
    return STATUS_CODES[_number(given, "STATUS_CODE_", STATUS_CODES)]


def _attributes(given: Sequence[_Pair], depth: int = 0) -> dict[str, Any]:
    return {pair.key: _value(pair.value, depth) for pair in given}


def _value(value: _Value, depth: int) -> Any:
    if depth > DEEPEST:
        raise InvalidSpans("an attribute is nested too deeply")
    for plain in (value.string_value, value.bool_value):
        if plain is not None:
            return plain
    if value.int_value is not None:
        if not -(1 << 63) <= value.int_value < 1 << 63:
            raise InvalidSpans("a whole number of an attribute has more than 64 bits")
        return value.int_value
    if value.double_value is not None:
        return from_double(value.double_value)
    if value.array_value is not None:
        return [_value(item, depth + 1) for item in value.array_value.values]
    if value.kvlist_value is not None:
        return from_map(_attributes(value.kvlist_value.values, depth + 1))
    return None if value.bytes_value is None else _bytes(value.bytes_value)


def _bytes(text: str) -> Any:
    try:
        return from_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidSpans("the bytes of an attribute are not base64") from error


def to_json(span: Span) -> dict[str, Any]:
    """A span as MLflow's REST API answers with it."""
    body: dict[str, Any] = {
        "trace_id": base64_of(span.trace_id),
        "span_id": base64_of(span.span_id),
        "name": span.name,
        "start_time_unix_nano": span.start_ns,
        "attributes": pairs(span.attributes),
        "status": {"code": f"STATUS_CODE_{span.status}"},
    }
    if span.parent_id:
        body["parent_span_id"] = base64_of(span.parent_id)
    if span.end_ns:
        body["end_time_unix_nano"] = span.end_ns
    if span.message:
        body["status"]["message"] = span.message
    if span.events:
        body["events"] = [
            {"name": e.name, "time_unix_nano": e.time_unix_nano, "attributes": pairs(e.attributes)}
            for e in span.events
        ]
    if span.links:
        body["links"] = [
            {
                "trace_id": base64_of(link.trace_id),
                "span_id": base64_of(link.span_id),
                "attributes": pairs(link.attributes),
            }
            for link in span.links
        ]
    return body


def base64_of(id: str) -> str:
    """An id in base64, as protobuf's JSON mapping has bytes.

    Examples:
        >>> base64_of("00ff")
        'AP8='
    """
    return base64.b64encode(bytes.fromhex(id)).decode()
