"""Use cases on traces in the shape that MLflow's 2.x clients speak.

Such a client begins a trace, gets its id from the server, and says at its end how it went; the
spans it keeps as a file among the trace's artifacts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection, Row

from dovetail.base.ids import new_id
from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers.traces import found, infos
from dovetail.tracking.store import experiments, traces
from dovetail.tracking.trace_values import check_ms, clean, labels, without_managed
from dovetail.tracking.validation import experiment_number
from dovetail.wire.mlflow import (
    OldEndTrace,
    OldGetTraceInfo,
    OldSearchTraces,
    OldSearchTracesResponse,
    OldStartTrace,
    OldTraceInfo,
    OldTraceInfoResponse,
    OldTraceState,
    Tag,
    TraceState,
)

__all__ = ["end", "get_info", "search", "start"]


def start(b: Backend, c: Connection, q: OldStartTrace) -> OldTraceInfoResponse:
    """Begin a trace and give it its id."""
    experiment = experiments.active(c, experiment_number(q.experiment_id))
    trace_id = new_id()
    tags = _by_key(q.tags)
    values: dict[str, Any] = {
        "trace_id": trace_id,
        "experiment_id": experiment.experiment_id,
        "timestamp_ms": check_ms(q.timestamp_ms),
        "execution_time_ms": None,
        "status": "IN_PROGRESS",
        "name": tags.pop(traces.NAME, None),
        "is_reported": True,
    }
    tags[traces.LOCATION] = traces.location_of(experiment.artifact_location, trace_id)
    traces.report(c, values, traces.Labels(tags, _by_key(q.request_metadata)))
    return _answer(c, traces.get(c, trace_id))


def end(b: Backend, c: Connection, q: OldEndTrace) -> OldTraceInfoResponse:
    """Say how and when a trace ended."""
    row = traces.get(c, q.trace_id)
    tags = _by_key(q.tags)
    values: dict[str, Any] = {
        "trace_id": row.trace_id,
        "experiment_id": row.experiment_id,
        "timestamp_ms": row.timestamp_ms,
        "execution_time_ms": check_ms(q.timestamp_ms) - row.timestamp_ms,
        "status": _new(q.status),
        "name": tags.pop(traces.NAME, None),
        "is_reported": True,
    }
    traces.report(c, values, traces.Labels(tags, _by_key(q.request_metadata)))
    return _answer(c, traces.get(c, q.trace_id))


def _by_key(given: Sequence[Tag]) -> dict[str, str]:
    return labels(without_managed({tag.key: clean(tag.value) for tag in given}))


def get_info(b: Backend, c: Connection, q: OldGetTraceInfo) -> OldTraceInfoResponse:
    """Get what a trace is, without its spans."""
    return _answer(c, traces.get(c, q.trace_id))


def search(b: Backend, c: Connection, q: OldSearchTraces) -> OldSearchTracesResponse:
    """Find traces, a page at a time."""
    rows, token = found(c, q.experiment_ids, q)
    return OldSearchTracesResponse(_infos(c, rows), token)


def _answer(c: Connection, row: Row[Any]) -> OldTraceInfoResponse:
    return OldTraceInfoResponse(_infos(c, [row])[0])


def _infos(c: Connection, rows: Sequence[Row[Any]]) -> tuple[OldTraceInfo, ...]:
    return tuple(
        OldTraceInfo(
            request_id=row.trace_id,
            experiment_id=str(row.experiment_id),
            timestamp_ms=row.timestamp_ms,
            execution_time_ms=row.execution_time_ms or 0,
            status=_old(info.state),
            request_metadata=_tags(info.trace_metadata),
            tags=_tags(info.tags),
        )
        for row, info in zip(rows, infos(c, rows), strict=True)
    )


def _old(state: TraceState) -> OldTraceState:
    return "TRACE_STATUS_UNSPECIFIED" if state == "STATE_UNSPECIFIED" else state


def _new(state: OldTraceState) -> TraceState:
    return "STATE_UNSPECIFIED" if state == "TRACE_STATUS_UNSPECIFIED" else state


def _tags(given: Mapping[str, str]) -> tuple[Tag, ...]:
    return tuple(Tag(key, value) for key, value in given.items())
