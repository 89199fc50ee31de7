"""Content modes, shares, filters, and sinks that hang, fail or are not there."""

import http.server
import json
import socket
import threading
import time

import httpx
import prometheus_client
import pytest

from dovetail.serving.payload import PayloadSink
from dovetail.wire import cloudevents

LATE = "/v2/models/late/infer"
ROW = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.25]}
BODY = {"inputs": [ROW]}


def ask(server, **more):
    answer = httpx.post(server.url + LATE, json={**BODY, **more}, headers={"X-Tenant": "acme"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def counted(name, sink, **labels):
    name = f"dovetail_serving_payload_{name}"
    return prometheus_client.REGISTRY.get_sample_value(name, {"sink": sink, **labels}) or 0


def decoded(receiver):
    return [event for _, headers, body in receiver.requests for event in
            cloudevents.decode(headers, body)]  # fmt: skip


@pytest.mark.parametrize("mode", ["batched", "structured", "binary"])
def test_every_content_mode_carries_kserves_attributes(run, receiver, until, model_file, mode):
    sink = PayloadSink(
        to=receiver.url, mode=mode, headers=("X-Tenant", "X-None"), service="flights",
        namespace="prod", endpoint="default", annotations={"team": "ops"},
    )  # fmt: skip
    with run(f"late={model_file}", payload_sinks=(sink,)) as server:
        answer = ask(server, id="r1")
        until(lambda: len(decoded(receiver)) == 2)
    assert len(receiver.requests) == (1 if mode == "batched" else 2)
    kind = receiver.requests[0][1]["Content-Type"]
    assert (
        kind
        == {
            "batched": "application/cloudevents-batch+json",
            "structured": "application/cloudevents+json",
            "binary": "application/json",
        }[mode]
    )
    request, response = decoded(receiver)
    assert request.type == "org.kubeflow.serving.inference.request"
    assert response.type == "org.kubeflow.serving.inference.response"
    for event in (request, response):
        assert (event.id, event.source) == ("r1", "/v2/models/late")
        metadata = json.loads(event.extensions.pop("metadata"))
        assert list(metadata) == ["X-Tenant"]
        assert event.extensions == {
            "inferenceservicename": "flights",
            "namespace": "prod",
            "component": "predictor",
            "endpoint": "default",
            "annotations": '{"team":"ops"}',
            "modelversion": "1",
            "inferencerole": "live",
        }
    assert response.data == answer


def test_binary_mode_has_the_headers_that_kserve_sends(run, receiver, model_file):
    sink = PayloadSink(to=receiver.url, mode="binary", log="request", namespace="prod")
    with run(f"late={model_file}", payload_sinks=(sink,)) as server:
        ask(server, id="r1")
        (_, headers, body), *_ = receiver.wait(1)
    given = {name.lower(): value for name, value in headers.items()}
    assert given["ce-specversion"] == "1.0"
    assert given["ce-id"] == "r1"
    assert given["ce-type"] == "org.kubeflow.serving.inference.request"
    assert given["ce-namespace"] == "prod"
    assert given["ce-component"] == "predictor"
    assert json.loads(body)["inputs"] == [ROW]


@pytest.mark.parametrize(("log", "kinds"), [("request", ["request"]), ("response", ["response"])])
def test_one_side_alone(run, receiver, model_file, log, kinds):
    with run(
        f"late={model_file}", payload_sinks=(PayloadSink(to=receiver.url, log=log),)
    ) as server:
        ask(server)
        receiver.wait(1)
    assert [event.type.rpartition(".")[2] for event in decoded(receiver)] == kinds


def test_ce_id_names_a_request_that_has_no_id(run, receiver, model_file):
    with run(f"late={model_file}", payload_log=receiver.url) as server:
        answer = httpx.post(server.url + LATE, json=BODY, headers={"Ce-Id": "from-header"})
        receiver.wait(1)
    assert answer.json()["id"] == "from-header"
    assert {event.id for event in decoded(receiver)} == {"from-header"}


def test_a_share_is_decided_by_the_id(run, receiver, model_file):
    sink = PayloadSink(to=receiver.url, share=0.3, log="request")
    ids = [f"r{number}" for number in range(200)]
    told = []
    for order in (ids, reversed(ids)):
        receiver.requests.clear()
        with (
            run(f"late={model_file}", payload_sinks=(sink,)) as server,
            httpx.Client(base_url=server.url) as client,
        ):
            for id in order:
                assert client.post(LATE, json={**BODY, "id": id}).status_code == 200
        told.append({event.id for event in decoded(receiver)})
    assert 30 < len(told[0]) < 95
    assert told[0] == told[1]


def test_only_the_models_that_a_sink_names(run, receiver, model_file):
    sink = PayloadSink(to=receiver.url, models=("fr*",), log="request")
    with run(f"late={model_file}", f"fraud={model_file}", payload_sinks=(sink,)) as server:
        ask(server)
        httpx.post(f"{server.url}/v2/models/fraud/infer", json=BODY).raise_for_status()
    assert [event.source for event in decoded(receiver)] == ["/v2/models/fraud"]


def test_large_tensors_go_without_their_data(run, receiver, model_file):
    sink = PayloadSink(to=receiver.url, most_elements=3, log="request")
    with run(f"late={model_file}", payload_sinks=(sink,)) as server:
        ask(server, id="big")
    (event,) = decoded(receiver)
    (tensor,) = event.data["inputs"]
    assert tensor == {
        "name": "x", "shape": [1, 4], "datatype": "FP64", "parameters": {"omitted_elements": 4},
    }  # fmt: skip


def test_a_place_that_is_none_is_refused_at_the_start(run, model_file):
    with (
        pytest.raises(ValueError, match=r"cannot go to 'monitorng'.*give `monitoring`, a URL"),
        run(f"late={model_file}", payload_log="monitorng"),
    ):
        pass


def test_one_refused_record_costs_no_other(run, until, model_file):
    """A sink that refuses one event refuses the batch; its other events come all the same."""
    taken = []

    class Picky(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            events = cloudevents.decode(dict(self.headers), body)
            bad = any(event.id == "r7" for event in events)
            if not bad:
                taken.extend(event.id for event in events)
            self.send_response(400 if bad else 202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    picky = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Picky)
    threading.Thread(target=picky.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{picky.server_address[1]}"
    try:
        with run(f"late={model_file}", payload_log=url) as server:
            for number in range(30):
                ask(server, id=f"r{number}")
            until(lambda: counted("events_dropped_total", url, reason="refused") == 2)
            until(lambda: len(taken) == 58)
    finally:
        picky.shutdown()
        picky.server_close()
    assert set(taken) == {f"r{number}" for number in range(30)} - {"r7"}


@pytest.fixture(params=["hangs", "answers 500", "is closed"])
def bad_sink(request, receiver, free_port):
    """The URL of a sink that takes nothing."""
    if request.param == "answers 500":
        receiver.answers = [(500, {})] * 10_000
        yield receiver.url
    elif request.param == "is closed":
        yield f"http://127.0.0.1:{free_port()}"
    else:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
            yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def latencies(server, count=150):
    found = []
    with httpx.Client(base_url=server.url) as client:
        for number in range(count):
            start = time.perf_counter()
            answer = client.post(LATE, json={**BODY, "id": f"r{number}"})
            found.append(time.perf_counter() - start)
            assert answer.status_code == 200
    return sorted(found)


def test_answers_do_not_wait_for_a_sink_that_takes_nothing(run, until, model_file, bad_sink):
    with run(f"late={model_file}") as server:
        latencies(server, 50)
        usual = latencies(server)
    sink = PayloadSink(to=bad_sink, queue=20)
    with run(f"late={model_file}", payload_sinks=(sink,)) as server:
        latencies(server, 50)
        found = latencies(server)
        for share in (0.5, 0.9, 0.99):
            at = int(share * len(found))
            assert found[at] < 3 * usual[at] + 0.01, share
        assert counted("events_dropped_total", bad_sink, reason="full") == 2 * (200 - 20)
        assert counted("requests_waiting", bad_sink) <= 20
        page = httpx.get(f"{server.url}/serving.json").json()
        assert page["payload_waiting"] == 20


def test_a_sink_that_hangs_holds_up_no_other(run, receiver, until, model_file):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = PayloadSink(to=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with run(
            f"late={model_file}", payload_sinks=(hanging, PayloadSink(to=receiver.url))
        ) as server:
            for number in range(20):
                ask(server, id=f"r{number}")
            until(lambda: len(decoded(receiver)) == 40)


def test_bytes_are_bounded_too(run, model_file, free_port):
    url = f"http://127.0.0.1:{free_port()}"
    rows = 20_000
    big = {**ROW, "shape": [rows, 4], "data": [0.5] * (rows * 4)}
    with run(f"late={model_file}", payload_sinks=(PayloadSink(to=url, queue_mb=3),)) as server:
        for _ in range(6):
            httpx.post(server.url + LATE, json={"inputs": [big]}, timeout=30).raise_for_status()
        assert counted("events_dropped_total", url, reason="full") > 0
