"""OTLP traces: spans in protobuf or JSON, as exporters send them, and back to JSON."""

from dovetail.wire.otlp.json import decode_json, to_json
from dovetail.wire.otlp.protobuf import decode_protobuf
from dovetail.wire.otlp.spans import Event, InvalidSpan, InvalidSpans, Link, Span
from dovetail.wire.otlp.status import PATH, status_json, status_protobuf
from dovetail.wire.otlp.values import from_native, native, to_any

__all__ = [
    "PATH",
    "Event",
    "InvalidSpan",
    "InvalidSpans",
    "Link",
    "Span",
    "decode_json",
    "decode_protobuf",
    "from_native",
    "native",
    "status_json",
    "status_protobuf",
    "to_any",
    "to_json",
]
