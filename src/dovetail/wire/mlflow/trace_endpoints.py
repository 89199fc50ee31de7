"""The table of MLflow's endpoints about traces: version 3, and version 2 for older clients.

Beside ``endpoints``, because version 3 lies below another prefix. Endpoints that both versions
share, such as tags and deletion, are entries of both tables.
"""

from typing import Any

from dovetail.wire.mlflow import messages as m
from dovetail.wire.mlflow import traces as t
from dovetail.wire.mlflow.endpoints import Endpoint

PREFIX_3 = "/api/3.0/mlflow"
AJAX_PREFIX_3 = "/ajax-api/3.0/mlflow"

START_TRACE = Endpoint("POST", "/traces", t.StartTrace, t.TraceResponse)
GET_TRACE_INFO = Endpoint("GET", "/traces/{trace_id}", t.GetTraceInfo, t.TraceResponse, reads=True)
GET_TRACE = Endpoint("GET", "/traces/get", t.GetTrace, t.TraceResponse, reads=True)
BATCH_GET_TRACES = Endpoint(
    "GET", "/traces/batchGet", t.BatchGetTraces, t.TracesResponse, reads=True
)
BATCH_GET_TRACE_INFOS = Endpoint(
    "POST", "/traces/batchGetInfos", t.BatchGetTraces, t.TraceInfosResponse, reads=True
)
SEARCH_TRACES = Endpoint(
    "POST", "/traces/search", t.SearchTraces, t.SearchTracesResponse, reads=True
)
DELETE_TRACES = Endpoint("POST", "/traces/delete-traces", t.DeleteTraces, t.DeleteTracesResponse)
SET_TRACE_TAG = Endpoint("PATCH", "/traces/{trace_id}/tags", t.SetTraceTag, m.Empty)
DELETE_TRACE_TAG = Endpoint("DELETE", "/traces/{trace_id}/tags", t.DeleteTraceTag, m.Empty)

LINK_TRACES_TO_RUN = Endpoint("POST", "/traces/link-to-run", t.LinkTracesToRun, m.Empty)
OLD_START_TRACE = Endpoint("POST", "/traces", t.OldStartTrace, t.OldTraceInfoResponse)
OLD_END_TRACE = Endpoint("PATCH", "/traces/{trace_id}", t.OldEndTrace, t.OldTraceInfoResponse)
OLD_GET_TRACE_INFO = Endpoint(
    "GET", "/traces/{trace_id}/info", t.OldGetTraceInfo, t.OldTraceInfoResponse, reads=True
)
OLD_SEARCH_TRACES = Endpoint(
    "GET", "/traces", t.OldSearchTraces, t.OldSearchTracesResponse, reads=True
)

TRACE_ENDPOINTS: tuple[Endpoint[Any, Any], ...] = (
    START_TRACE,
    GET_TRACE_INFO,
    GET_TRACE,
    BATCH_GET_TRACES,
    BATCH_GET_TRACE_INFOS,
    SEARCH_TRACES,
    DELETE_TRACES,
    SET_TRACE_TAG,
    DELETE_TRACE_TAG,
)
"""Below ``PREFIX_3``."""

OLD_TRACE_ENDPOINTS: tuple[Endpoint[Any, Any], ...] = (
    LINK_TRACES_TO_RUN,
    OLD_START_TRACE,
    OLD_END_TRACE,
    OLD_GET_TRACE_INFO,
    OLD_SEARCH_TRACES,
    DELETE_TRACES,
    SET_TRACE_TAG,
    DELETE_TRACE_TAG,
)
"""Below ``PREFIX``, beside the classic ones."""
