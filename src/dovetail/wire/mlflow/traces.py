"""Requests and answers about traces, of MLflow 3's API and of the one that 2.x clients speak.

From ``TraceInfoV3``, ``TraceInfo`` and their requests in ``service.proto``. Version 3 writes times
as protobuf's ``Timestamp`` and ``Duration`` and keeps labels in maps; version 2 has milliseconds
and lists of keys and values. Spans are OpenTelemetry's, as ``otlp.to_json`` writes them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from dovetail.wire.mlflow.entities import Message, Tag

TraceState = Literal["STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"]
OldTraceState = Literal["TRACE_STATUS_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"]
Labels = Mapping[str, str]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class ExperimentLocation(Message, frozen=True):
    """An experiment as the place of a trace."""

    experiment_id: str


class TraceLocation(Message, frozen=True):
    """Where a trace lies; only experiments are places here."""

    type: str = "TRACE_LOCATION_TYPE_UNSPECIFIED"
    mlflow_experiment: ExperimentLocation | None = None


class TraceInfo(Message, frozen=True, kw_only=True):
    """What a trace is, without its spans; ``request_time`` and ``execution_duration`` are text."""

    trace_id: str
    client_request_id: str | None = None
    trace_location: TraceLocation
    request_time: str | None = None
    execution_duration: str | None = None
    state: TraceState = "STATE_UNSPECIFIED"
    trace_metadata: Labels = msgspec.field(default_factory=dict)
    tags: Labels = msgspec.field(default_factory=dict)
    request_preview: str | None = None
    response_preview: str | None = None


class Trace(Message, frozen=True):
    """A trace: what it is, and its spans where they were asked for."""

    trace_info: TraceInfo
    spans: tuple[Mapping[str, Any], ...] = ()


class StartTrace(Message, frozen=True):
    """Record a trace; MLflow's clients send it when the trace has ended."""

    trace: Trace


class TraceResponse(Message, frozen=True):
    """One trace."""

    trace: Trace


class GetTraceInfo(Message, frozen=True):
    """Get what a trace is, by id."""

    trace_id: str


class GetTrace(Message, frozen=True):
    """Get a trace with its spans; unless ``allow_partial``, all of them must have arrived."""

    trace_id: str
    allow_partial: bool = False


class BatchGetTraces(Message, frozen=True):
    """Get traces by id, in the order of the ids; unknown ones are left out."""

    trace_ids: tuple[str, ...] = ()
    experiment_ids: tuple[str, ...] = ()


class TracesResponse(Message, frozen=True):
    """Traces with their spans."""

    traces: tuple[Trace, ...] = ()


class TraceInfosResponse(Message, frozen=True):
    """Traces without their spans."""

    trace_infos: tuple[TraceInfo, ...] = ()


class SearchTraces(Message, frozen=True, kw_only=True):
    """Find traces in experiments."""

    locations: tuple[TraceLocation, ...] = ()
    filter: str | None = None
    max_results: int = 100
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class SearchTracesResponse(Message, frozen=True):
    """A page of traces without their spans."""

    traces: tuple[TraceInfo, ...] = ()
    next_page_token: str | None = None


class DeleteTraces(Message, frozen=True, kw_only=True):
    """Delete traces of an experiment: by id, or the oldest up to a time or a number."""

    experiment_id: str
    max_timestamp_millis: int | None = None
    max_traces: int | None = None
    request_ids: tuple[str, ...] = ()


class DeleteTracesResponse(Message, frozen=True):
    """How many traces were deleted."""

    traces_deleted: int = msgspec.field(default_factory=int)


class SetTraceTag(Message, frozen=True):
    """Set a tag of a trace."""

    trace_id: str
    key: str
    value: str = ""


class DeleteTraceTag(Message, frozen=True):
    """Delete a tag of a trace."""

    trace_id: str
    key: str


class LinkTracesToRun(Message, frozen=True):
    """Say that traces belong to a run."""

    run_id: str
    trace_ids: tuple[str, ...] = ()


class OldTraceInfo(Message, frozen=True, kw_only=True):
    """What a trace is, in version 2; times in milliseconds."""

    request_id: str
    experiment_id: str
    timestamp_ms: int
    execution_time_ms: int = msgspec.field(default_factory=int)
    status: OldTraceState = msgspec.field(default_factory=lambda: "TRACE_STATUS_UNSPECIFIED")
    request_metadata: tuple[Tag, ...] = ()
    tags: tuple[Tag, ...] = ()


class OldTraceInfoResponse(Message, frozen=True):
    """One trace, in version 2."""

    trace_info: OldTraceInfo


class OldStartTrace(Message, frozen=True, kw_only=True):
    """Begin a trace; the server gives it its id."""

    experiment_id: str
    timestamp_ms: int = 0
    request_metadata: tuple[Tag, ...] = ()
    tags: tuple[Tag, ...] = ()


class OldEndTrace(Message, frozen=True, kw_only=True):
    """Say how and when a trace ended."""

    trace_id: str
    timestamp_ms: int = 0
    status: OldTraceState = "TRACE_STATUS_UNSPECIFIED"
    request_metadata: tuple[Tag, ...] = ()
    tags: tuple[Tag, ...] = ()


class OldGetTraceInfo(Message, frozen=True):
    """Get what a trace is, by id, in version 2."""

    trace_id: str


class OldSearchTraces(Message, frozen=True, kw_only=True):
    """Find traces in experiments, in version 2."""

    experiment_ids: tuple[str, ...] = ()
    filter: str | None = None
    max_results: int = 100
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class OldSearchTracesResponse(Message, frozen=True):
    """A page of traces, in version 2."""

    traces: tuple[OldTraceInfo, ...] = ()
    next_page_token: str | None = None


def timestamp_of(ms: int) -> str:
    """Milliseconds since 1970 as protobuf's ``Timestamp``.

    Examples:
        >>> timestamp_of(1795792202359)
        '2026-11-27T15:10:02.359Z'
    """
    text = (_EPOCH + timedelta(milliseconds=ms)).replace(tzinfo=None).isoformat("T", "milliseconds")
    return f"{text.removesuffix('.000')}Z"


def milliseconds_of(timestamp: str) -> int:
    """Protobuf's ``Timestamp`` as milliseconds since 1970.

    Raises:
        ValueError: It is not one.

    Examples:
        >>> milliseconds_of("2026-11-27T15:10:02.359Z")
        1795792202359
    """
    parsed = datetime.fromisoformat(timestamp)
    if parsed.tzinfo is None:
        raise ValueError(f"{timestamp!r} says no time zone")
    return (parsed - _EPOCH) // _MILLISECOND


def duration_of(ms: int) -> str:
    """Milliseconds as protobuf's ``Duration``.

    Examples:
        >>> duration_of(1022), duration_of(3000), duration_of(-5)
        ('1.022s', '3s', '-0.005s')
    """
    sign, (seconds, rest) = "-" if ms < 0 else "", divmod(abs(ms), 1000)
    return f"{sign}{seconds}.{rest:03d}s" if rest else f"{sign}{seconds}s"


def milliseconds_in(duration: str) -> int:
    """Protobuf's ``Duration`` as milliseconds.

    Raises:
        ValueError: It is not one.

    Examples:
        >>> milliseconds_in("1.022s")
        1022
    """
    if not duration.endswith("s"):
        raise ValueError(f"{duration!r} is not a duration such as '1.5s'")
    return round(float(duration[:-1]) * 1000)
