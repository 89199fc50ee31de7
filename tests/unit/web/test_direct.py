"""Hot requests are answered as the routes would answer them, in order, whoever asks and however."""

import asyncio
import contextlib
import json
import socket

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dovetail.base.errors import NotFoundError
from dovetail.base.settings import ServerSettings
from dovetail.web.alone import Surroundings
from dovetail.web.app import Mounted, create_app
from dovetail.web.auth import Tokens
from dovetail.web.direct import MOST_BYTES, Answer, Ask, Direct
from dovetail.web.piece import ErrorShape, Piece, Service
from dovetail.web.serve import serve_in_thread

JSON = [(b"content-type", b"application/json")]


def told(**facts: object) -> Answer:
    return 200, JSON, json.dumps(facts).encode()


def at_once(ask: Ask) -> Answer | None:
    if ask.body == b"for the route":
        return None
    if ask.body == b"absent":
        raise NotFoundError("it is absent")
    if ask.body == b"broken":
        raise RuntimeError("a secret")
    return told(by="function", groups=ask.groups, body=ask.body.decode(), who=ask.principal.name)


async def later(ask: Ask) -> Answer:
    await asyncio.sleep(0.02)
    if ask.body == b"absent":
        raise NotFoundError("it is absent")
    return told(by="task", body=ask.body.decode())


async def route(request: Request) -> Response:
    return JSONResponse({"by": "route", "body": (await request.body()).decode()})


def shaped(error: Exception) -> Response:
    return JSONResponse({"shape": str(error)}, 418)


def app_of(tmp_path, tokens=None):
    service = Service(
        routes=[
            Route("/hot/{name}", route, methods=["GET", "POST"]),
            Route("/later", route, methods=["POST"]),
        ],
        errors=[ErrorShape(("/later",), shaped)],
        direct=[
            Direct(r"/hot/([^/]+)", at_once, large=b"x-large", large_bytes=2 * MOST_BYTES),
            Direct("/later", later),
        ],
    )
    piece = Piece("hot", "Hot", "", "", ServerSettings, lambda context, settings: service)
    around = Surroundings(ServerSettings(state=str(tmp_path)), {})
    return create_app([Mounted(piece, service)], transport=around.transport, tokens=tokens)


@pytest.fixture
def server(tmp_path):
    with serve_in_thread(app_of(tmp_path)) as running:
        yield running


def post(server, path, content=b"", **more):
    return httpx.post(server.url + path, content=content, trust_env=False, **more)


def test_a_function_answers_now_or_later(server):
    answer = post(server, "/hot/a%20b", b"x")
    assert answer.json() == {"by": "function", "groups": ["a b"], "body": "x", "who": "local"}
    assert answer.headers["content-type"] == "application/json"
    assert "date" in answer.headers
    assert post(server, "/later", b"y").json() == {"by": "task", "body": "y"}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param("/hot/a", b"for the route", id="the function left it"),
        pytest.param("/hot/a", b"x" * (MOST_BYTES + 1), id="large"),
        pytest.param("/hot/a?q=1", b"x", id="with a query"),
    ],
)
def test_the_route_answers_what_the_function_does_not(server, path, content):
    assert post(server, path, content).json() == {"by": "route", "body": content.decode()}


def test_a_body_may_be_large_with_the_header_that_says_so(server):
    large = {"x-large": "1"}
    for size, by in ((MOST_BYTES + 1, "function"), (2 * MOST_BYTES + 1, "route")):
        for _ in range(2):  # the second comes with a head that is known
            assert post(server, "/hot/a", b"x" * size, headers=large).json()["by"] == by


def test_other_methods_and_expectations_go_to_the_route(server):
    assert httpx.get(server.url + "/hot/a", trust_env=False).json()["by"] == "route"
    head = b"POST /hot/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    with connection(server) as raw:
        raw.sendall(head + b"Content-Length: 1\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 100")
        raw.sendall(b"x")
        assert b'"by":"route"' in until(raw, b"}")


def test_errors_have_the_shape_of_their_path(server):
    plain = post(server, "/hot/a", b"absent")
    assert (plain.status_code, plain.json()["type"]) == (404, "urn:dovetail:not-found")
    own = post(server, "/later", b"absent")
    assert (own.status_code, own.json()) == (418, {"shape": "it is absent."})
    unexpected = post(server, "/hot/a", b"broken")
    assert unexpected.status_code == 500
    assert "secret" not in unexpected.text


def test_the_same_callers_are_refused(server, tmp_path):
    assert post(server, "/hot/a", headers={"host": "evil.example"}).status_code == 403
    assert post(server, "/hot/a", headers={"origin": "http://evil.example"}).status_code == 403
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    reader, writer = tokens.create("ann", "viewer"), tokens.create("ben", "editor")
    with serve_in_thread(app_of(tmp_path, tokens)) as guarded:
        assert post(guarded, "/hot/a").status_code == 401
        assert post(guarded, "/hot/a", headers=bearer(reader)).status_code == 403
        assert post(guarded, "/hot/a", headers=bearer(writer)).json()["who"] == "ben"
    tokens.close()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@contextlib.contextmanager
def connection(server):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        yield raw


def until(raw, end):
    got = b""
    while not got.endswith(end):
        part = raw.recv(4096)
        if not part:
            break
        got += part
    return got


def asked(path, body, *, version="1.1", more=b""):
    head = f"POST {path} HTTP/{version}\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + more + b"\r\n" + body


def test_answers_to_requests_sent_together_come_in_their_order(server):
    with connection(server) as raw:
        raw.sendall(
            asked("/hot/a", b"1") + asked("/later", b"2") + asked("/hot/a", b"3")
            + asked("/hot/a", b"for the route") + asked("/later", b"4")
            + asked("/hot/a", b"5", more=b"Connection: close\r\n")
        )  # fmt: skip
        got = until(raw, b"never")
    bodies = [json.loads(part.split(b"\r\n\r\n")[1]) for part in got.split(b"HTTP/1.1 200 OK")[1:]]
    assert [body["body"] for body in bodies] == ["1", "2", "3", "for the route", "4", "5"]


def test_a_body_in_pieces_and_an_old_client(server):
    whole = asked("/hot/a", b"in pieces")
    with connection(server) as raw:
        for byte in whole:
            raw.sendall(bytes([byte]))
        assert b"in pieces" in until(raw, b"}")
        raw.sendall(
            b"POST /hot/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        raw.sendall(b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")
        assert b"abcde" in until(raw, b"}")
    with connection(server) as raw:
        raw.sendall(asked("/hot/a", b"old", version="1.0"))
        assert b"connection: close" in until(raw, b"never")


def test_a_caller_that_leaves_before_the_answer_harms_nobody(server):
    with connection(server) as raw:
        raw.sendall(asked("/later", b"gone"))
    assert post(server, "/later", b"y").json()["body"] == "y"
