"""A real labelling server, and a small client that says what went wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dovetail.labels.piece import piece
from dovetail.labels.settings import LabelSettings
from dovetail.web.testing import run_piece

CONFIG = (
    '<View><Text name="text" value="$text"/>'
    '<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>'
    '<Labels name="ner" toName="text"><Label value="PER"/></Labels></View>'
)
GOOD = [{"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}]


class Api:
    """Calls the server; `token` is sent as Label Studio's clients do."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Token {token}"} if token else {}
        self.url = url
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60)

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        kind = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = self.http.request(method, path, **(kind if body is not None else {}))
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer.json() if answer.content else None

    def get(self, path: str, *, status: int = 200) -> Any:
        return self.call("GET", path, status=status)

    def post(self, path: str, body: Any = None, *, status: int = 201) -> Any:
        return self.call("POST", path, {} if body is None else body, status=status)

    def patch(self, path: str, body: Any, *, status: int = 200) -> Any:
        return self.call("PATCH", path, body, status=status)

    def delete(self, path: str, *, status: int = 204) -> Any:
        return self.call("DELETE", path, status=status)

    def project(self, **fields: Any) -> int:
        made = self.post("/api/projects", {"title": "moods", "label_config": CONFIG, **fields})
        return int(made["id"])

    def load(self, project: int, tasks: list[Any], query: str = "") -> list[int]:
        path = f"/api/projects/{project}/import?return_task_ids=true{query}"
        return list(self.post(path, tasks)["task_ids"])


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[Api]:
    with run_piece(piece, state=tmp_path) as running:
        api = Api(running.url)
        yield api
        api.http.close()


@pytest.fixture
def on_database(database_url: str, tmp_path: Path) -> Iterator[Api]:
    """The same on SQLite and on PostgreSQL."""
    server = {} if database_url.startswith("sqlite") else {"database": database_url}
    with run_piece(piece, state=tmp_path, **server) as running:
        api = Api(running.url)
        yield api
        api.http.close()


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Any]:
    """Start a server with settings."""

    def run(settings: LabelSettings | None = None, **server: Any) -> Any:
        return run_piece(piece, settings, state=tmp_path, **server)

    return run


@pytest.fixture
def api_of() -> Iterator[Callable[..., Api]]:
    """A client of a running server, perhaps with a token."""
    made: list[Api] = []

    def client(server: Any, token: str = "") -> Api:
        made.append(Api(server.url, token))
        return made[-1]

    yield client
    for one in made:
        one.http.close()


@pytest.fixture
def api_at() -> Iterator[Callable[[str], Api]]:
    """A client of the server at a URL."""
    made: list[Api] = []

    def client(url: str) -> Api:
        made.append(Api(url))
        return made[-1]

    yield client
    for one in made:
        one.http.close()
