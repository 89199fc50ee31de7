"""A model that takes as long as a test wants, behind a real server."""

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest

from dovetail.serving import formats
from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.tensors import Array, TensorSpec
from dovetail.web.testing import RunningApp, run_piece

FAILS, EXITS, SHRINKS = 666.0, 667.0, 668.0
WIDTH = 2


class Slow:
    """Answers each row with its sum; a closed gate keeps a call from returning.

    Values in a request make it fail, call `sys.exit`, or answer with a row too few.
    """

    platform = "tests_slow"
    outputs = (TensorSpec("sum", "FP64", (-1,)), TensorSpec("first", "FP64", (-1, 1)))

    def __init__(self, name: str) -> None:
        self.signature = MatrixSignature("input", ("a", "b"), WIDTH)
        self.name = name
        self.gate = threading.Event()
        self.gate.set()
        self.calls: list[int] = []
        self.seconds = 0.001
        self.loads = 0

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        matrix = inputs["input"]
        self.calls.append(len(matrix))
        time.sleep(self.seconds)
        assert self.gate.wait(30)
        if (matrix == FAILS).any():
            raise ValueError("it is the number of the beast")
        if (matrix == EXITS).any():
            sys.exit(3)
        if (matrix == SHRINKS).any():
            matrix = matrix[1:]
        return {"sum": matrix.sum(axis=1), "first": matrix[:, :1].copy()}


class SlowServer:
    """A running server with slow models, and what a test does with it."""

    def __init__(self, models: dict[str, Slow]) -> None:
        self.models = models
        self.url = self.grpc = ""
        self.pool = ThreadPoolExecutor(64)

    def __getitem__(self, name: str) -> Slow:
        return self.models[name]

    def ask(
        self, rows: Any, model: str = "slow", *, timeout: float = 30.0, version: str = "",
        headers: dict[str, str] | None = None, **message: Any,
    ) -> httpx.Response:  # fmt: skip
        matrix = np.array(rows, dtype=float)
        tensor = {"name": "x", "shape": matrix.shape, "datatype": "FP64"}
        body = {"inputs": [{**tensor, "data": matrix.ravel().tolist()}], **message}
        path = f"{self.url}/v2/models/{model}{f'/versions/{version}' if version else ''}/infer"
        return httpx.post(path, json=body, timeout=timeout, headers=headers)

    def send(self, rows: Any, model: str = "slow", **message: Any) -> "Future[httpx.Response]":
        """Ask in the background."""
        return self.pool.submit(self.ask, rows, model, **message)

    def hold(self, model: str = "slow") -> "Future[httpx.Response]":
        """Close a model's gate and have one call wait before it."""
        held = self[model]
        held.gate.clear()
        before = len(held.calls)
        first = self.send([[0.0, 0.0]], model)
        until(lambda: len(held.calls) > before)
        return first

    def waits(self, count: int, model: str = "slow") -> None:
        """Wait until so many requests wait behind the one that runs."""
        until(lambda: self.metric("dovetail_serving_requests_in_flight", model) == count + 1)

    def metric(self, name: str, model: str = "slow") -> float:
        text = httpx.get(f"{self.url}/metrics").text
        for line in text.splitlines():
            if line.startswith(f'{name}{{model="{model}"'):
                return float(line.rpartition(" ")[2])
        return 0.0

    def statistics(self, model: str = "slow") -> dict[str, Any]:
        return httpx.get(f"{self.url}/v2/models/{model}/stats").json()["model_stats"][0]


def until(check: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a server with slow models of the given names."""
    models: dict[str, Slow] = {}
    module = ModuleType("dovetail_tests_slow")

    def load(path: Path, *, trusted: bool = False) -> Slow:
        model = models.setdefault(path.stem, Slow(path.stem))
        model.loads += 1
        return model

    vars(module).update(
        matches=lambda path: path.suffix == ".slow", compiles=lambda path: False, load=load
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(formats.FORMATS, "slow", module.__name__)

    @contextmanager
    def start(*names: str, **settings: Any) -> Iterator[SlowServer]:
        files = []
        for name in names or ("slow",):
            file = tmp_path / f"{name}.slow"
            file.write_text(name)
            files.append(str(file))
        chosen = ServingSettings(
            models=tuple(files), folders=(str(tmp_path),), isolate=False,
            **{"model_threads": 1, **settings},
        )  # fmt: skip
        with run_piece(piece, chosen, state=tmp_path / "state") as running:
            server = SlowServer(models)
            server.url, server.grpc = _ready(running), running.addresses["gRPC"]
            for model in models.values():
                model.calls.clear()
            try:
                yield server
            finally:
                for model in models.values():
                    model.gate.set()
                server.pool.shutdown(wait=True)

    return start


def _ready(running: RunningApp) -> str:
    until(lambda: httpx.get(f"{running.url}/v2/health/ready").status_code == 200)
    return running.url
