"""OTLP over HTTP: what is taken in, what is refused and how, and that an attack stays small."""

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from dovetail.wire.otlp import status_protobuf

TRACE, ROOT, CHILD = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
PROTOBUF = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": "0"}
JSON = {"content-type": "application/json; charset=utf-8", "x-mlflow-experiment-id": "0"}
V3 = "/api/3.0/mlflow"


def export(*names: str, trace: str = TRACE) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for i, name in enumerate(names):
        spans.add(
            trace_id=bytes.fromhex(trace),
            span_id=bytes.fromhex(CHILD if i else ROOT),
            parent_span_id=bytes.fromhex(ROOT) if i else b"",
            name=name,
            start_time_unix_nano=10**18 + i,
            end_time_unix_nano=10**18 + 5_000_000,
        )
    return request.SerializeToString()


def in_json(name: str) -> dict[str, Any]:
    span = {"traceId": TRACE, "spanId": ROOT, "name": name, "startTimeUnixNano": "5"}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def names(server: httpx.Client) -> list[str]:
    found = server.get(f"{V3}/traces/get", params={"trace_id": f"tr-{TRACE}"}).json()
    return [span["name"] for span in found["trace"]["spans"]]


def test_protobuf_is_taken_in(server: httpx.Client) -> None:
    answer = server.post("/v1/traces", content=export("root", "child"), headers=PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    assert names(server) == ["root", "child"]


def test_json_is_taken_in(server: httpx.Client) -> None:
    answer = server.post("/v1/traces", json=in_json("root"), headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert names(server) == ["root"]


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("identity", bytes),
    ],
    ids=["gzip", "deflate", "raw deflate", "identity"],
)
def test_a_compressed_export_is_unpacked(server: httpx.Client, encoding: str, pack: Any) -> None:
    headers = {**PROTOBUF, "content-encoding": encoding}
    answer = server.post("/v1/traces", content=pack(export("root")), headers=headers)
    assert answer.status_code == 200, answer.content
    assert names(server) == ["root"]


def test_an_export_that_is_sent_again_is_there_once(server: httpx.Client) -> None:
    for _ in range(3):
        server.post("/v1/traces", content=export("root", "child"), headers=PROTOBUF)
    server.post("/v1/traces", content=export("renamed"), headers=PROTOBUF)
    assert names(server) == ["renamed", "child"]


def test_the_traces_of_an_export_may_belong_to_a_run(server: httpx.Client) -> None:
    body = {"experiment_id": "0"}
    run = server.post("/api/2.0/mlflow/runs/create", json=body).json()["run"]["info"]["run_id"]
    headers = {**PROTOBUF, "x-mlflow-run-id": run}
    assert server.post("/v1/traces", content=export("root"), headers=headers).status_code == 200
    at = [{"mlflow_experiment": {"experiment_id": "0"}}]
    asked = {"locations": at, "filter": f"attribute.run_id = '{run}'"}
    found = server.post(f"{V3}/traces/search", json=asked).json()
    assert [one["trace_id"] for one in found["traces"]] == [f"tr-{TRACE}"]


CUT = gzip.compress(export("root"))[:-9]
BOMB = gzip.compress(b"\0" * (64 << 20))
REFUSED = [
    ("noise", b"\xff\xff", {}, 400, "Invalid OpenTelemetry export: the body is not a protobuf "
     "ExportTraceServiceRequest."),
    ("no spans", b"", {}, 400, "Invalid OpenTelemetry export: no spans found."),
    ("no type", export("a"), {"content-type": "text/plain"}, 400, "Invalid Content-Type: "
     "text/plain. Expected: application/x-protobuf or application/json"),
    ("no id", export("a", trace=""), {}, 422, "Invalid OpenTelemetry span: the trace id of span "
     "'a' is not 16 bytes."),
    ("cut", CUT, {"content-encoding": "gzip"}, 400, "The body ends before its compression does."),
    ("not gzip", export("a"), {"content-encoding": "gzip"}, 400, "The body cannot be unpacked as "
     "Content-Encoding says."),
    ("packing", export("a"), {"content-encoding": "br"}, 400, "Unsupported Content-Encoding: br"),
    ("bomb", BOMB, {"content-encoding": "gzip"}, 413, "the export is over 16 MiB once it is "
     "unpacked."),
    ("large", b"\0" * (17 << 20), {}, 413, "the request is over 16 MiB."),
    ("nowhere", export("a"), {"x-mlflow-experiment-id": "9"}, 404, "No Experiment with id=9 "
     "exists"),
    ("no place", export("a"), {"x-mlflow-experiment-id": ""}, 422, "The header "
     "x-mlflow-experiment-id is missing: it says where traces go. Set "
     "OTEL_EXPORTER_OTLP_HEADERS=x-mlflow-experiment-id=<id>."),
]  # fmt: skip
CODES = {400: 3, 404: 5, 413: 8, 422: 3}


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_is_refused_is_refused_whole_and_says_why(
    server: httpx.Client, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = server.post("/v1/traces", content=body, headers={**PROTOBUF, **headers})
    assert answer.status_code == status
    if answer.headers["content-type"] == "application/json":
        assert answer.json() == {"code": CODES[status], "message": words}
    else:
        assert answer.content == status_protobuf(words, CODES[status])
    at = [{"mlflow_experiment": {"experiment_id": "0"}}]
    assert server.post(f"{V3}/traces/search", json={"locations": at}).json() == {}


def test_json_is_refused_in_json(server: httpx.Client) -> None:
    answer = server.post("/v1/traces", content=b"{", headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid OpenTelemetry export: the body is not OTLP")


def test_one_span_that_cannot_be_kept_refuses_all(server: httpx.Client) -> None:
    body = in_json("good")
    body["resourceSpans"][0]["scopeSpans"][0]["spans"].append({"traceId": TRACE, "name": "bad"})
    assert server.post("/v1/traces", json=body, headers=JSON).status_code == 422
    answer = server.get(f"{V3}/traces/tr-{TRACE}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_the_file_of_a_trace_is_mlflows(server: httpx.Client) -> None:
    body = in_json("root")
    attributes = [{"key": "n", "value": {"doubleValue": "NaN"}}]
    body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = attributes
    server.post("/v1/traces", json=body, headers=JSON)
    where = "/ajax-api/2.0/mlflow/get-trace-artifact"
    answer = server.get(where, params={"request_id": f"tr-{TRACE}"})
    assert answer.headers["content-disposition"] == "attachment; filename=traces.json"
    (span,) = json.loads(answer.content)["spans"]
    assert span == {
        "trace_id": "CvdlGRbNQ92ESOshHIAxnA==",
        "span_id": "t61rcWkgMzE=",
        "parent_span_id": None,
        "name": "root",
        "start_time_unix_nano": 5,
        "end_time_unix_nano": None,
        "attributes": {"n": "NaN", "mlflow.traceRequestId": f'"tr-{TRACE}"'},
        "events": [],
        "links": [],
        "status": {"code": "STATUS_CODE_UNSET", "message": ""},
    }


def test_spans_that_a_client_kept_as_a_file_are_that_file(server: httpx.Client) -> None:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
    info = {"trace_id": "tr-old", "trace_location": place, "state": "OK"}
    server.post(f"{V3}/traces", json={"trace": {"trace_info": info}}).raise_for_status()
    where = "/ajax-api/3.0/mlflow/get-trace-artifact"
    absent = server.get(where, params={"request_id": "tr-old"})
    assert (absent.status_code, absent.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    files = "/api/2.0/mlflow-artifacts/artifacts/0/traces/tr-old/artifacts"
    server.put(f"{files}/traces.json", content=b'{"spans": []}').raise_for_status()
    server.put(f"{files}/attachments/a.png", content=b"picture").raise_for_status()
    assert server.get(where, params={"request_id": "tr-old"}).content == b'{"spans": []}'
    attached = {"request_id": "tr-old", "path": "a.png"}
    assert server.get(where, params=attached).content == b"picture"
    for path in ("../traces.json", "..%2f..%2fx", "/etc/passwd"):
        answer = server.get(where, params={**attached, "path": path})
        assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{V3}/traces/tr-1/assessments"),
        ("POST", f"{V3}/traces/metrics"),
        ("POST", f"{V3}/traces/calculate-filter-correlation"),
        ("GET", f"{V3}/scorers/list"),
        ("POST", f"{V3}/datasets/create"),
        ("POST", "/api/2.0/mlflow/traces/link-prompts"),
    ],
)
def test_what_judges_traces_is_not_here_and_says_so(
    server: httpx.Client, method: str, path: str
) -> None:
    answer = server.request(method, path)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
