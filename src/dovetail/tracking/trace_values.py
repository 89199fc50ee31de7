"""What is accepted of a trace, and what is inferred of it from its spans.

Both ways in stand on this: MLflow's API, where a client says what a whole trace is, and OTLP, where
only spans arrive.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.store.spans import Incoming, prepare
from dovetail.tracking.store.traces import NAME
from dovetail.tracking.validation import MAX_KEY, MAX_TAG, check_key
from dovetail.wire.otlp import Span, native

__all__ = [
    "INPUTS",
    "OUTPUTS",
    "arrivals",
    "check_ms",
    "check_trace_id",
    "check_trace_tag",
    "clean",
    "kind_of",
    "labels",
    "without_managed",
]

INPUTS, OUTPUTS, KIND = "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.spanType"
REQUEST_ID = "mlflow.traceRequestId"
SERVICE = "service.name"
TAG_PREFIX = "mlflow.traceTag."
_FROM_ATTRIBUTES = {"session.id": "mlflow.trace.session", "user.id": "mlflow.trace.user"}
_MANAGED = frozenset(
    {"mlflow.trace.spansLocation", "mlflow.trace.archiveLocation", "mlflow.trace.archivalFailure"}
)
_TRACE_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
PREVIEW = 1000
LATEST_MS = 253_402_300_799_999


def check_trace_id(trace_id: str) -> str:
    """Return an id that a trace may have; it becomes part of a path."""
    if not _TRACE_ID.fullmatch(trace_id):
        raise InvalidParameterError(
            f"Invalid trace ID {json.dumps(trace_id)}. It may have at most 50 letters, digits, "
            "dashes and underscores."
        )
    return trace_id


def check_ms(ms: int) -> int:
    """Return an instant in milliseconds since 1970, before the year 10000."""
    if not 0 <= ms <= LATEST_MS:
        raise InvalidParameterError(f"Invalid timestamp {ms}: expected milliseconds since 1970.")
    return ms


def check_trace_tag(key: str, value: str, done: str = "set") -> tuple[str, str]:
    """Return a tag that a client may change; a value that is too long is cut, as MLflow does."""
    if key in _MANAGED:
        raise InvalidParameterError(f"Tag '{key}' is immutable and cannot be {done} on a trace.")
    check_key(key)
    return next(iter(labels({key: value}).items()))


def without_managed(given: Mapping[str, str]) -> dict[str, str]:
    """Return labels without the tags that are the server's to set."""
    return {key: value for key, value in given.items() if key not in _MANAGED}


def labels(given: Mapping[str, str]) -> dict[str, str]:
    """Return tags or metadata that fit their columns."""
    for key in given:
        if len(key) > MAX_KEY:
            raise InvalidParameterError(f"'key' exceeds the maximum length of {MAX_KEY} characters")
    return {clean(key): clean(value)[:MAX_TAG] for key, value in given.items()}


def clean(text: str) -> str:
    """Return text without NUL, which PostgreSQL cannot keep."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def kind_of(span: Span) -> str:
    """Return MLflow's type of a span."""
    kind = span.attributes.get(KIND)
    return kind if isinstance(kind, str) and kind else "UNKNOWN"


def arrivals(spans: Sequence[Span]) -> list[Incoming]:
    """Return exported spans as what is to be inserted, one for each trace."""
    by_trace: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_trace[span.trace_id].append(span)
    return [_incoming(f"tr-{trace_id}", several) for trace_id, several in by_trace.items()]


def _incoming(trace_id: str, spans: Sequence[Span]) -> Incoming:
    root = next((span for span in spans if span.parent_id is None), None)
    ends = [span.end_ns for span in spans if span.end_ns]
    return Incoming(
        trace_id=trace_id,
        rows=[prepare(span, clean(kind_of(span)), _known(span, trace_id)) for span in spans],
        begins_ms=min(span.start_ns for span in spans) // 1_000_000,
        ends_ms=max(ends) // 1_000_000 if ends else None,
        values=_values(root) if root else {},
        tags=_own_tags(root) if root else {},
        hints=_resource_tags(spans),
        metadata=_metadata(spans),
    )


def _known(span: Span, trace_id: str) -> dict[str, Any]:
    """Return attributes that the server sets; a root also says which service made it."""
    known: dict[str, Any] = {REQUEST_ID: trace_id}
    service = span.resource.get(SERVICE) if span.parent_id is None else None
    if isinstance(service, str) and not service.startswith("unknown_service"):
        known[SERVICE] = service
    return known


def _values(root: Span) -> dict[str, Any]:
    named = root.attributes.get(f"{TAG_PREFIX}{NAME}")
    values: dict[str, Any] = {
        "status": "ERROR" if root.status == "ERROR" else "OK",
        "name": clean(named if isinstance(named, str) else root.name),
    }
    for column, key in (("request_preview", INPUTS), ("response_preview", OUTPUTS)):
        if key in root.attributes:
            values[column] = _preview(root.attributes[key])
    return values


def _preview(value: Any) -> str:
    text = json.dumps(native(value), ensure_ascii=False)
    return clean(text if len(text) <= PREVIEW else f"{text[: PREVIEW - 3]}...")


def _own_tags(root: Span) -> dict[str, str]:
    """Return the tags that a client without MLflow's API sets through attributes."""
    given = {
        key.removeprefix(TAG_PREFIX): _text(value)
        for key, value in root.attributes.items()
        if key.startswith(TAG_PREFIX)
    }
    given.pop(NAME, None)
    return _fitting(without_managed(given))


def _resource_tags(spans: Sequence[Span]) -> dict[str, str]:
    resource = next((span.resource for span in spans if span.resource), {})
    kept = {
        key: _text(value)
        for key, value in resource.items()
        if not key.startswith(("telemetry.sdk.", "mlflow."))
    }
    return _fitting(kept)


def _metadata(spans: Sequence[Span]) -> dict[str, str]:
    found: dict[str, str] = {}
    for span in spans:
        for attribute, key in _FROM_ATTRIBUTES.items():
            if attribute in span.attributes:
                found.setdefault(key, _text(span.attributes[attribute]))
    return _fitting(found)


def _fitting(given: Mapping[str, str]) -> dict[str, str]:
    return labels({key: value for key, value in given.items() if 0 < len(key) <= MAX_KEY})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(native(value), ensure_ascii=False)
