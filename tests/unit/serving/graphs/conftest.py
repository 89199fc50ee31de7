import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

ROW = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.2]}]}


class Graphs:
    """A server with models, and what tests ask of its graphs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=30)

    def put(self, nodes: dict[str, Any], status: int = 200, name: str = "g", **parts: Any) -> Any:
        answer = self.client.put(f"/v2/graphs/{name}", json={"nodes": nodes, **parts})
        assert answer.status_code == status, answer.text
        return answer.json()

    def ask(self, status: int = 200, name: str = "g", headers: Any = None, **parts: Any) -> Any:
        answer = self.client.post(
            f"/v2/models/{name}/infer", json={**ROW, **parts}, headers=headers
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def value(self, name: str = "g", output: str = "predict", **parts: Any) -> float:
        outputs = {o["name"]: o["data"] for o in self.ask(name=name, **parts)["outputs"]}
        value: float = outputs[output][0]
        return value


@pytest.fixture
def graphs(
    run: Callable[..., AbstractContextManager[Any]], tmp_path: Path, model_file: Path,
    other_file: Path,
) -> Callable[..., AbstractContextManager[Graphs]]:  # fmt: skip
    """Start a server with the models `one`, `two` and `echo`."""
    folder = tmp_path / "may"
    folder.mkdir()
    shutil.copy(model_file, folder / "one.txt")
    shutil.copy(other_file, folder / "two.txt")
    (folder / "echo.identity").touch()

    @contextmanager
    def start(**settings: Any) -> Iterator[Graphs]:
        models = (f"{folder}/one.txt", f"{folder}/two.txt", f"{folder}/echo.identity")
        with run(*models, **settings) as server:
            found = Graphs(server.url)
            yield found
            found.client.close()

    return start


@pytest.fixture
def server(graphs: Any) -> Iterator[Graphs]:
    with graphs() as found:
        yield found
