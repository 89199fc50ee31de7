"""Traces of an MLflow server, over its REST API; it has them since 2.14, in this form since 3.0."""

import json
from collections.abc import Iterator

from dovetail.tracking.move.records import Skip
from dovetail.tracking.move.traces.records import BATCH, TraceRecord
from dovetail.tracking.store.traces import SPANS
from dovetail.tracking.trace_json import read_contents
from dovetail.wire.http import NotFound
from dovetail.wire.mlflow import (
    PREFIX_3,
    Client,
    ExperimentLocation,
    SearchTraces,
    TraceInfo,
    TraceLocation,
    milliseconds_in,
    milliseconds_of,
    trace_endpoints,
)
from dovetail.wire.otlp import InvalidSpans, Span

__all__ = ["RestTraceReader"]

IN_STORE = "TRACKING_STORE"
_SEARCH = trace_endpoints.SEARCH_TRACES


class RestTraceReader:
    """The traces of an MLflow server.

    Links to runs, but for the one that made a trace, are not told by the API.

    Args:
        client: speaks to it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def traces(self, experiment_id: str, skip: Skip) -> Iterator[list[TraceRecord]]:
        """Yield the traces of an experiment in batches, without those that may be skipped."""
        place = TraceLocation("MLFLOW_EXPERIMENT", ExperimentLocation(experiment_id))
        token = None
        while True:
            request = SearchTraces(locations=(place,), max_results=BATCH, page_token=token)
            try:
                page = self._client.call(_SEARCH, request, prefix=PREFIX_3)
            except NotFound:  # an early 3.0
                return
            fresh = [self._record(info) for info in page.traces if not skip(info.trace_id)]
            if fresh:
                yield fresh
            if not (token := page.next_page_token):
                return

    def _record(self, info: TraceInfo) -> TraceRecord:
        several: list[Span] = []
        fault = ""
        if info.tags.get(SPANS) == IN_STORE:
            try:
                several = self._spans(info.trace_id)
            except (InvalidSpans, ValueError) as error:
                fault = str(error)
        lasted = info.execution_duration
        return TraceRecord(
            id=info.trace_id,
            timestamp_ms=milliseconds_of(info.request_time) if info.request_time else 0,
            execution_time_ms=None if lasted is None else milliseconds_in(lasted),
            status=info.state,
            client_request_id=info.client_request_id,
            request_preview=info.request_preview,
            response_preview=info.response_preview,
            tags=info.tags,
            metadata=info.trace_metadata,
            spans=tuple(several),
            fault=fault,
        )

    def _spans(self, trace_id: str) -> list[Span]:
        file = json.loads(self._client.get_trace_file(trace_id))
        texts = [json.dumps(span) for span in file.get("spans", ())]
        return read_contents(texts, trace_id)
