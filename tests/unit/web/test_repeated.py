"""Heads that a client repeats are parsed once, and nothing else is taken for one of them."""

import json
import random
import socket
import time

import pytest
from tests.unit.web.test_direct import app_of, asked, connection, until

from dovetail.web.auth import Tokens
from dovetail.web.connection import OneWriteProtocol
from dovetail.web.repeated import MOST_HEAD, learned
from dovetail.web.serve import serve_in_thread

HEAD = b"POST /hot/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\n"
HEADERS = [(b"host", b"localhost"), (b"content-length", b"2"), (b"x-id", b"7")]


@pytest.fixture
def parsed(monkeypatch):
    """How many pieces of data went through the parser."""
    pieces = []
    parse = OneWriteProtocol._parse
    monkeypatch.setattr(
        OneWriteProtocol, "_parse", lambda self, data: (pieces.append(data), parse(self, data))
    )
    return pieces


@pytest.fixture
def server(tmp_path):
    with serve_in_thread(app_of(tmp_path)) as running:
        yield running


def bodies(raw, count):
    """The answers to some requests: who answered what."""
    got, found = b"", []
    while len(found) < count:
        part = raw.recv(65536)
        assert part, got
        got += part
        while b"\r\n\r\n" in got:
            head, _, rest = got.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            if len(rest) < length:
                break
            body, got = rest[:length], rest[length:]
            said = json.loads(body)
            found.append((said.get("by"), said.get("body")))
    return found


def test_a_head_counts_as_the_same_with_another_length_only():
    known = learned(HEAD + b"ab", HEADERS, 2)
    assert known.find(HEAD) == (len(HEAD), b"2")
    assert known.find(HEAD.replace(b": 2", b": 345") + b"abc") == (len(HEAD) + 2, b"345")
    assert known.headers_with(b"345")[1] == (b"content-length", b"345")
    assert known.headers_with(b"2") == HEADERS


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(HEAD.replace(b": 2", b": +2"), id="a sign"),
        pytest.param(HEAD.replace(b": 2", b": "), id="no length"),
        pytest.param(HEAD.replace(b": 2", b": 2 "), id="a space behind it"),
        pytest.param(HEAD.replace(b": 2", b": 0x2"), id="hexadecimal"),
        pytest.param(HEAD.replace(b": 2", b": 2, 3"), id="two lengths"),
        pytest.param(HEAD.replace(b": 2", b": 1234567890"), id="far too long"),
        pytest.param(HEAD.replace(b": 2", "\N{ARABIC-INDIC DIGIT TWO}".encode()), id="no digit"),
        pytest.param(HEAD.replace(b"7", b"8"), id="another header"),
        pytest.param(HEAD.replace(b"/a", b"/b"), id="another path"),
        pytest.param(HEAD[:-2] + b"A: b\r\n\r\n", id="one header more"),
        pytest.param(HEAD[:-1], id="not all of it"),
    ],
)
def test_no_other_head_counts_as_the_same(head):
    assert learned(HEAD + b"ab", HEADERS, 2).find(head) is None


@pytest.mark.parametrize(
    ("data", "headers", "body_bytes"),
    [
        pytest.param(HEAD + b"ab", HEADERS, 1, id="the parser found less body"),
        pytest.param(HEAD + b"ab", HEADERS, 4, id="the parser saw the head end before"),
        pytest.param(HEAD[:-2], HEADERS, 0, id="no empty line"),
        pytest.param(HEAD, [*HEADERS, (b"content-length", b"2")], 0, id="two lengths"),
        pytest.param(HEAD, [*HEADERS, (b"transfer-encoding", b"chunked")], 0, id="chunked"),
        pytest.param(HEAD, HEADERS[:1], 0, id="no length"),
        pytest.param(HEAD.replace(b": 2", b":2"), HEADERS, 0, id="written otherwise"),
        pytest.param(
            HEAD.replace(b"7", b"content-length"), HEADERS, 0, id="the word is there twice"
        ),
        pytest.param(
            HEAD.replace(b"7", b"7" * MOST_HEAD), HEADERS, 0, id="more than is to be kept"
        ),
    ],
)
def test_what_is_not_certain_is_not_remembered(data, headers, body_bytes):
    assert learned(data, headers, body_bytes) is None


def test_a_repeated_head_is_parsed_once(server, parsed):
    with connection(server) as raw:
        for number in range(20):
            body = b"x" * number
            raw.sendall(asked("/hot/a", body))
            assert bodies(raw, 1) == [("function", body.decode())]
    assert len(parsed) == 1


def test_the_head_and_the_body_may_come_apart(server, parsed):
    with connection(server) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(5):
            whole = asked("/hot/a", b"body%d" % number)
            for part in (whole[:-5], whole[-5:-2], whole[-2:]):
                raw.sendall(part)
            assert bodies(raw, 1) == [("function", f"body{number}")]


def test_what_the_function_leaves_goes_to_the_route_with_its_body(server):
    with connection(server) as raw:
        for body in (b"1", b"for the route", b"for the route", b"2", b"x" * 70_000, b"3"):
            raw.sendall(asked("/hot/a", body))
            by = "route" if body == b"for the route" or len(body) > 65536 else "function"
            assert bodies(raw, 1) == [(by, body.decode())]


def test_other_requests_in_between_are_answered_as_ever(server):
    get = b"GET /hot/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
    chunked = b"POST /hot/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connection(server) as raw:
        for _ in range(3):
            raw.sendall(asked("/hot/a", b"1"))
            assert bodies(raw, 1) == [("function", "1")]
            raw.sendall(get)
            assert bodies(raw, 1) == [("route", "")]
            raw.sendall(chunked + b"2\r\nab\r\n0\r\n\r\n")
            assert bodies(raw, 1) == [("function", "ab")]
            raw.sendall(asked("/later", b"2"))
            assert bodies(raw, 1) == [("task", "2")]


def test_a_hidden_second_request_is_not_answered(server):
    hidden = asked("/hot/hidden", b"")
    length = len(hidden)
    with connection(server) as raw:
        raw.sendall(asked("/hot/a", b"1"))
        assert bodies(raw, 1) == [("function", "1")]
        head = f"POST /hot/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
        raw.sendall(head.encode() + b"Content-Length: 0\r\n\r\n" + hidden)
        assert until(raw, b"never").startswith(b"HTTP/1.1 400")


def test_who_calls_is_asked_each_time(tmp_path):
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    secret = tokens.create("ben", "editor")
    good = f"Authorization: Bearer {secret}\r\n".encode()
    bad = f"Authorization: Bearer {'x' * len(secret)}\r\n".encode()
    with serve_in_thread(app_of(tmp_path, tokens)) as guarded, connection(guarded) as raw:
        for more, status in ((good, b"200"), (good, b"200"), (bad, b"401"), (good, b"200")):
            raw.sendall(asked("/hot/a", b"1", more=more))
            assert until(raw, b"}").split(b" ")[1] == status
    tokens.close()


@pytest.mark.parametrize("seed", range(8))
def test_requests_cut_anywhere_are_answered_in_their_order(server, seed):
    draw = random.Random(seed)
    stream, expected = b"", []
    for number in range(60):
        path = draw.choice(["/hot/a", "/hot/a", "/hot/a", "/hot/b", "/later"])
        body = str(number) * draw.randint(0, 12)
        if draw.random() < 0.1 and path != "/later":
            body = "for the route"
        stream += asked(path, body.encode())
        expected.append(body)
    with connection(server) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while stream:
            size = draw.choice([1, 7, 60, 90, 400, 3000])
            raw.sendall(stream[:size])
            stream = stream[size:]
        assert [body for _, body in bodies(raw, len(expected))] == expected


def test_a_connection_at_rest_is_ended_after_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr("dovetail.web.serve.GUARD_SECONDS", 0.05)
    monkeypatch.setattr("dovetail.web.connection.REST_SECONDS", 0.3)
    with serve_in_thread(app_of(tmp_path)) as running, connection(running) as raw:
        for _ in range(3):
            time.sleep(0.15)
            raw.sendall(asked("/hot/a", b"1"))
            assert bodies(raw, 1) == [("function", "1")]
        assert raw.recv(1) == b""
