"""Spans as values, whichever encoding brought them.

From ``opentelemetry/proto/trace/v1/trace.proto``. Ids are lower-case hexadecimal text, times are
nanoseconds since 1970, attributes are plain values as ``values.py`` describes them.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

StatusCode = Literal["UNSET", "OK", "ERROR"]
STATUS_CODES: tuple[StatusCode, ...] = ("UNSET", "OK", "ERROR")
Attributes = Mapping[str, Any]
TRACE_ID, SPAN_ID = 16, 8
LATEST = (1 << 63) - 1
MOST_SPANS = 20_000


class InvalidSpans(ValueError):
    """An export that is not OTLP, or that is too large."""


class InvalidSpan(InvalidSpans):
    """An export that is OTLP but holds a span which cannot be kept."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened within a span, such as an exception."""

    name: str
    time_unix_nano: int = 0
    attributes: Attributes = msgspec.field(default_factory=dict)


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pointer to a span of this or of another trace."""

    trace_id: str
    span_id: str
    attributes: Attributes = msgspec.field(default_factory=dict)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: The span that it is part of; None for the root.
        name: What it does.
        kind: OpenTelemetry's ``SpanKind`` as a number.
        start_ns: When it began.
        end_ns: When it ended; None while it runs.
        status: How it went.
        message: What went wrong.
        attributes: What was recorded of it.
        events: What happened within it.
        links: Which spans it points at.
        resource: What is recorded of the process that made it; shared by many spans.
    """

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    kind: int = 0
    start_ns: int = 0
    end_ns: int | None = None
    status: StatusCode = "UNSET"
    message: str = ""
    attributes: Attributes = msgspec.field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    resource: Attributes = msgspec.field(default_factory=dict)


def checked(span: Span) -> Span:
    """Return a span whose ids and times can be kept.

    Raises:
        InvalidSpans: They cannot.
    """
    ids = ((span.trace_id, TRACE_ID, "trace id"), (span.span_id, SPAN_ID, "span id"))
    for text, size, what in ids:
        if len(text) != 2 * size:
            raise InvalidSpan(f"the {what} of span {span.name[:80]!r} is not {size} bytes")
    if span.parent_id is not None and len(span.parent_id) != 2 * SPAN_ID:
        raise InvalidSpan(f"the parent's id of span {span.name[:80]!r} is not {SPAN_ID} bytes")
    if not 0 <= span.start_ns <= LATEST or not 0 <= (span.end_ns or 0) <= LATEST:
        raise InvalidSpan(f"the times of span {span.name[:80]!r} are out of range")
    return span


def padded(id: str, size: int) -> str:
    """An id with the leading zeros that some exporters leave out; an absent one stays absent.

    Examples:
        >>> padded("ff", 8)
        '00000000000000ff'
    """
    return id.rjust(2 * size, "0") if id else ""
