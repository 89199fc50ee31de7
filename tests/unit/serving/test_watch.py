"""Traces reach a collector as OTLP, the access log says what was answered, and both can be off."""

import http.server
import re
import threading
import time

import httpx
import numpy as np
import prometheus_client
import pytest
from tests.unit.serving.conftest import wait_ready

from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece

pytest.importorskip("opentelemetry.sdk")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

LATE = "/v2/models/late/infer"
ROW = {"name": "x", "shape": [2, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.25] * 2}
BODY = {"id": "r1", "inputs": [ROW]}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
NOT_SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}


class Collector:
    """Takes OTLP over HTTP."""

    def __init__(self):
        self.spans, self.resources, self.status = [], [], 200
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

                body = self.rfile.read(int(self.headers["content-length"]))
                if collector.status == 200 and self.path == "/v1/traces":
                    message = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
                    for one in message.resource_spans:
                        collector.resources.append(values(one.resource.attributes))
                        collector.spans += [s for scope in one.scope_spans for s in scope.spans]
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def values(attributes):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


@pytest.fixture
def collector(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def until(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come true")


def post(server, body=BODY, path=LATE, **headers):
    return httpx.post(server.url + path, json=body, headers=headers)


def test_a_request_is_a_server_span_with_the_model_below_it(run, collector, model_file):
    with run(f"late={model_file}", traces=collector.url) as server:
        assert post(server, **SAMPLED).status_code == 200
    root, model = sorted(collector.spans, key=lambda s: s.name)
    assert root.name == "POST /v2/models/{model_name}/infer"
    assert root.kind == root.SPAN_KIND_SERVER
    assert root.trace_id.hex() == TRACE
    assert root.parent_span_id.hex() == PARENT
    found = values(root.attributes)
    assert found["http.request.method"] == "POST"
    assert found["http.route"] == "/v2/models/{model_name}/infer"
    assert found["http.response.status_code"] == 200
    assert found["url.path"] == LATE
    assert found["url.scheme"] == "http"
    assert found["server.address"] == "127.0.0.1"
    assert found["dovetail.model.name"] == "late"
    assert found["dovetail.model.version"] == "1"
    assert found["dovetail.rows"] == 2
    assert found["dovetail.request.id"] == "r1"
    assert model.name == "model"
    assert model.parent_span_id == root.span_id
    assert root.start_time_unix_nano <= model.start_time_unix_nano
    assert model.start_time_unix_nano < model.end_time_unix_nano <= root.end_time_unix_nano
    assert collector.resources[0]["service.name"] == "dovetail-serving"


class Sleepy:
    """A model that takes its time."""

    platform, outputs = "sleepy", ()

    def __init__(self):
        from dovetail.serving.signature import AnySignature

        self.signature = AnySignature()

    def run(self, inputs, wanted=()):
        time.sleep(0.05)
        if "fail" in inputs:
            raise RuntimeError("it broke")
        return dict(inputs)


def test_a_model_that_is_not_quick_shows_how_long_a_request_waited(collector):
    from dovetail.serving import Compilation, InferenceFailedError, Model
    from dovetail.serving.tracing import Tracing
    from dovetail.serving.watched import CURRENT

    model = Model("slow", "2", Sleepy(), Compilation(original="sleepy", serves="sleepy"))
    tracing = Tracing(collector.url, None)
    root = tracing.http("/route", "/path", {})
    token = CURRENT.set(root)
    model.answer({"x": np.ones((3, 1))})
    with pytest.raises(InferenceFailedError):
        model.answer({"fail": np.ones((3, 1))})
    CURRENT.reset(token)
    root.end()
    tracing.stop()
    queues = [span for span in collector.spans if span.name == "queue"]
    models = [span for span in collector.spans if span.name == "model"]
    assert len(queues) == len(models) == 2
    for queue, ran in zip(queues, models, strict=True):
        assert queue.end_time_unix_nano == ran.start_time_unix_nano
        assert ran.end_time_unix_nano - ran.start_time_unix_nano > 40_000_000
    assert values(models[0].attributes) == {
        "dovetail.model.name": "slow", "dovetail.model.version": "2", "dovetail.rows": 3,
    }  # fmt: skip
    assert values(models[1].attributes)["error.type"] == "inference-failed"
    assert models[1].status.code == models[1].status.STATUS_CODE_ERROR
    assert root.run_ns > 80_000_000


def test_a_call_over_grpc_is_a_server_span_too(run, collector, model_file, free_port):
    tritonclient = pytest.importorskip("tritonclient.grpc")
    port = free_port()
    tensor = tritonclient.InferInput("x", [2, 4], "FP64")
    tensor.set_data_from_numpy(np.array([[0.5, -1, 3, 0.25]] * 2))
    with run(f"late={model_file}", traces=collector.url, grpc_port=port):
        client = tritonclient.InferenceServerClient(f"127.0.0.1:{port}")
        client.infer("late", [tensor], headers=SAMPLED, request_id="g1")
        with pytest.raises(tritonclient.InferenceServerException):
            client.infer("none", [tensor])
        client.close()
    bad, good, model = sorted(collector.spans, key=lambda s: (s.name == "model", -len(s.events)))
    assert good.name == bad.name == "inference.GRPCInferenceService/ModelInfer"
    assert good.trace_id.hex() == model.trace_id.hex() == TRACE
    assert good.parent_span_id.hex() == PARENT
    assert model.parent_span_id == good.span_id
    found = values(good.attributes)
    assert found["rpc.system"] == "grpc"
    assert found["rpc.service"] == "inference.GRPCInferenceService"
    assert found["rpc.method"] == "ModelInfer"
    assert found["rpc.grpc.status_code"] == 0
    assert found["dovetail.request.id"] == "g1"
    assert values(bad.attributes)["rpc.grpc.status_code"] == 5
    assert bad.status.code == bad.status.STATUS_CODE_UNSET


def test_what_is_the_callers_fault_is_told_but_is_no_error_of_ours(run, collector, model_file):
    with run(f"late={model_file}", traces=collector.url) as server:
        assert post(server, {"inputs": []}).status_code == 400
        assert post(server, path="/v2/models/none/infer").status_code == 404
    for span, status in zip(collector.spans, (400, 404), strict=True):
        assert values(span.attributes)["http.response.status_code"] == status
        assert span.status.code == span.status.STATUS_CODE_UNSET
        assert [event.name for event in span.events] == ["exception"]


def test_the_callers_decision_is_kept_and_the_share_is_for_the_others(
    run, collector, model_file
):  # fmt: skip
    with run(f"late={model_file}", traces=collector.url, trace_share=0.0) as server:
        post(server)
        post(server, **NOT_SAMPLED)
        post(server, **SAMPLED)
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert len([s for s in collector.spans if s.kind == s.SPAN_KIND_SERVER]) == 1


def test_the_standard_variables_switch_traces_on(run, collector, monkeypatch, model_file):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "flights")
    with run(f"late={model_file}") as server:
        post(server)
    assert len(collector.spans) == 2
    assert collector.resources[0]["service.name"] == "flights"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with run(f"late={model_file}") as server:
        post(server)
    assert len(collector.spans) == 2


def spans_counted(result):
    name = "dovetail_serving_spans_total"
    return prometheus_client.REGISTRY.get_sample_value(name, {"result": result}) or 0


def test_a_collector_that_is_down_is_counted_and_logged_once(
    run, collector, monkeypatch, model_file, until, capsys
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0.2")
    collector.status = 500
    with run(f"late={model_file}", traces=collector.url) as server:
        for already in (0, 2, 4):
            assert post(server).status_code == 200
            until(lambda already=already: spans_counted("lost") > already)
        until(lambda: spans_counted("lost") == spans_counted("made") == 6)
        collector.status = 200
        post(server)
        until(lambda: spans_counted("sent") == 2)
    said = capsys.readouterr()
    assert (said.out + said.err).count("traces are not taken by the collector") == 1


def lines(capsys, event):
    said = capsys.readouterr()
    return [line for line in (said.out + said.err).splitlines() if f"] {event} " in line]


def test_the_access_log_has_a_line_for_each_request(run, model_file, capsys):
    with run(f"late={model_file}", access_log=True) as server:
        post(server)
        post(server, {"inputs": []})
    good, bad = lines(capsys, "request")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", good)
    for fact in ("model=late", "version=1", "status=200", "id=r1", "rows=2", "ms=", f"path={LATE}"):
        assert fact in plain
    assert "status=400" in re.sub(r"\x1b\[[0-9;]*m", "", bad)
    assert "has no inputs" in bad


def test_slow_requests_are_warnings(run, model_file, capsys):
    with run(f"late={model_file}", slow_ms=10_000) as server:
        post(server)
    assert not lines(capsys, "slow request")
    with run(f"late={model_file}", slow_ms=0.0001) as server:
        post(server)
    assert len(lines(capsys, "slow request")) == 1


def test_off_is_off(run, model_file, capsys):
    with run(f"late={model_file}") as server:
        assert "id" not in post(server, {"inputs": [ROW]}).json()
    assert not lines(capsys, "request")


def test_steps_nest_and_tell_their_failure(collector, monkeypatch):
    from dovetail.serving.tracing import Tracing
    from dovetail.serving.watched import CURRENT, step

    tracing = Tracing(collector.url, None)
    root = tracing.grpc("inference.GRPCInferenceService", "ModelInfer", {})
    token = CURRENT.set(root)

    def fail():
        with step("inner"):
            CURRENT.get().ran("m", "1", 1, root.ns, root.ns + 1000)
            raise RuntimeError("no")

    with step("graph", node="a"), pytest.raises(RuntimeError, match="no"):
        fail()
    CURRENT.reset(token)
    root.end()
    tracing.stop()
    by_name = {span.name: span for span in collector.spans}
    assert by_name["graph"].parent_span_id == (
        by_name["inference.GRPCInferenceService/ModelInfer"].span_id
    )
    assert by_name["inner"].parent_span_id == by_name["graph"].span_id
    assert by_name["model"].parent_span_id == by_name["inner"].span_id
    inner = by_name["inner"]
    assert inner.status.code == inner.status.STATUS_CODE_ERROR
    assert values(inner.attributes)["error.type"] == "RuntimeError"
    assert by_name["graph"].status.code == inner.status.STATUS_CODE_UNSET
    assert values(by_name["graph"].attributes) == {"node": "a"}
    assert root.run_ns == 1000


@pytest.fixture
def far(tmp_path, collector, model_file):
    """Another server, whose traces go to the same place."""
    settings = ServingSettings(models=(f"late={model_file}",), traces=collector.url, isolate=False)
    with run_piece(piece, settings, state=tmp_path / "far") as server:
        wait_ready(server.url)
        yield server


def test_the_steps_of_a_graph_are_spans_with_their_models_below(run, far, collector, model_file):
    near = {"model": "late"}
    away = {"model": "late", "name": "far", "url": far.url}
    soft = {"model": "none", "url": far.url, "dependency": "soft"}
    root = {"type": "sequence", "steps": [near, {"node": "inner", "data": "$request"}]}
    inner = {"type": "ensemble", "steps": [away, soft, {**near, "name": "again"}]}
    with run(f"late={model_file}", traces=collector.url, graph_servers=(far.url,)) as server:
        url = f"{server.url}/v2/graphs/g"
        made = httpx.put(url, json={"nodes": {"root": root, "inner": inner}})
        assert made.status_code == 200, made.text
        answer = post(server, path="/v2/models/g/infer", **SAMPLED)
        assert answer.status_code == 200, answer.text
        until(lambda: len(collector.spans) == 11)
    by_id = {span.span_id: span for span in collector.spans}
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}

    def above(span):
        found = []
        while span is not None:
            found.append(span.name)
            span = by_id.get(span.parent_span_id)
        return found

    route = "POST /v2/models/{model_name}/infer"
    models = sorted(above(span) for span in collector.spans if span.name == "model")
    assert models == sorted([
        ["model", "step late", route],
        ["model", "step again", "step inner", route],
        ["model", route, "step far", "step inner", route],
    ])  # fmt: skip
    (failed,) = [span for span in collector.spans if span.name == "step none"]
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert values(failed.attributes)["dovetail.graph.name"] == "g"
