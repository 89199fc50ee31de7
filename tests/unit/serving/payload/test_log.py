"""Requests and answers reach the sink whole, and never hold up an answer."""

import json
import time
from datetime import UTC, datetime

import httpx
import numpy as np
import prometheus_client
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dovetail.web.testing import serve_in_thread
from dovetail.wire import cloudevents

LATE = "/v2/models/late/infer"
ROW = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.25]}
BODY = {"id": "r1", "parameters": {"event_time": "2013-04-01T10:00:00Z"}, "inputs": [ROW]}


class Sink:
    """Takes CloudEvents, or says no while `status` is an error."""

    def __init__(self):
        self.events, self.status, self.calls, self.url = [], 202, 0, ""

    async def take(self, request: Request) -> Response:
        self.calls += 1
        if self.status == 202:
            self.events += cloudevents.decode(dict(request.headers), await request.body())
        return Response(status_code=self.status)

    def wait(self, count):
        for _ in range(250):
            if len(self.events) >= count:
                return self.events
            time.sleep(0.02)
        raise AssertionError(f"{len(self.events)} events came, {count} were due")


@pytest.fixture
def sink():
    found = Sink()
    routes = [Route("/monitoring/events", found.take, methods=["POST"])]
    with serve_in_thread(Starlette(routes=routes)) as server:
        found.url = server.url
        yield found


@pytest.fixture
def server(run, sink, model_file):
    with run(
        f"late={model_file}", joints={"monitoring": sink.url}, payload_log="monitoring",
        payload_queue=5,
    ) as running:  # fmt: skip
        yield running


def counted(name, **labels):
    return prometheus_client.REGISTRY.get_sample_value(name, {"sink": "monitoring", **labels}) or 0


def test_requests_of_the_role_test_are_told_to_nobody(server, sink):
    for name, role in (("t1", "test"), ("r1", "live")):
        body = {**BODY, "id": name, "parameters": {"role": role}}
        assert httpx.post(server.url + LATE, json=body).status_code == 200
    assert [event.id for event in sink.wait(2)] == ["r1", "r1"]


def test_a_request_and_its_answer_become_two_events(server, sink):
    answer = httpx.post(server.url + LATE, json=BODY)
    request, response = sink.wait(2)
    for event, kind in ((request, "request"), (response, "response")):
        assert event.type == f"org.kubeflow.serving.inference.{kind}"
        assert event.id == "r1"
        assert event.time == datetime(2013, 4, 1, 10, tzinfo=UTC)
        assert event.extensions == {
            "inferenceservicename": "late",
            "namespace": "",
            "metadata": "{}",
            "component": "predictor",
            "endpoint": "",
            "modelversion": "1",
            "inferencerole": "live",
        }
    assert request.data == BODY
    assert response.data == answer.json()


def test_without_id_and_time_both_are_given(server, sink):
    before = datetime.now(UTC)
    answer = httpx.post(server.url + LATE, json={"inputs": [ROW]}).json()
    request, response = sink.wait(2)
    assert request.id == response.id == answer["id"]
    assert before <= request.time <= datetime.now(UTC)


def test_raw_tensors_and_missing_values_are_told_as_json(server, sink):
    raw = np.array([[0.5, np.nan, 3, 0.25]]).tobytes()
    tensor = {**ROW, "data": None, "parameters": {"binary_data_size": len(raw)}}
    parameters = {"binary_data_output": True, "role": "shadow"}
    head = json.dumps({"id": "b1", "inputs": [tensor], "parameters": parameters}).encode()
    answer = httpx.post(
        server.url + LATE,
        content=head + raw,
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    assert answer.status_code == 200, answer.text
    request, response = sink.wait(2)
    assert request.extensions["inferencerole"] == "shadow"
    assert request.data == {
        "id": "b1",
        "inputs": [{**ROW, "data": [0.5, None, 3.0, 0.25]}],
        "parameters": parameters,
    }
    value = np.frombuffer(answer.content[-8:])[0]
    assert response.data["outputs"] == [
        {"name": "predict", "shape": [1, 1], "datatype": "FP64", "data": [value]}
    ]


def test_a_sink_that_is_down_is_tried_again_and_the_rest_is_dropped_and_counted(server, sink):
    dropped = counted("dovetail_serving_payload_events_dropped_total", reason="full")
    sink.status = 503
    for i in range(9):
        answer = httpx.post(server.url + LATE, json={**BODY, "id": f"r{i}"})
        assert answer.status_code == 200
    assert counted("dovetail_serving_payload_events_dropped_total", reason="full") == dropped + 8
    for _ in range(100):
        if "is not taken" in httpx.get(server.url + "/serving").text:
            break
        time.sleep(0.02)
    else:
        pytest.fail("the page does not say that the sink is down")
    sink.status = 202
    assert {event.id for event in sink.wait(10)} == {"r0", "r1", "r2", "r3", "r4"}


def test_what_the_sink_refuses_is_not_sent_for_ever(server, sink):
    refused = counted("dovetail_serving_payload_events_dropped_total", reason="refused")
    sink.status = 400
    httpx.post(server.url + LATE, json=BODY)
    for _ in range(100):
        if counted("dovetail_serving_payload_events_dropped_total", reason="refused") > refused:
            break
        time.sleep(0.02)
    sink.status = 202
    httpx.post(server.url + LATE, json={**BODY, "id": "r2"})
    assert {event.id for event in sink.wait(2)} == {"r2"}


def test_a_server_that_stops_sends_what_it_has(run, sink, model_file):
    with run(f"late={model_file}", payload_log=sink.url + "/monitoring/events") as server:
        for i in range(50):
            httpx.post(server.url + LATE, json={**BODY, "id": f"r{i}"})
    assert {event.id for event in sink.events} == {f"r{i}" for i in range(50)}


def test_requests_over_grpc_are_told_too(run, sink, model_file, free_port):
    tritonclient = pytest.importorskip("tritonclient.grpc")
    port = free_port()
    tensor = tritonclient.InferInput("x", [1, 4], "FP64")
    tensor.set_data_from_numpy(np.array([[0.5, np.nan, 3, 0.25]]))
    settings = {"payload_log": sink.url + "/monitoring/events", "grpc_port": port}
    with run(f"late={model_file}", **settings):
        client = tritonclient.InferenceServerClient(f"127.0.0.1:{port}")
        answer = client.infer(
            "late", [tensor], request_id="g1", parameters={"event_time": "2013-04-01T10:00:00Z"}
        )
        client.close()
        request, response = sink.wait(2)
    assert request.id == response.id == "g1"
    assert request.time == datetime(2013, 4, 1, 10, tzinfo=UTC)
    assert request.data["inputs"] == [{**ROW, "data": [0.5, None, 3.0, 0.25]}]
    assert response.data["outputs"][0]["data"] == answer.as_numpy("predict").ravel().tolist()


def test_of_a_request_that_fails_the_request_alone_is_told(server, sink):
    narrow = {**ROW, "shape": [1, 2], "data": [1, 2]}
    for _ in range(2):
        answer = httpx.post(server.url + LATE, json={"id": "wrong", "inputs": [narrow]})
        assert answer.status_code == 400
    assert httpx.post(server.url + LATE, json=BODY).status_code == 200
    *failed, request, response = sink.wait(4)
    for event in failed:
        assert event.id == "wrong"
        assert event.type == "org.kubeflow.serving.inference.request"
        assert event.extensions["inferenceerror"] == "bad-tensor"
        assert event.data["inputs"] == [narrow]
    assert (request.id, response.id) == ("r1", "r1")
    assert "inferenceerror" not in request.extensions
    time.sleep(0.1)
    assert len(sink.events) == 4
