"""A server that is told to stop fails nobody: real processes, SIGTERM, clients that go on."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

BODY = json.dumps(
    {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.2]}]}
)


class Process:
    """A server in a process of its own."""

    def __init__(self, folder: Path, port: int, *arguments: str, **environment: str) -> None:
        import os

        self.url, self.port = f"http://127.0.0.1:{port}", port
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "dovetail.cli", "serving", "run", *arguments,
                "--port", str(port), "--state", str(folder),
            ],
            env={**os.environ, **environment},
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ready(self) -> "Process":
        for _ in range(600):
            try:
                if httpx.get(f"{self.url}/v2/health/ready").status_code == 200:
                    return self
            except httpx.TransportError:
                assert self.process.poll() is None
            time.sleep(0.05)
        raise AssertionError("the server did not become ready")

    def tell_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(30)


class Client(threading.Thread):
    """Asks without a pause over a connection that it keeps; only a refused connect moves it on."""

    def __init__(self, ports: list[int], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.ports, self.stop = list(ports), stop
        self.answered = 0
        self.failures: list[str] = []
        self.moved = False
        self.told = False

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self.stop.is_set():
            if connection is None or connection.sock is None:
                if connection is not None:
                    connection.close()
                connection = self._connect()
                if connection is None:
                    return
            try:
                connection.request("POST", "/v2/models/echo/infer", BODY)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            if answer.status != 200:
                self.failures.append(str(answer.status))
            self.answered += 1
            self.told = self.told or answer.getheader("connection") == "close"
            time.sleep(0.0005)
        if connection is not None:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection | None:
        while self.ports:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[0], timeout=20)
            try:
                connection.connect()
                return connection
            except ConnectionRefusedError:
                self.ports.pop(0)
                self.moved = True
            except OSError as error:
                self.failures.append(f"connect: {error!r}")
        self.failures.append("nobody is there")
        return None


@pytest.fixture
def echo(tmp_path: Path) -> str:
    file = tmp_path / "echo.identity"
    file.touch()
    return f"echo={file}"


def test_no_request_fails_when_another_server_takes_over(echo, tmp_path, free_port):
    first, second = free_port(), free_port()
    with Process(tmp_path / "a", first, echo) as old, Process(tmp_path / "b", second, echo) as new:
        old.ready()
        new.ready()
        stop = threading.Event()
        clients = [Client([first, second], stop) for _ in range(8)]
        for client in clients:
            client.start()
        time.sleep(0.5)
        old.tell_to_stop()
        assert old.process.wait(30) == -signal.SIGTERM
        time.sleep(0.5)
        stop.set()
        for client in clients:
            client.join(30)
        assert [failure for client in clients for failure in client.failures] == []
        assert all(client.moved and client.told for client in clients)
        assert min(client.answered for client in clients) > 20


def test_it_says_at_once_that_it_is_not_ready_and_goes_on_answering(echo, tmp_path, free_port):
    port = free_port()
    environment = {"DOVETAIL_SERVER__DRAIN_SECONDS": "3"}
    with Process(tmp_path / "a", port, echo, **environment) as server:
        server.ready()
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        kept.request("GET", "/v2/health/live")
        kept.getresponse().read()
        server.tell_to_stop()
        deadline = time.monotonic() + 2
        while httpx.get(f"{server.url}/v2/health/ready").status_code == 200:
            assert time.monotonic() < deadline
        said = httpx.get(f"{server.url}/v2/health/ready")
        assert said.json() == {"error": "not ready: the server was told to stop"}
        assert said.headers["connection"] == "close"
        assert httpx.get(f"{server.url}/readyz").status_code == 503
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        fresh = httpx.post(f"{server.url}/v2/models/echo/infer", content=BODY)
        assert fresh.status_code == 200
        kept.request("POST", "/v2/models/echo/infer", BODY)
        answer = kept.getresponse()
        answer.read()
        kept.close()
        assert (answer.status, answer.getheader("connection")) == (200, "close")
        assert server.process.wait(30) == -signal.SIGTERM


def test_a_request_that_is_half_sent_is_finished(echo, tmp_path, free_port):
    port = free_port()
    with Process(tmp_path / "a", port, echo) as server:
        server.ready()
        with socket.create_connection(("127.0.0.1", port), timeout=20) as half:
            head = "POST /v2/models/echo/infer HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            half.sendall(f"{head}content-length: {len(BODY)}\r\n\r\n{BODY[:20]}".encode())
            time.sleep(0.2)
            server.tell_to_stop()
            time.sleep(2)  # longer than idle connections are kept
            half.sendall(BODY[20:].encode())
            answer = b""
            while part := half.recv(4096):
                answer += part
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer.lower()
        assert server.process.wait(30) == -signal.SIGTERM


def test_an_idle_connection_does_not_hold_the_server(echo, tmp_path, free_port):
    port = free_port()
    with Process(tmp_path / "a", port, echo) as server:
        server.ready()
        with socket.create_connection(("127.0.0.1", port), timeout=20):
            server.tell_to_stop()
            start = time.monotonic()
            assert server.process.wait(30) == -signal.SIGTERM
            assert time.monotonic() - start < 10
