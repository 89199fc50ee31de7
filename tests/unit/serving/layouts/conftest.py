import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import RunningApp, run_piece

onnx = pytest.importorskip("onnx")

WIDTH = 3


def adder(amount: float = 1.0, width: int = WIDTH, names: tuple[str, str] = ("x", "y")) -> bytes:
    """An ONNX model that adds an amount to every element."""
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Add", [names[0], "c"], [names[1]])],
        "adder",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, [None, width])],
        [helper.make_tensor("c", TensorProto.FLOAT, [width], [amount] * width)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


class Folder:
    """A repository that a test fills."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def put(self, path: str, content: bytes | str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def mlserver(self, folder: str, amount: float = 1.0, **settings: Any) -> None:
        self.put(f"{folder}/model.onnx", adder(amount))
        said = {"name": folder, "implementation": "onnx", "parameters": {"uri": "./model.onnx"}}
        self.put(f"{folder}/model-settings.json", json.dumps({**said, **settings}))

    def triton(self, model: str, config: str | None = "", **versions: float) -> None:
        for version, amount in versions.items():
            self.put(f"{model}/{version.removeprefix('v')}/model.onnx", adder(amount))
        if config is not None:
            self.put(f"{model}/config.pbtxt", f'backend: "onnxruntime"\n{config}')


class Client:
    """What the tests ask a server."""

    def __init__(self, server: RunningApp) -> None:
        self.url = server.url

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return httpx.post(self.url + path, json=body, timeout=60)

    def load(self, model: str, **parameters: Any) -> httpx.Response:
        return self.post(f"/v2/repository/models/{model}/load", {"parameters": parameters})

    def unload(self, model: str) -> httpx.Response:
        return self.post(f"/v2/repository/models/{model}/unload")

    def states(self) -> dict[tuple[str, str], tuple[str, str]]:
        index = self.post("/v2/repository/index").json()
        return {(e["name"], e["version"]): (e["state"], e["reason"]) for e in index}

    def added(self, model: str, name: str = "x") -> tuple[str, float]:
        """Return the version that answers, and what it added."""
        tensor = {"name": name, "shape": [1, WIDTH], "datatype": "FP32", "data": [[0, 0, 0]]}
        answer = self.post(f"/v2/models/{model}/infer", {"inputs": [tensor]})
        assert answer.status_code == 200, answer.text
        return answer.json()["model_version"], answer.json()["outputs"][0]["data"][0]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty repository."""
    return Folder(tmp_path / "models")


Serve = Callable[..., AbstractContextManager[Client]]


@pytest.fixture
def serve(tmp_path: Path, folder: Folder) -> Serve:
    """Start a server over the repository, over the same state each time, and wait for it."""

    @contextmanager
    def start(**settings: Any) -> Iterator[Client]:
        chosen = {"repository": (str(folder.root),), "isolate": False, **settings}
        with run_piece(piece, ServingSettings(**chosen), state=tmp_path / "state") as server:
            for _ in range(400):
                if httpx.get(f"{server.url}/v2/health/ready").status_code == 200:
                    break
                time.sleep(0.02)
            yield Client(server)

    return start


def until(check: Callable[[], bool]) -> None:
    for _ in range(300):
        if check():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")
