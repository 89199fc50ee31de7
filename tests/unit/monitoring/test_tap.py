"""The tap: what passes is unchanged, inferences are logged, and its failures are its own."""

import gzip
import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
import pytest

from dovetail.base.errors import SettingsError
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.monitoring.tap.relay import Upstream
from dovetail.monitoring.tap.thread import Tap

BODY = {"id": "r1", "inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2]}]}
OUT = {"name": "p", "shape": [2], "datatype": "FP64", "data": [0.25, 0.75]}


class Model(BaseHTTPRequestHandler):
    """An inference server in small, that also answers in ways that are hard to follow."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        said = json.loads(body) if body[:1] == b"{" else {}
        answer = {"model_name": "m", "model_version": "3", "id": said.get("id"), "outputs": [OUT]}
        content = json.dumps(answer).encode()
        if "fail" in self.path:
            content = b'{"error": "no such model"}'
        self.send_response(404 if "fail" in self.path else 200)
        if "gzip" in self.headers.get("accept-encoding", ""):
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("X-Path", self.path)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (b"one ", b"two"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def model():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def tapping(url, send):
    tap = Tap(url, "127.0.0.1", 0, send)
    tap.start()
    try:
        with httpx.Client(base_url=f"http://{tap.address}", trust_env=False) as client:
            yield client
    finally:
        tap.stop()


def wait(what):
    for _ in range(100):
        if what():
            return
        time.sleep(0.03)
    raise AssertionError("it did not come")


INFER = "/v2/models/m/infer"
PLAIN = {"accept-encoding": "identity"}


def test_answers_through_the_tap_are_those_of_the_server(model):
    got = []
    with tapping(model, got.extend) as client, httpx.Client(base_url=model) as direct:
        for call in (
            lambda c: c.post(INFER, json=BODY, headers=PLAIN),
            lambda c: c.post(INFER + "?x=1", json=BODY),
            lambda c: c.post("/v2/models/fail/infer", json=BODY, headers=PLAIN),
            lambda c: c.get("/v2/health/live"),
            lambda c: c.head("/v2"),
            lambda c: c.post("/v2/repository/index", json={}, headers=PLAIN),
        ):
            tapped, plain = call(client), call(direct)
            assert (tapped.status_code, tapped.content) == (plain.status_code, plain.content)
            unlike = ("date",)
            left = {k: v for k, v in tapped.headers.items() if k not in unlike}
            assert left == {k: v for k, v in plain.headers.items() if k not in unlike}
        wait(lambda: len(got) >= 4)
    assert [event.type.rpartition(".")[2] for event in got] == ["request", "response"] * 2
    assert {event.extensions["inferenceservicename"] for event in got} == {"m"}


def test_what_passes_the_tap_is_monitored(start, model):
    with start(MonitoringSettings(tap=model, tap_port=0)) as server:
        address = server.addresses["tap"]
        with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
            for number in range(20):
                body = {**BODY, "id": f"r{number}"}
                assert client.post("/v2/models/m/versions/3/infer", json=body).status_code == 200
        wait(lambda: server.get("/models") and _predictions(server) == 40)
        outcome = {"request_ids": ["r7", "r7"], "rows": [0, 1], "values": [0, 1], "model": "m"}
        event = {"specversion": "1.0", "id": "o", "source": "/o", "type": "dev.dovetail.outcome"}
        headers = {"content-type": "application/cloudevents+json"}
        server.good(
            server.http.post("/monitoring/events", json={**event, "data": outcome}, headers=headers)
        )
        figures = server.get("/models/m/performance")
        assert (figures["versions"], figures["outcomes"]) == ({"3": 40}, 2)


def _predictions(server):
    return server.get("/models/m/performance")["predictions"]


def test_a_log_that_cannot_be_kept_delays_no_answer_and_is_kept_later(model):
    away, got = threading.Event(), []

    def send(events):
        if not away.is_set():
            raise OSError("no room")
        got.extend(events)

    with tapping(model, send) as client:
        began = time.monotonic()
        for _ in range(20):
            assert client.post(INFER, json=BODY, headers=PLAIN).status_code == 200
        assert time.monotonic() - began < 5
        assert got == []
        away.set()
        wait(lambda: len(got) == 40)


def test_what_is_no_http_passes_all_the_same():
    """The relay understands nothing, so it cannot misunderstand."""
    listening = socket.create_server(("127.0.0.1", 0))

    def echo():
        connection, _ = listening.accept()
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(data[::-1])

    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    tap = Tap(f"http://127.0.0.1:{listening.getsockname()[1]}", "127.0.0.1", 0, lambda _: None)
    tap.start()
    host, _, port = tap.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        for sent in (b"\0\1\2", b"PRI * HTTP/2.0", np.arange(9).tobytes()):
            client.sendall(sent)
            got = b""
            while len(got) < len(sent):
                got += client.recv(1 << 16)
            assert got == sent[::-1]
    thread.join(5)
    tap.stop()
    listening.close()


def test_a_server_that_is_away_is_said_to_be(free_port):
    with tapping(f"http://127.0.0.1:{free_port()}", lambda _: None) as client:
        answer = client.get("/v2/health/live")
        assert (answer.status_code, "unreachable" in answer.json()["error"]) == (502, True)


@pytest.mark.parametrize("url", ["mlserver:8080", "ftp://x", "http://x/path", "http://x:99999"])
def test_what_is_no_server_is_refused(url):
    with pytest.raises(SettingsError, match="cannot be tapped"):
        Upstream.parse(url)
