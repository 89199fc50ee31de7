"""gRPC as bytes on a connection: what any client may send, and what a hostile one would."""

import contextlib
import gzip
import socket
import struct
import time

import numpy as np
import pytest
from tests.unit.serving.test_grpc import M, quiet_echo, raw, rows

from dovetail.serving.grpc import connection as server_side
from dovetail.serving.grpc import frames as framing
from dovetail.wire.http2 import (
    PREFACE,
    Flag,
    HeaderDecoder,
    Http2Error,
    Kind,
    Setting,
    encode_headers,
    frame,
    reset,
    settings,
    window_update,
)
from dovetail.wire.open_inference.grpc import SERVICE

ENDS = Flag.END_STREAM | Flag.END_HEADERS


class Client:
    """Speaks frames."""

    def __init__(self, address, first=None, greets=True):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest, self.headers = b"", HeaderDecoder(1 << 16)
        if greets:
            self.send(PREFACE + settings(first or {}))

    def send(self, data):
        self.socket.sendall(data)

    def head(self, path=f"/{SERVICE}/ModelInfer", number=1, flags=Flag.END_HEADERS, **more):
        pairs = {
            ":method": "POST", ":scheme": "http", ":path": path, "te": "trailers",
            "content-type": "application/grpc",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }  # fmt: skip
        block = encode_headers(tuple((n.encode(), v.encode()) for n, v in pairs.items()))
        return frame(Kind.HEADERS, flags, number, block)

    def ask(self, message, number=1, **more):
        self.send(self.head(number=number, **more) + body(message, number))

    def frames(self):
        """Yield kind, flags, stream and payload until the server closes."""
        while True:
            while len(self.rest) < 9 or len(self.rest) < 9 + int.from_bytes(self.rest[:3]):
                part = b""
                with contextlib.suppress(ConnectionResetError):
                    part = self.socket.recv(1 << 16)
                if not part:
                    return
                self.rest += part
            size = int.from_bytes(self.rest[:3])
            one, self.rest = self.rest[: 9 + size], self.rest[9 + size :]
            yield one[3], one[4], int.from_bytes(one[5:9]), one[9:]

    def answers(self, count=1):
        """The calls that end next: stream to status, text and message."""
        found, data, told = {}, {}, {}
        for kind, flags, number, payload in self.frames():
            if kind == Kind.HEADERS:
                told.setdefault(number, {}).update(self.headers.decode(payload))
            elif kind == Kind.DATA:
                data[number] = data.get(number, b"") + payload
            if kind in (Kind.HEADERS, Kind.DATA) and flags & Flag.END_STREAM:
                found[number] = (told[number], data.get(number, b"")[5:])
                if len(found) == count:
                    break
        return found

    def goodbye(self):
        """The code with which the server closes the connection."""
        for kind, _, _, payload in self.frames():
            if kind == Kind.GOAWAY:
                code = int.from_bytes(payload[4:8])
                assert list(self.frames()) == []
                return code
        raise AssertionError("it said nothing")


def body(message, number=1, flags=Flag.END_STREAM, packed=b"\0"):
    content = packed + struct.pack(">I", len(message)) + message
    return frame(Kind.DATA, flags, number, content)


ASKED = raw("echo", rows(2)).SerializeToString()


@pytest.fixture
def connect(server):
    clients = []

    def make(**more):
        clients.append(Client(server.addresses["gRPC"], **more))
        return clients[-1]

    yield make
    for client in clients:
        client.socket.close()


def is_echo(answer, message=ASKED):
    told, data = answer
    sent = M("ModelInferRequest").FromString(message).raw_input_contents
    got = M("ModelInferResponse").FromString(data).raw_output_contents
    return told[b"grpc-status"] == b"0" and list(got) == list(sent)


def test_calls_in_one_packet_are_answered_each(connect):
    client = connect()
    numbers = range(1, 41, 2)
    client.send(b"".join(client.head(number=n) + body(ASKED, n) for n in numbers))
    found = client.answers(len(numbers))
    assert set(found) == set(numbers)
    assert all(is_echo(answer) for answer in found.values())


def test_a_call_may_come_byte_by_byte_with_padding_and_priority(connect):
    client = connect()
    block = client.head()[9:]
    padded = b"\x03" + bytes(5) + block[:20]
    parts = [
        frame(Kind.HEADERS, Flag.PADDED | Flag.PRIORITY, 1, padded + bytes(3)),
        frame(Kind.CONTINUATION, 0, 1, block[20:50]),
        frame(Kind.CONTINUATION, Flag.END_HEADERS, 1, block[50:]),
        frame(Kind.PRIORITY, 0, 1, bytes(5)),
        frame(77, 0, 0, b"of another kind"),
        frame(Kind.DATA, Flag.PADDED, 1, b"\x02" + body(ASKED)[9:40] + bytes(2)),
        frame(Kind.DATA, 0, 1, body(ASKED)[40:]),
        frame(Kind.DATA, Flag.END_STREAM, 1),
    ]
    for byte in b"".join(parts):
        client.send(bytes((byte,)))
    assert is_echo(client.answers()[1])


def test_a_ping_is_answered(connect):
    client = connect()
    client.send(frame(Kind.PING, 0, 0, b"12345678"))
    assert (Kind.PING, Flag.ACK, 0, b"12345678") in iter(client.frames())


def test_a_packed_message_is_unpacked(connect):
    client = connect()
    client.send(client.head(grpc_encoding="gzip") + body(gzip.compress(ASKED), packed=b"\1"))
    assert is_echo(client.answers()[1])
    client.send(client.head(number=3, grpc_encoding="br") + body(b"x", 3, packed=b"\1"))
    assert client.answers()[3][0][b"grpc-status"] == b"12"
    client.send(client.head(number=5, grpc_encoding="gzip") + body(b"no gzip", 5, packed=b"\1"))
    assert client.answers()[5][0][b"grpc-status"] == b"13"


def test_a_large_answer_waits_for_the_client(connect):
    client = connect(first={Setting.INITIAL_WINDOW_SIZE: 1000})
    large = raw("echo", np.arange(40_000.0)).SerializeToString()
    client.send(client.head() + b"".join(cut(body(large)[9:], 1)))
    got, frames = 0, client.frames()
    while got < 1000:
        kind, _, number, payload = next(frames)
        got += len(payload) if (kind, number) == (Kind.DATA, 1) else 0
    assert got == 1000
    client.ask(ASKED, 3)
    assert is_echo(client.answers()[3])  # the other does not wait
    client.send(window_update(1, 10_000_000) + window_update(0, 10_000_000))
    for kind, flags, number, payload in client.frames():
        if (kind, number) == (Kind.DATA, 1):
            got += len(payload)
        if (kind, number) == (Kind.HEADERS, 1) and flags & Flag.END_STREAM:
            break
    assert got > 320_000


def cut(content, number, size=16_000):
    for start in range(0, len(content), size):
        last = start + size >= len(content)
        yield frame(Kind.DATA, Flag.END_STREAM * last, number, content[start : start + size])


@pytest.mark.parametrize(
    ("message", "status"),
    [
        pytest.param(b"", b"13", id="no message"),
        pytest.param(bytes(10), b"13", id="two messages"),
        pytest.param(b"\0\0\0\0\x09ab", b"13", id="half a message"),
        pytest.param(b"\0\xff\xff\xff\xff", b"8", id="far too long"),
    ],
)
def test_a_request_is_one_whole_message(connect, message, status):
    client = connect()
    client.send(client.head() + frame(Kind.DATA, Flag.END_STREAM, 1, message))
    assert client.answers()[1][0][b"grpc-status"] == status
    client.ask(ASKED, 3)
    assert is_echo(client.answers()[3])


def test_what_is_no_call_is_refused_alone(connect):
    client = connect()
    client.send(client.head("/no.Such/Method") + body(b""))
    assert client.answers()[1][0][b"grpc-status"] == b"12"
    client.send(client.head(number=3, content_type="text/html", flags=ENDS))
    assert client.answers()[3][0][b":status"] == b"415"
    client.send(client.head(number=5, flags=ENDS, **{":method": "GET"}))
    assert client.answers()[5][0][b":status"] == b"405"
    client.ask(ASKED, 7)
    assert is_echo(client.answers()[7])


def head_of(block):
    return frame(Kind.HEADERS, ENDS, 1, block)


BROKEN = {
    "HTTP/1": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Http2Error.PROTOCOL, False),
    "no settings": (PREFACE + frame(Kind.PING, 0, 0, bytes(8)), Http2Error.PROTOCOL, False),
    "a frame that is too large": (
        b"\xff\xff\xff\0\0\0\0\0\1", Http2Error.FRAME_SIZE, True),
    "an even stream": (frame(Kind.HEADERS, ENDS, 2, b"\x82"), Http2Error.PROTOCOL, True),
    "data of no stream": (body(b"", 5), Http2Error.PROTOCOL, True),
    "malformed headers": (head_of(b"\xff" * 20), Http2Error.COMPRESSION, True),
    "headers that are too large": (
        head_of(encode_headers(((b"a", b"b" * 17_000),))), Http2Error.CALM, True),
    "headers without end": (
        frame(Kind.HEADERS, 0, 1, b"x" * 9000) + frame(Kind.CONTINUATION, 0, 1, b"x" * 9000),
        Http2Error.CALM, True),
    "something between headers": (
        frame(Kind.HEADERS, 0, 1, b"\x82") + frame(Kind.PING, 0, 0, bytes(8)),
        Http2Error.PROTOCOL, True),
    "a window that opens nothing": (window_update(0, 0), Http2Error.PROTOCOL, True),
    "a window beyond all bounds": (
        window_update(0, (1 << 31) - 1), Http2Error.FLOW_CONTROL, True),
    "a stream that is pushed": (
        frame(Kind.PUSH_PROMISE, 0, 1, bytes(8)), Http2Error.PROTOCOL, True),
    "a short ping": (frame(Kind.PING, 0, 0, b"x"), Http2Error.FRAME_SIZE, True),
    "a reset of nothing": (reset(9, 8), Http2Error.PROTOCOL, True),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "code", "greets"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_connection_is_closed_and_says_why(connect, sent, code, greets):
    client = connect(greets=greets)
    client.send(sent)
    assert client.goodbye() == code
    other = connect()
    other.ask(ASKED)
    assert is_echo(other.answers()[1])


def test_more_data_than_was_allowed_closes_the_connection(connect, monkeypatch):
    monkeypatch.setattr(server_side, "_CREDIT", 1 << 40)  # no more than the window is given
    client = connect()
    client.send(client.head())
    with contextlib.suppress(ConnectionError):
        client.send(frame(Kind.DATA, 0, 1, b"\0\x08\0\0\0" + bytes(95)))
        for _ in range((server_side.WINDOW >> 16) + 1):
            client.send(frame(Kind.DATA, 0, 1, bytes(1 << 16)))
    assert client.goodbye() == Http2Error.FLOW_CONTROL


def test_calls_that_are_taken_back_without_end_close_the_connection(connect):
    client = connect()
    calls = [
        client.head(number=n) + reset(n, Http2Error.CANCEL)
        for n in range(1, 2 * server_side.RESETS + 20, 2)
    ]
    client.send(b"".join(calls))
    assert client.goodbye() == Http2Error.CALM


def test_no_more_streams_than_were_agreed(connect, monkeypatch):
    monkeypatch.setattr(server_side, "STREAMS", 3)
    client = connect()
    client.send(b"".join(client.head(number=n) for n in (1, 3, 5, 7)))
    assert next(number for kind, _, number, _ in client.frames() if kind == Kind.RST_STREAM) == 7
    client.send(body(ASKED, 1))
    assert is_echo(client.answers()[1])


def test_who_says_nothing_is_sent_away(connect, monkeypatch):
    monkeypatch.setattr(framing, "GREETING_SECONDS", 0.2)
    client = connect(greets=False)
    assert [kind for kind, *_ in client.frames()] == [Kind.SETTINGS, Kind.WINDOW_UPDATE]


def test_a_client_that_goes_spares_the_model(tmp_path, monkeypatch):
    with quiet_echo(tmp_path) as server:
        for _ in range(3):
            client = Client(server.addresses["gRPC"])
            client.send(client.head() + body(ASKED)[:-3])
            client.socket.close()
        client = Client(server.addresses["gRPC"])
        client.ask(ASKED)
        assert is_echo(client.answers()[1])
        client.socket.close()


def test_a_server_that_ends_tells_its_clients(tmp_path):
    with quiet_echo(tmp_path) as server:
        client = Client(server.addresses["gRPC"])
        client.ask(ASKED)
        assert is_echo(client.answers()[1])
        began = time.monotonic()
    last = [int.from_bytes(p[:4]) for kind, _, _, p in client.frames() if kind == Kind.GOAWAY]
    client.socket.close()
    assert last == [(1 << 31) - 1, 1]
    assert time.monotonic() - began < 10
