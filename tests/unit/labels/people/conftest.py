"""A labelling server that asks for tokens, and who calls it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from dovetail.labels.piece import piece
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece

CONFIG = (
    '<View><Text name="text" value="$text"/>'
    '<Choices name="mood" toName="text" choice="single">'
    '<Choice value="good"/><Choice value="bad"/><Choice value="mixed"/></Choices></View>'
)


def said(value: str) -> list[dict[str, Any]]:
    """A result that makes one choice."""
    region = {"from_name": "mood", "to_name": "text", "type": "choices"}
    return [{**region, "value": {"choices": [value]}}]


class Caller:
    """Somebody with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.token = token
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60)

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        kind = {} if body is None else {"json": body}
        answer = self.http.request(method, path, **kind)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text[:2000])
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if answer.content and is_json else answer.text

    def get(self, path: str, *, status: int = 200) -> Any:
        return self.call("GET", path, status=status)

    def post(self, path: str, body: Any = None, *, status: int = 201) -> Any:
        return self.call("POST", path, {} if body is None else body, status=status)

    def answer(
        self, task: int, value: str, *, seconds: float = 5.0, status: int = 201
    ) -> dict[str, Any]:
        body = {"result": said(value), "lead_time": seconds}
        return dict(self.post(f"/api/tasks/{task}/annotations/", body, status=status) or {})


@dataclass
class World:
    """A server, a project in it, and its manager."""

    url: str
    boss: Caller
    project: int
    tasks: list[int]
    callers: list[Caller] = field(default_factory=list)

    @property
    def api(self) -> str:
        """Where our own paths of the project begin."""
        return f"/api/labels/projects/{self.project}"

    def invite(self, name: str, role: str = "annotator") -> Caller:
        """Invite somebody, and return them as they call with their own token."""
        made = self.boss.post(f"{self.api}/members", {"name": name, "role": role})
        caller = Caller(self.url, made["token"])
        caller.user = made["user"]  # type: ignore[attr-defined]
        self.callers.append(caller)
        return caller

    def next(self, who: Caller, *, status: int = 200) -> dict[str, Any]:
        """What somebody is handed next."""
        return dict(who.get(f"/api/projects/{self.project}/next", status=status))

    def plan(self, **fields: Any) -> None:
        """Decide about the people of the project."""
        self.boss.call("PUT", f"{self.api}/people", fields)


def truth_of(task: dict[str, Any]) -> str:
    """What the texts of these tests say of themselves."""
    return str(task["data"]["text"]).split()[-1]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Start a server with a project of so many tasks."""
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    secret = tokens.create("boss", "editor")
    tokens.close()
    worlds: list[World] = []
    running = run_piece(piece, state=tmp_path, auth=True)
    server = running.__enter__()

    def make(tasks: int = 6, **fields: Any) -> World:
        boss = Caller(server.url, secret)
        body = {"title": "moods", "label_config": CONFIG, **fields}
        project = boss.post("/api/projects", body)["id"]
        moods = ("good", "bad", "mixed")
        load = [
            {"data": {"text": f"text {n} is {moods[n % 3]}", "secret": moods[n % 3]}}
            for n in range(tasks)
        ]
        path = f"/api/projects/{project}/import?return_task_ids=true"
        world = World(server.url, boss, project, boss.post(path, load)["task_ids"])
        world.callers.append(boss)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        for caller in world.callers:
            caller.http.close()
    running.__exit__(None, None, None)


@pytest.fixture
def viewer(tmp_path: Path) -> Callable[[World], Caller]:
    """Give somebody a viewer's token who was never invited."""

    def make(world: World) -> Caller:
        tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
        caller = Caller(world.url, tokens.create("vic", "viewer"))
        tokens.close()
        world.callers.append(caller)
        return caller

    return make
