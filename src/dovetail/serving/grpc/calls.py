"""What a gRPC call says of itself, and how it ends: the part of the protocol that is headers.

`connection` brings the bytes; here is what they mean (gRPC over HTTP/2, PROTOCOL-HTTP2.md).
"""

import base64
import binascii
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from dovetail.serving.errors import OverloadedError
from dovetail.serving.grpc.errors import CallError, status_of, text_of
from dovetail.wire.grpc import CODES
from dovetail.wire.http2 import encode_headers

__all__ = [
    "HEAD",
    "OK",
    "TRAILERS_ONLY",
    "Call",
    "Method",
    "Pairs",
    "failure",
    "parse",
    "refusal",
    "status",
    "unpacked",
]

Pairs = tuple[tuple[bytes, bytes], ...]

_TYPE = (b"content-type", b"application/grpc")
HEAD = encode_headers(((b":status", b"200"), _TYPE))
"""The headers of every answer."""

OK = encode_headers(((b"grpc-status", b"0"),))
"""The trailers of a call that succeeded."""

TRAILERS_ONLY: Pairs = ((b":status", b"200"), _TYPE)
"""What stands before the status of a call that has no answer."""

_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_OWN = frozenset(
    (b"te", b"content-type", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding")
)
_WINDOW_BITS = {b"gzip": 31, b"deflate": 15}


@dataclass(slots=True)
class Call:
    """One call, as those who answer it see it.

    Attributes:
        headers: its metadata; names in lower case, binary values decoded.
        deadline: when its answer is of no use any more, on `time.monotonic`'s clock; None is never.
    """

    headers: Mapping[bytes, bytes]
    deadline: float | None = None

    def seconds(self) -> float | None:
        """Return how long the caller still waits; None where nothing says so."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


@dataclass(frozen=True)
class Method:
    """A method of a service; messages are bytes.

    Attributes:
        name: for the log.
        serve: takes a request and its call, and answers now or later; None where `stream` does.
        stream: takes all requests and the call, and answers one by one.
    """

    name: str
    serve: Callable[[bytes, Call], bytes | Awaitable[bytes]] | None = None
    stream: Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]] | None = None


@dataclass(frozen=True)
class Asked:
    """What the headers of a call say.

    Attributes:
        path: `/service/method`.
        encoding: how its messages are packed; empty for not at all.
        timeout: seconds; None for no end.
        headers: its metadata.
    """

    path: bytes
    encoding: bytes
    timeout: float | None
    headers: Mapping[bytes, bytes]


def parse(headers: Pairs) -> Asked | Pairs:
    """Read the headers of a call; those of an answer where it is no call of gRPC at all."""
    found = dict(headers)
    if not found.get(b"content-type", b"").startswith(b"application/grpc"):
        return ((b":status", b"415"), (b"accept-post", b"application/grpc"))
    if found.get(b":method") != b"POST":
        return ((b":status", b"405"), (b"allow", b"POST"))
    encoding = found.get(b"grpc-encoding", b"")
    metadata = {
        name: _decoded(value) if name.endswith(b"-bin") else value
        for name, value in headers
        if not name.startswith(b":") and name not in _OWN
    }
    path = found.get(b":path", b"")
    timeout = _seconds(found.get(b"grpc-timeout"))
    return Asked(path, b"" if encoding == b"identity" else encoding, timeout, metadata)


def _seconds(text: bytes | None) -> float | None:
    if text is None or not text[:-1].isdigit() or text[-1:] not in _UNITS:
        return None
    return int(text[:-1]) * _UNITS[text[-1:]]


def _decoded(value: bytes) -> bytes:
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return value


def unpacked(message: bytes, encoding: bytes, most: int) -> bytes:
    """Unpack a message, but never past the limit, whatever it claims.

    Raises:
        CallError: the encoding is unknown, or it is too large or malformed.
    """
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        known = encoding.decode("latin-1") or "none was named"
        raise CallError("UNIMPLEMENTED", f"a packed message, but {known}; send gzip or deflate")
    unpacker = zlib.decompressobj(bits)
    try:
        found = unpacker.decompress(message, most + 1)
    except zlib.error as error:
        raise CallError("INTERNAL", f"a message could not be unpacked: {error}") from error
    if len(found) > most:
        raise CallError("RESOURCE_EXHAUSTED", f"a message is larger than max ({most} bytes)")
    if not unpacker.eof:
        raise CallError("INTERNAL", "a packed message is cut off")
    return found


def status(code: str, text: str, more: Pairs = ()) -> Pairs:
    """Return the trailers of a call that failed.

    Args:
        code: name of the status.
        text: for people; what is not plain ASCII is written as percent escapes.
        more: further trailers.
    """
    escaped = b"".join(
        bytes((byte,)) if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte
        for byte in text.encode()
    )
    return ((b"grpc-status", b"%d" % CODES[code]), (b"grpc-message", escaped), *more)


def failure(error: Exception, method: str) -> Pairs:
    """Return the trailers for an exception."""
    more: Pairs = ()
    if isinstance(error, OverloadedError):
        seconds = error.retry_after  # for people, and for gRPC's own retries
        more = (
            (b"retry-after", b"%d" % seconds),
            (b"grpc-retry-pushback-ms", b"%d" % (seconds * 1000)),
        )
    return status(status_of(error), text_of(error, method), more)


def refusal(path: bytes) -> Pairs:
    """Return the trailers of a call of a method that there is not."""
    return status("UNIMPLEMENTED", f"there is no method {path.decode('latin-1')}")
