"""OTLP in its binary encoding, read with OpenTelemetry's own protobuf messages.

They are imported with the first export, because most servers never see one.
"""

from typing import Any

from dovetail.wire.otlp.spans import (
    MOST_SPANS,
    SPAN_ID,
    STATUS_CODES,
    TRACE_ID,
    Event,
    InvalidSpans,
    Link,
    Span,
    checked,
    padded,
)
from dovetail.wire.otlp.values import from_bytes, from_double, from_map


def decode_protobuf(body: bytes) -> list[Span]:
    """Read an ``ExportTraceServiceRequest``.

    Args:
        body: The message; protobuf's parser bounds how deeply it may be nested.

    Raises:
        InvalidSpans: It is malformed, or holds a span that cannot be kept.
    """
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise InvalidSpans("the body is not a protobuf ExportTraceServiceRequest") from error
    groups = [
        (group.resource, scope.spans)
        for group in request.resource_spans
        for scope in group.scope_spans
    ]
    if sum(len(spans) for _, spans in groups) > MOST_SPANS:
        raise InvalidSpans(f"an export holds more than {MOST_SPANS} spans: send smaller batches")
    found = []
    for resource, spans in groups:
        shared = _attributes(resource.attributes)
        found += [checked(_span(span, shared)) for span in spans]
    return found


def _span(span: Any, resource: dict[str, Any]) -> Span:
    code = span.status.code
    return Span(
        trace_id=padded(span.trace_id.hex(), TRACE_ID),
        span_id=padded(span.span_id.hex(), SPAN_ID),
        parent_id=padded(span.parent_span_id.hex(), SPAN_ID) or None,
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano or None,
        status=STATUS_CODES[code] if 0 <= code < len(STATUS_CODES) else "UNSET",
        message=span.status.message,
        attributes=_attributes(span.attributes),
        events=tuple(
            Event(one.name, one.time_unix_nano, _attributes(one.attributes)) for one in span.events
        ),
        links=tuple(
            Link(one.trace_id.hex(), one.span_id.hex(), _attributes(one.attributes))
            for one in span.links
        ),
        resource=resource,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return from_map(_attributes(value.kvlist_value.values))
    plain = getattr(value, kind)
    if kind == "double_value":
        return from_double(plain)
    return from_bytes(plain) if kind == "bytes_value" else plain
