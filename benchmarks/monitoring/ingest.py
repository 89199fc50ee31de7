"""Taking events in as KServe's logger sends them: one event a call, over many connections.

Each inference is two calls in CloudEvents' binary mode, its request and its response. Figures are
server CPU per event, which is what a core can hold; the client is a loop over bare sockets.

The floor is the same HTTP server with a function that answers at once: what an event costs before
anything is done with it. `bare SQLite` is one insert of the same bytes, a transaction for each 64.

    python -m benchmarks.monitoring.ingest
"""

import json
import selectors
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from urllib.parse import urlsplit
from uuid import UUID

from benchmarks.harness import BIN, Figure, Server, server

CONNECTIONS = 64
EVENTS = 40_000
ROW = [0.1234, -1.5, 2.25, 3.0, 17.5, 0.004, 12.0, -0.75, 8.125, 1.0]
KIND = "org.kubeflow.serving.inference."
_NAME = "monitoring"


def bodies(name: str) -> Iterator[tuple[str, bytes]]:
    """The kinds and bodies of the two events of one inference of ten columns."""
    tensor = {"name": "x", "datatype": "FP64", "shape": [1, len(ROW)], "data": ROW}
    yield "request", json.dumps({"id": name, "inputs": [tensor]}).encode()
    score = {"name": "p", "datatype": "FP64", "shape": [1], "data": [0.25]}
    said = {"id": name, "model_name": "m", "model_version": "1", "outputs": [score]}
    yield "response", json.dumps(said).encode()


def calls(first: int, count: int) -> list[bytes]:
    """HTTP requests of KServe's logger, each with one event."""
    made, drawn = [], Random(first)
    for _ in range(count // 2):
        name = str(UUID(int=drawn.getrandbits(128), version=4))
        for kind, body in bodies(name):
            head = (
                "POST /monitoring/events HTTP/1.1\r\nHost: localhost:8080\r\n"
                "User-Agent: Go-http-client/1.1\r\n"
                f"Content-Length: {len(body)}\r\nCe-Component: default\r\nCe-Endpoint: \r\n"
                f"Ce-Id: {name}\r\nCe-Inferenceservicename: m\r\nCe-Namespace: prod\r\n"
                "Ce-Source: http://localhost:9081/\r\nCe-Specversion: 1.0\r\n"
                f"Ce-Time: 2026-04-01T06:00:00.123456789Z\r\nCe-Type: {KIND}{kind}\r\n"
                "Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
            )
            made.append(head.encode() + body)
    return made


def drive(url: str, requests: Sequence[bytes], connections: int = CONNECTIONS) -> float:
    """Send every request, one after the other on each connection; returns seconds.

    Raises:
        RuntimeError: an answer is not 200.
    """
    parts, waiting = urlsplit(url), iter(requests)
    selector = selectors.DefaultSelector()
    begun, open_now = time.perf_counter(), 0
    for _ in range(connections):
        request = next(waiting, None)
        if request is None:
            break
        one = socket.create_connection((parts.hostname or "", parts.port or 80))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(request)
        selector.register(one, selectors.EVENT_READ, one)
        open_now += 1
    while open_now:
        for key, _ in selector.select():
            one = key.data
            answer = one.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer[:300])
            request = next(waiting, None)
            if request is None:
                selector.unregister(one)
                one.close()
                open_now -= 1
            else:
                one.sendall(request)
    return time.perf_counter() - begun


def cost(target: Server, first: int, count: int = EVENTS) -> float:
    """Server CPU of an event, in microseconds."""
    requests = calls(first, count)
    before = target.cpu_seconds()
    drive(target.url, requests)
    return (target.cpu_seconds() - before) / count * 1e6


def bare_sqlite(folder: Path, count: int = EVENTS) -> float:
    """CPU microseconds of one bare insert of an event's bytes."""
    body = next(bodies("x"))[1]
    with sqlite3.connect(folder / "bare.db", isolation_level=None) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE e (key TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
        begun, drawn = time.process_time(), Random(0)
        for _ in range(0, count, CONNECTIONS):
            database.execute("BEGIN IMMEDIATE")
            rows = [(f"{drawn.getrandbits(128):032x}", body) for _ in range(CONNECTIONS)]
            database.executemany("INSERT INTO e VALUES (?, ?)", rows)
            database.execute("COMMIT")
        spent = time.process_time() - begun
    database.close()
    return spent / count * 1e6


def serve_floor(port: int) -> None:
    """Run the same server with a function that answers at once."""
    from dovetail.base.settings import ServerSettings
    from dovetail.monitoring.settings import MonitoringSettings
    from dovetail.web.alone import run_alone
    from dovetail.web.direct import Answer, Ask, Direct
    from dovetail.web.piece import Context, Piece, Service

    answer = (
        200,
        ((b"content-type", b"application/json"),),
        b'{"accepted":1,"duplicates":0,"ignored":0}',
    )

    def handle(_: Ask) -> Answer:
        return answer

    def build(_: Context, __: MonitoringSettings) -> Service:
        return Service(routes=[], direct=[Direct("/monitoring/events", handle)])

    floor = Piece(
        name="floor", title="Floor", job="", joint="", settings=MonitoringSettings, build=build
    )
    settings = ServerSettings(port=port, state=str(Path.cwd() / "floor"))
    run_alone(floor, MonitoringSettings(), settings)


def run() -> None:
    """Print the figures; ours and the floor are measured in turn."""
    command = "-m dovetail.cli monitoring run --port {port} --state state"
    ours = [str(BIN / "python"), *command.split()]
    floor = [str(BIN / "python"), "-m", "benchmarks.monitoring.ingest", "{port}"]
    name = "one event a call, 64 connections"
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        with (
            server(ours, "/monitoring/models", folder) as watch,
            server(floor, "/healthz", folder) as least,
        ):
            for target in (watch, least):
                cost(target, 0, 4000)
            pairs = [(cost(watch, n * EVENTS), cost(least, n * EVENTS)) for n in (1, 2, 3)]
        spent, bare = (sorted(values)[1] for values in zip(*pairs, strict=True))
        Figure(_NAME, name, "dovetail", spent, "us of server CPU an event").emit()
        Figure(_NAME, name, "bare HTTP, same server", bare, "us of server CPU an event").emit()
        stored = bare_sqlite(folder)
        Figure(_NAME, name, "bare SQLite insert", stored, "us of server CPU an event").emit()
        Figure(_NAME, name, "dovetail", 1e6 / spent, "/s of one core").emit()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve_floor(int(sys.argv[1]))
    else:
        run()
