"""The head and the body of an answer leave together; nothing is lost, whatever the order."""

import asyncio
import contextlib
import socket
import time

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from dovetail.web.connection import COPY_BELOW, GatheringTransport
from dovetail.web.serve import serve_in_thread


class Recorder(asyncio.Transport):
    """What reaches the kernel, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[object] = []

    def write(self, data: object) -> None:
        self.calls.append(data)

    def writelines(self, list_of_data: object) -> None:
        self.calls.append(list_of_data)

    def close(self) -> None:
        self.calls.append("close")


def after(*steps: object) -> list[object]:
    """Write, or close at `None`, in one turn of the loop; return the calls one turn later."""

    async def run() -> list[object]:
        recorder = Recorder()
        transport = GatheringTransport(recorder, asyncio.get_running_loop())
        for step in steps:
            transport.close() if step is None else transport.write(step)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        return recorder.calls

    return asyncio.run(run())


LARGE = b"x" * COPY_BELOW


@pytest.mark.parametrize(
    ("steps", "calls"),
    [
        pytest.param([b"head"], [b"head"], id="a head alone leaves at the end of the turn"),
        pytest.param([b"head", b"body"], [b"headbody"], id="head and body are one write"),
        pytest.param([b"head", LARGE], [(b"head", LARGE)], id="a large body is not copied"),
        pytest.param([b"a", b"b", b"c"], [b"ab", b"c"], id="a third part follows"),
        pytest.param([b"head", None], [b"head", "close"], id="closing sends what is held"),
        pytest.param([b"a", b"b", None], [b"ab", "close"], id="closing after both"),
    ],
)
def test_writes_of_one_turn_are_joined(steps: list[object], calls: list[object]) -> None:
    assert after(*steps) == calls


def test_answers_arrive_whole_over_a_real_socket() -> None:
    def stream(_: Request) -> Response:
        return StreamingResponse(iter([b"one,", b"two,", LARGE]))

    def empty(_: Request) -> Response:
        return Response(status_code=204)

    routes = [Route("/stream", stream), Route("/empty", empty)]
    with serve_in_thread(Starlette(routes=routes)) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            for path, last in (
                ("/empty", ""),
                ("/stream", ""),
                ("/empty", "Connection: close\r\n"),
            ):
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{last}\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert received.count(b"HTTP/1.1 204") == 2
    assert b"one,\r\n" in received
    assert LARGE in received


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits for half a second where it would wait for long."""
    for name in ("connection.HEAD_SECONDS", "connection.BODY_SECONDS", "serve.GUARD_SECONDS"):
        monkeypatch.setattr(f"dovetail.web.{name}", 0.5)


def echo() -> Starlette:
    async def answer(request: Request) -> Response:
        return Response(await request.body())

    return Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nX-A: b", id="half a head"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", id="half a body"
        ),
    ],
)
def test_a_request_that_never_ends_is_ended(sent: bytes, hasty: None) -> None:
    with serve_in_thread(echo()) as running:
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(sent)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(100) == b""


def test_a_slow_but_steady_body_is_taken(hasty: None) -> None:
    with serve_in_thread(echo()) as running:
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            for _ in range(9):
                client.sendall(b"a")
                time.sleep(0.2)
            assert client.recv(1000).endswith(b"aaaaaaaaa")


def test_a_head_without_end_is_refused() -> None:
    with serve_in_thread(echo()) as running:
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            answer = b""
            try:
                for number in range(200):
                    client.sendall(f"X-{number}: {'y' * 4000}\r\n".encode())
                answer = client.recv(1000)
            except (ConnectionResetError, BrokenPipeError):
                pass
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
