"""A real HTTP server on a free port that records what it is asked and says what it is told."""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"]


@dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Script:
    """What the server says, in order; then 200 and an empty object."""

    url: str = ""
    answers: deque[Response] = field(default_factory=deque)
    calls: list[Call] = field(default_factory=list)

    def say(
        self, body: Any = b"", status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append(Response(content, status, headers))

    @property
    def last(self) -> Call:
        return self.calls[-1]


async def _answer(request: Request) -> Response:
    script: Script = request.app.state.script
    script.calls.append(
        Call(
            request.method,
            request.scope["raw_path"].decode(),
            list(request.query_params.multi_items()),
            dict(request.headers),
            await request.body(),
        )
    )
    return script.answers.popleft() if script.answers else Response(b"{}")


@pytest.fixture(scope="session")
def running() -> Iterator[Starlette]:
    app = Starlette(routes=[Route("/{path:path}", _answer, methods=METHODS)])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        app.state.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield app
        server.should_exit = True
        thread.join()


@pytest.fixture
def script(running: Starlette) -> Script:
    running.state.script = Script(running.state.url)
    return running.state.script


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
