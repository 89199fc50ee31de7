from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

ROW = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.2]}]}


class Late:
    """A server with the versions of `late`, and what tests ask of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url)

    def load(self, version: str) -> None:
        body = {"parameters": {"uri": f"models:/late/{version}"}}
        answer = self.client.post("/v2/repository/models/late/load", json=body)
        assert answer.status_code == 200, answer.text

    def unload(self, version: str = "") -> None:
        body = {"parameters": {"version": version}} if version else {}
        answer = self.client.post("/v2/repository/models/late/unload", json=body)
        assert answer.status_code == 200, answer.text

    def ask(self, id: str = "r", *, path: str = "late", **parts: Any) -> str:
        headers = parts.pop("headers", {})
        answer = self.client.post(
            f"/v2/models/{path}/infer", json={"id": id, **ROW, **parts}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        version: str = answer.json()["model_version"]
        return version

    def do(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.client.request(method, f"/v2/models/late{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def put(self, rule: dict[str, Any], status: int = 200, **parts: Any) -> Any:
        return self.do("PUT", "/routing", {"rule": rule, **parts}, status)


@pytest.fixture
def at() -> Iterator[Callable[[str], Late]]:
    """Give what asks the server at a URL."""
    found: list[Late] = []

    def open_at(url: str) -> Late:
        found.append(Late(url))
        return found[-1]

    yield open_at
    for one in found:
        one.client.close()


@pytest.fixture
def late(run: Callable[..., Any], at: Callable[[str], Late]) -> Iterator[Late]:
    """A server with versions 1 and 2 of `late`; 1 answers."""
    with run() as server:
        found = at(server.url)
        found.load("1")
        found.load("2")
        yield found
