"""Use cases on traces: recorded, read with their spans, found, labelled, linked, deleted.

The spans themselves arrive over OTLP; `log_spans` takes them. A client that cannot send them that
way keeps them as a file among the trace's artifacts, and says so by a tag that is missing.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.engine import Connection, Row

from dovetail.tracking import paging
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.filters import TRACES, parse_filter, parse_order
from dovetail.tracking.paths import proxied_path
from dovetail.tracking.store import experiments, runs, spans, traces
from dovetail.tracking.store.search_traces import TraceQuery, find
from dovetail.tracking.trace_values import (
    check_ms,
    check_trace_id,
    check_trace_tag,
    clean,
    labels,
    without_managed,
)
from dovetail.tracking.validation import check_max_results, experiment_number, missing
from dovetail.wire.mlflow import (
    BatchGetTraces,
    DeleteTraces,
    DeleteTracesResponse,
    DeleteTraceTag,
    Empty,
    ExperimentLocation,
    GetTrace,
    GetTraceInfo,
    LinkTracesToRun,
    SearchTraces,
    SearchTracesResponse,
    SetTraceTag,
    StartTrace,
    Trace,
    TraceInfo,
    TraceInfosResponse,
    TraceLocation,
    TraceResponse,
    TracesResponse,
    duration_of,
    milliseconds_in,
    milliseconds_of,
    timestamp_of,
)
from dovetail.wire.otlp import Span, to_json

__all__ = [
    "batch_get",
    "batch_get_infos",
    "delete",
    "delete_tag",
    "found",
    "get",
    "get_info",
    "infos",
    "link",
    "log_spans",
    "search",
    "set_tag",
    "spans_of",
    "start",
]

MAX_PAGE = 500
MAX_LINKS = 100
MAX_BATCH = 1000
IN_STORE = "TRACKING_STORE"
SIZE_STATS = "mlflow.trace.sizeStats"
_EMPTY = Empty()


class _Stats(msgspec.Struct, frozen=True):
    num_spans: int = 0


def start(b: Backend, c: Connection, q: StartTrace) -> TraceResponse:
    """Record a whole trace, which its spans may have preceded."""
    info = q.trace.trace_info
    place = info.trace_location.mlflow_experiment
    if place is None:
        raise missing("trace.trace_info.trace_location.mlflow_experiment")
    experiment = experiments.active(c, experiment_number(place.experiment_id))
    trace_id = check_trace_id(info.trace_id)
    tags = without_managed(info.tags)
    values: dict[str, Any] = {
        "trace_id": trace_id,
        "experiment_id": experiment.experiment_id,
        "timestamp_ms": _instant(info.request_time) if info.request_time else b.now(),
        "execution_time_ms": _length(info.execution_duration),
        "status": info.state,
        "name": _clean(tags.pop(traces.NAME, None)),
        "client_request_id": _clean(info.client_request_id),
        "request_preview": _clean(info.request_preview),
        "response_preview": _clean(info.response_preview),
        "is_reported": True,
    }
    tags[traces.LOCATION] = traces.location_of(experiment.artifact_location, trace_id)
    traces.report(c, values, traces.Labels(labels(tags), labels(info.trace_metadata)))
    return TraceResponse(Trace(infos(c, [traces.get(c, trace_id)])[0]))


def _clean(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _instant(text: str) -> int:
    try:
        return check_ms(milliseconds_of(text))
    except ValueError as error:
        raise InvalidParameterError(f"Invalid value {text!r} for 'request_time'.") from error


def _length(text: str | None) -> int | None:
    try:
        return None if text is None else milliseconds_in(text)
    except (ValueError, OverflowError) as error:
        raise InvalidParameterError(f"Invalid value {text!r} for 'execution_duration'.") from error


def log_spans(
    c: Connection, experiment_id: str, arrived: Sequence[spans.Incoming], run_id: str | None
) -> None:
    """Keep exported spans: all of them or, on an error, none.

    Args:
        c: a connection in a transaction.
        experiment_id: where traces lie that are not there yet.
        arrived: one for each trace.
        run_id: the run that the traces belong to, if any.
    """
    experiment = experiments.active(c, experiment_number(experiment_id))
    if run_id:
        runs.get(c, run_id)
    spans.log(c, experiment, arrived, run_id)


def infos(c: Connection, rows: Sequence[Row[Any]]) -> list[TraceInfo]:
    """Return traces as version 3 of the API shows them."""
    known = traces.labels_of(c, [row.id for row in rows])
    return [_info(row, known[row.id]) for row in rows]


def _info(row: Row[Any], known: traces.Labels) -> TraceInfo:
    named = {} if row.name is None else {traces.NAME: row.name}
    lasted = row.execution_time_ms
    return TraceInfo(
        trace_id=row.trace_id,
        client_request_id=row.client_request_id,
        trace_location=TraceLocation(
            "MLFLOW_EXPERIMENT", ExperimentLocation(str(row.experiment_id))
        ),
        request_time=timestamp_of(row.timestamp_ms),
        execution_duration=None if lasted is None else duration_of(lasted),
        state=row.status,
        trace_metadata=known.metadata,
        tags={**known.tags, **named},
        request_preview=row.request_preview,
        response_preview=row.response_preview,
    )


def get_info(b: Backend, c: Connection, q: GetTraceInfo) -> TraceResponse:
    """Get what a trace is, without its spans."""
    return TraceResponse(Trace(infos(c, [traces.get(c, q.trace_id)])[0]))


def get(b: Backend, c: Connection, q: GetTrace) -> TraceResponse:
    """Get a trace with its spans."""
    row = traces.get(c, q.trace_id)
    info = infos(c, [row])[0]
    if info.tags.get(traces.SPANS) != IN_STORE:
        raise InvalidParameterError("Trace data not stored in tracking store")
    several = spans.of_traces(c, {row.id: row.trace_id})[row.id]
    if not q.allow_partial and not _is_whole(info, several):
        raise MissingResourceError(
            f"Trace with ID {q.trace_id} is not fully exported yet, please try again later."
        )
    return TraceResponse(_with_spans(info, several))


def _with_spans(info: TraceInfo, several: Sequence[Span]) -> Trace:
    return Trace(info, tuple(to_json(span) for span in several))


def _is_whole(info: TraceInfo, several: Sequence[Span]) -> bool:
    """Tell whether all spans have arrived, as far as the client said how many there are."""
    try:
        stats = msgspec.json.decode(info.trace_metadata.get(SIZE_STATS, "{}"), type=_Stats)
    except msgspec.MsgspecError:
        return bool(several)
    return bool(several) and len(several) >= stats.num_spans


def spans_of(c: Connection, trace_id: str) -> list[Span]:
    """Return the spans of a trace that have arrived over OTLP."""
    row = traces.get(c, trace_id)
    return spans.of_traces(c, {row.id: row.trace_id})[row.id]


def _rows(c: Connection, q: BatchGetTraces) -> list[Row[Any]]:
    if not q.trace_ids:
        raise missing("trace_ids")
    if len(q.trace_ids) > MAX_BATCH:
        raise InvalidParameterError(f"At most {MAX_BATCH} traces can be asked for at once.")
    within = {experiment_number(text) for text in q.experiment_ids}
    rows = traces.by_ids(c, q.trace_ids)
    return [row for row in rows if not within or row.experiment_id in within]


def batch_get(b: Backend, c: Connection, q: BatchGetTraces) -> TracesResponse:
    """Get traces with their spans; those whose spans have not all arrived are left out."""
    rows = _rows(c, q)
    several = spans.of_traces(c, {row.id: row.trace_id for row in rows})
    whole = [
        _with_spans(info, several[row.id])
        for row, info in zip(rows, infos(c, rows), strict=True)
        if row.id in several and _is_whole(info, several[row.id])
    ]
    return TracesResponse(tuple(whole))


def batch_get_infos(b: Backend, c: Connection, q: BatchGetTraces) -> TraceInfosResponse:
    """Get traces without their spans."""
    return TraceInfosResponse(tuple(infos(c, _rows(c, q))))


def found(c: Connection, numbers: Sequence[str], q: Any) -> tuple[Sequence[Row[Any]], str | None]:
    """Return the rows of a page of a search, and the token of the next page.

    Args:
        c: where to read.
        numbers: ids of the experiments to look in.
        q: a request with `filter`, `order_by`, `max_results` and `page_token`.
    """
    check_max_results(q.max_results, MAX_PAGE)
    offset = paging.offset_of(q.page_token)
    query = TraceQuery(
        experiments=[experiment_number(text) for text in numbers],
        conditions=parse_filter(q.filter, TRACES),
        orders=parse_order(q.order_by, TRACES),
        offset=offset,
        limit=q.max_results + 1,
    )
    return paging.page(find(c, query), offset, q.max_results)


def search(b: Backend, c: Connection, q: SearchTraces) -> SearchTracesResponse:
    """Find traces, a page at a time."""
    places = [place.mlflow_experiment for place in q.locations]
    rows, token = found(c, [place.experiment_id for place in places if place], q)
    return SearchTracesResponse(tuple(infos(c, rows)), token)


def set_tag(b: Backend, c: Connection, q: SetTraceTag) -> Empty:
    """Set a tag of a trace."""
    traces.set_tag(c, q.trace_id, *check_trace_tag(q.key, q.value))
    return _EMPTY


def delete_tag(b: Backend, c: Connection, q: DeleteTraceTag) -> Empty:
    """Delete a tag of a trace."""
    key, _ = check_trace_tag(q.key, "", "deleted")
    traces.delete_tag(c, q.trace_id, key)
    return _EMPTY


def link(b: Backend, c: Connection, q: LinkTracesToRun) -> Empty:
    """Say that traces belong to a run, also such as have not arrived yet."""
    if not q.trace_ids:
        raise missing("trace_ids")
    if len(q.trace_ids) > MAX_LINKS:
        raise InvalidParameterError(
            f"Cannot link more than {MAX_LINKS} traces to a run in a single request. "
            f"Provided {len(q.trace_ids)} traces."
        )
    runs.get(c, q.run_id)
    traces.link(c, q.run_id, [check_trace_id(trace_id) for trace_id in q.trace_ids])
    return _EMPTY


def delete(b: Backend, c: Connection, q: DeleteTraces) -> DeleteTracesResponse:
    """Delete traces with their spans, and the files that clients keep of them behind the proxy."""
    _check_deletion(q)
    number = experiment_number(q.experiment_id)
    gone = traces.delete(
        c,
        number,
        trace_ids=q.request_ids,
        until=q.max_timestamp_millis,
        most=q.max_traces,
    )
    if gone:
        experiment = experiments.get(c, number)
        for trace_id in gone:
            path = proxied_path(traces.location_of(experiment.artifact_location, trace_id))
            if path is not None and b.serves_artifacts:
                b.artifacts.delete(path.rpartition("/")[0])
    return DeleteTracesResponse(len(gone))


def _check_deletion(q: DeleteTraces) -> None:
    if q.max_timestamp_millis is None and not q.request_ids:
        raise InvalidParameterError(
            "Either `max_timestamp_millis` or `trace_ids` must be specified."
        )
    if q.max_timestamp_millis is not None and q.request_ids:
        raise InvalidParameterError(
            "Only one of `max_timestamp_millis` and `trace_ids` can be specified."
        )
    if q.request_ids and q.max_traces is not None:
        raise InvalidParameterError("`max_traces` can't be specified if `trace_ids` is specified.")
    if q.max_traces is not None and q.max_traces <= 0:
        raise InvalidParameterError(
            f"`max_traces` must be a positive integer, received {q.max_traces}."
        )
