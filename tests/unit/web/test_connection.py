"""The head and the body of an answer leave together; nothing is lost, whatever the order."""

import asyncio
import socket

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
