"""The tail of the latencies at half the rate at which a server is full.

A closed loop waits for each answer and so asks less when the server is slow: its percentiles hide
every pause. Here requests leave when they are due (gaps drawn from an exponential distribution,
as independent clients make them), whoever still waits; one that finds no free connection counts
from the moment when it was due. The rate at which the server is full is found first, by a closed
loop of as many connections as are used.

On a busy machine the tail is that of the machine, unless both processes run ahead of all others:

    chrt -f 10 python -m benchmarks.serving.latency

    python -m benchmarks.serving.latency
    python -m benchmarks.serving.latency --url http://127.0.0.1:8080 --model late --columns 4
"""

import argparse
import json
import select
import socket
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from benchmarks.harness import Figure
from benchmarks.serving.models import COLUMNS, write_models
from benchmarks.serving.subjects import SUBJECTS, serving

PIECE = "serving"
CONNECTIONS = 32
WARM_SECONDS, FULL_SECONDS, OPEN_SECONDS = 1.0, 3.0, 8.0
CHOSEN = {"quick": ("dovetail", "lgb"), "slow": ("dovetail --no-compile", "rf")}


class Load:
    """Asks one server one question over and over; a plain loop, so that it costs next to nothing.

    Args:
        url: of the server.
        request: the bytes of the request, head and body.
    """

    def __init__(self, url: str, request: bytes) -> None:
        parts = urlsplit(url)
        self._request = request
        self._begun: dict[int, float] = {}
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(CONNECTIONS):
            one = socket.create_connection((parts.hostname or "", parts.port or 80))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[one.fileno()] = one
        self._free, self._was_free = list(self._sockets), True
        self.took: list[float] = []

    def full(self, seconds: float) -> float:
        """Return the requests a second of a closed loop."""
        self.took.clear()
        start = now = time.perf_counter()
        while now < start + seconds:
            while self._free:
                self._send(self._free.pop(), now)
            self._receive(0.1)
            now = time.perf_counter()
        self._drain()
        return len(self.took) / (time.perf_counter() - start)

    def open(self, rate: float, seconds: float) -> np.ndarray:
        """Return the seconds that requests took that came at a rate, whoever still waited."""
        self.took.clear()
        gaps = np.random.default_rng(0).exponential(1 / rate, int(rate * seconds))
        coming = deque((time.perf_counter() + 0.05 + np.cumsum(gaps)).tolist())
        while coming:
            now = time.perf_counter()
            if coming[0] <= now and self._free:
                due = coming.popleft()
                # That this process was late by itself is not the server's doing.
                self._send(self._free.pop(), now if self._was_free else due)
            else:
                self._was_free = bool(self._free)
                self._receive(max(0.0, coming[0] - now) if self._free else 0.1)
        self._drain()
        return np.array(self.took)

    def _send(self, number: int, due: float) -> None:
        self._begun[number] = due
        self._sockets[number].sendall(self._request)

    def _receive(self, wait: float) -> None:
        # Not epoll, which waits for whole milliseconds.
        for number in select.select(list(self._begun), (), (), wait)[0]:
            answer = self._sockets[number].recv(65536)
            now = time.perf_counter()
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the server answered {answer[:300]!r}")
            self.took.append(now - self._begun.pop(number))
            self._free.append(number)

    def _drain(self) -> None:
        while self._begun:
            self._receive(0.1)


def request_of(model: str, columns: int) -> bytes:
    """Return one row as JSON, with its head."""
    row = np.random.default_rng(0).normal(size=columns).round(4).tolist()
    tensor = {"name": "input", "shape": [1, columns], "datatype": "FP64", "data": row}
    body = json.dumps({"inputs": [tensor]}).encode()
    head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def tail(url: str, model: str, columns: int, name: str) -> None:
    """Print the figures of one model."""
    load = Load(url, request_of(model, columns))
    load.full(WARM_SECONDS)
    rate = load.full(FULL_SECONDS)
    took = load.open(rate / 2, OPEN_SECONDS)
    middle, most = np.percentile(took, [50, 99]) * 1000
    what = f"{model} ({name}): at half of the rate at which it is full"
    Figure(PIECE, f"{model} ({name}): full", "dovetail", rate, "requests/s").emit()
    Figure(PIECE, f"{what}, p50", "dovetail", float(middle), "ms").emit()
    Figure(PIECE, f"{what}, p99", "dovetail", float(most), "ms").emit()
    Figure(PIECE, f"{what}, p99 over p50", "dovetail", float(most / middle), "").emit()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running server; by default one is started")
    parser.add_argument("--model", default="lgb")
    parser.add_argument("--columns", type=int, default=COLUMNS)
    chosen = parser.parse_args()
    if chosen.url:
        tail(chosen.url, chosen.model, chosen.columns, "running")
        return
    with tempfile.TemporaryDirectory() as made:
        models = write_models(Path(made))
        for name, (subject, model) in CHOSEN.items():
            served = next(one for one in SUBJECTS if one.name == subject)
            print(f"serving: the tail of a {name} model", file=sys.stderr)
            with (
                tempfile.TemporaryDirectory() as place,
                serving(served, Path(place), {model: models[model]}) as (target, _),
            ):
                tail(target.url, model, COLUMNS, name)


if __name__ == "__main__":
    main()
