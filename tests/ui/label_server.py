"""A labelling server with tokens, for the browser tests: who calls, and what they made."""

import base64
import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext

from dovetail.base.settings import ServerSettings
from dovetail.labels.piece import piece
from dovetail.labels.settings import LabelSettings
from dovetail.web.alone import Surroundings, build_alone
from dovetail.web.auth import Tokens
from dovetail.web.serve import serve_in_thread

TEXT = (
    '<View><Text name="text" value="$text"/><Header value="What is it?"/>'
    '<Choices name="kind" toName="text"><Choice value="spam"/>'
    '<Choice value="ham"/></Choices></View>'
)
NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


class Labels:
    """The server, seen by a program."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self.url, self.tokens = url, tokens
        self.secrets: dict[str, str] = {}
        self.http = httpx.Client(base_url=url, timeout=60)
        self.http.headers["Authorization"] = f"Token {self.secret('owner', 'admin')}"

    def secret(self, name: str, role: str = "editor") -> str:
        """The token of a person, made at the first call."""
        if name not in self.secrets:
            self.secrets[name] = self.tokens.create(name, role)
        return self.secrets[name]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, path, json=body)
        assert answer.is_success, (answer.status_code, answer.text[:500])
        return answer.json() if answer.content else None

    def project(self, config: str = TEXT, **fields: Any) -> int:
        made = self.call(
            "POST", "/api/projects", {"title": "Moods", "label_config": config, **fields}
        )
        return int(made["id"])

    def load(self, project: int, tasks: list[Any]) -> list[int]:
        path = f"/api/projects/{project}/import?return_task_ids=true"
        return list(self.call("POST", path, tasks)["task_ids"])

    def annotations(self, task: int) -> list[Any]:
        return list(self.call("GET", f"/api/tasks/{task}/annotations/"))

    def said(self, task: int) -> list[Any]:
        """The results on a task, without ids."""
        return [[region["value"] for region in one["result"]] for one in self.annotations(task)]

    def context(self, browser: Browser, name: str, **options: Any) -> BrowserContext:
        """A browser of a person who is signed in."""
        made = browser.new_context(viewport=WIDE, locale="en-GB", **options)
        made.add_cookies([{"name": "dovetail_token", "value": self.secret(name), "url": self.url}])
        return made


@contextlib.contextmanager
def label_server(state: Path, port: int = 0, **settings: Any) -> Iterator[Labels]:
    """Run a labelling server that asks for tokens."""
    server = ServerSettings(port=port, state=str(state), auth=True)
    around = Surroundings(server, {"labels": "embedded"})
    app = build_alone(piece, LabelSettings(**settings), around)
    with serve_in_thread(app, port=port) as running:
        tokens = around.tokens()
        assert tokens is not None
        labels = Labels(running.url, tokens)
        yield labels
        labels.http.close()


def texts(count: int, **prediction: Any) -> list[dict[str, Any]]:
    """Tasks with a line of text each, predicted `ham` where a prediction is described."""
    result = [
        {"id": "pre", "from_name": "kind", "to_name": "text", "type": "choices",
         "value": {"choices": ["ham"]}}
    ]  # fmt: skip
    return [
        {
            "data": {"text": f"Comment {i}"},
            "predictions": [{**prediction, "result": result}] if prediction else [],
        }
        for i in range(count)
    ]


def png(width: int, height: int) -> str:
    """A grey picture as a data URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
