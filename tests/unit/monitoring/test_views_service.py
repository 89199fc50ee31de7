"""Vectors and texts in the service: from tensors of requests to an alert with its rows."""

import json
import threading
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from dovetail.monitoring import Monitor, Reference, compare
from dovetail.wire.cloudevents import Event

FIRST = date(2013, 4, 1)
WORDS = "the of and to in is was for that on with his they at this from"
FOREIGN = "der die und von zu das mit sich des auf im nicht ein eine"


def sentences(r, rows, words=WORDS):
    return [" ".join(r.choice(words.split(), 12)) for _ in range(rows)]


def send(server, log, number, tensors, rows):
    """One request a day, its response, and the day's close; the alerts that it raised."""
    day = FIRST + timedelta(number)
    name, at = f"r-{number}", f"{day}T08:00:00Z"
    request = log.request(name, [[0.0]], at=at)
    body = {"id": name, "inputs": tensors, "parameters": {"event_time": at}}
    request = Event(
        id=request.id, source=request.source, type=request.type, time=request.time,
        data=body, extensions=request.extensions,
    )  # fmt: skip
    server.send(request, log.response(name, [0.5] * rows, at=at))
    return server.post("/models/flights/close", day=str(day))


def tensor(name, values, kind="FP32"):
    shape = [len(values), *np.shape(values)[1:]]
    return {"name": name, "shape": shape, "datatype": kind, "data": np.ravel(values).tolist()}


def test_a_tensor_of_vectors_is_one_column(server, log):
    r = np.random.default_rng(0)
    server.put(
        "/models/flights/reference",
        version="1",
        features={"emb": r.normal(size=(800, 24)).round(4).tolist()},
    )
    for number in range(2):
        emb = r.normal(size=(200, 24))
        assert send(server, log, number, [tensor("emb", emb)], 200) == []
    for number in range(2, 6):
        alerts = send(server, log, number, [tensor("emb", r.normal(0.6, 1, (200, 24)))], 200)
        if alerts:
            break
    (alert,) = alerts
    assert any("emb: " in one["column"] for one in alert["facts"]["columns"])
    examples = alert["facts"]["examples"]
    assert all(name.startswith("emb: ") for one in examples for name in one["values"])
    found = server.get(examples[0]["href"].removeprefix("/monitoring"))[0]
    assert found["request_id"] == f"r-{number}"
    server.post(
        f"/alerts/{alert['id']}/expect", reason="a new encoder", since=str(FIRST + timedelta(2))
    )
    emb = r.normal(0.6, 1, (200, 24))
    assert send(server, log, number + 1, [tensor("emb", emb)], 200) == []


def test_a_tensor_of_texts_is_looked_at_as_texts(server, log):
    r = np.random.default_rng(1)
    features = {"body": sentences(r, 800), "age": r.normal(40, 5, 800).tolist()}
    server.put("/models/flights/reference", version="1", features=features)
    for number in range(4):
        texts = sentences(r, 100) if number < 2 else [*sentences(r, 80), *sentences(r, 20, FOREIGN)]
        tensors = [tensor("body", texts, "BYTES"), tensor("age", r.normal(40, 5, 100))]
        alerts = send(server, log, number, tensors, 100)
        assert number >= 2 or not alerts
        if alerts:
            break
    (alert,) = alerts
    assert "body: unknown words" in alert["message"]
    assert all(one["row"] >= 80 for one in alert["facts"]["examples"])


class _Embedder(BaseHTTPRequestHandler):
    """A served model: a vector of letters for each text, over the Open Inference protocol."""

    def do_GET(self):
        self._answer({"name": "e", "inputs": [{"name": "text", "datatype": "BYTES"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (given,) = body["inputs"]
        assert (given["name"], given["datatype"]) == ("text", "BYTES")
        rows = [[float(t.count(c)) for c in "ersz"] for t in given["data"]]
        flat = [v for row in rows for v in row]
        output = {"name": "v", "datatype": "FP32", "shape": [len(rows), 4], "data": flat}
        self._answer({"outputs": [output]})

    def _answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def embedder():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Embedder) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/v2/models/e"
        running.shutdown()


def test_a_served_model_makes_the_vectors(embedder):
    r = np.random.default_rng(2)
    reference = Reference.fit({"body": sentences(r, 700)}, embed={"body": embedder})
    monitor = Monitor(reference)
    assert not monitor.update({"body": sentences(r, 300)}).alarm
    found = monitor.update({"body": sentences(r, 300, FOREIGN)})
    assert found.alarm
    assert found.drift.columns[0].column.startswith("body: ")
    report = compare(
        {"body": sentences(r, 300)}, {"body": sentences(r, 300, FOREIGN)}, embed={"body": embedder}
    )
    assert report.verdict == "drift"
    assert all(c.column.startswith("body: ") for c in report.columns)


def test_a_server_calls_no_model_that_a_profile_names(server, embedder):
    r = np.random.default_rng(3)
    reference = Reference.fit({"body": sentences(r, 100)}, embed={"body": embedder}, version="1")
    answer = server.http.put(
        "/monitoring/models/flights/reference",
        content=reference.profile(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert "a server calls no address that comes with a file" in answer.text
