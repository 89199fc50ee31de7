"""Frames of HTTP/2: nine bytes that say what it is, and what it carries."""

import struct
from collections.abc import Mapping

__all__ = [
    "PREFACE",
    "Flag",
    "Frame",
    "Http2Error",
    "Kind",
    "Setting",
    "frame",
    "goaway",
    "parse_settings",
    "reset",
    "settings",
    "window_update",
    "without_padding",
]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Frame = tuple[int, int, int, bytes]
"""Kind, flags, stream, payload."""

_HEAD = struct.Struct(">HBBBI")
_SETTING = struct.Struct(">HI")


class Kind:
    """What a frame is."""

    DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
    PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9


class Flag:
    """Bits of a frame."""

    END_STREAM = ACK = 0x1
    END_HEADERS, PADDED, PRIORITY = 0x4, 0x8, 0x20


class Setting:
    """Numbers of settings."""

    HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
    INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 4, 5, 6


class Http2Error(ValueError):
    """Bytes that break the protocol; the connection cannot go on.

    Attributes:
        code: of RFC 9113, section 7.
    """

    NO_ERROR, PROTOCOL, INTERNAL, FLOW_CONTROL = 0x0, 0x1, 0x2, 0x3
    STREAM_CLOSED, FRAME_SIZE, REFUSED, CANCEL = 0x5, 0x6, 0x7, 0x8
    COMPRESSION, CALM = 0x9, 0xB

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def frame(kind: int, flags: int, stream: int, payload: bytes | memoryview = b"") -> bytes:
    """Write a frame."""
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def settings(values: Mapping[int, int]) -> bytes:
    """Write a SETTINGS frame."""
    return frame(Kind.SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in values.items()))


def parse_settings(payload: bytes) -> dict[int, int]:
    """Read a SETTINGS frame; unknown ones are left in.

    Raises:
        Http2Error: one has a value that it may not have.
    """
    if len(payload) % _SETTING.size:
        raise Http2Error(Http2Error.FRAME_SIZE, "SETTINGS is cut off")
    found = dict(_SETTING.iter_unpack(payload))
    if found.get(Setting.INITIAL_WINDOW_SIZE, 0) >= 1 << 31:
        raise Http2Error(Http2Error.FLOW_CONTROL, "the initial window is too large")
    if not 1 << 14 <= found.get(Setting.MAX_FRAME_SIZE, 1 << 14) < 1 << 24:
        raise Http2Error(Http2Error.PROTOCOL, "the largest frame is out of bounds")
    return found


def window_update(stream: int, size: int) -> bytes:
    """Write a WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(Kind.WINDOW_UPDATE, 0, stream, size.to_bytes(4))


def reset(stream: int, code: int) -> bytes:
    """Write a RST_STREAM frame."""
    return frame(Kind.RST_STREAM, 0, stream, code.to_bytes(4))


def goaway(last: int, code: int, why: str = "") -> bytes:
    """Write a GOAWAY frame.

    Args:
        last: the last stream that is answered.
        code: of `Http2Error`.
        why: for people.
    """
    return frame(Kind.GOAWAY, 0, 0, last.to_bytes(4) + code.to_bytes(4) + why.encode())


def without_padding(payload: bytes, flags: int) -> bytes:
    """Return what DATA or HEADERS carry, without padding and priority.

    Args:
        payload: of the frame.
        flags: of the frame; of DATA without the bit of priority.

    Raises:
        Http2Error: the padding is longer than the frame.
    """
    start, end = 0, len(payload)
    if flags & Flag.PADDED:
        if not payload:
            raise Http2Error(Http2Error.FRAME_SIZE, "the padding has no length")
        start, end = 1, end - payload[0]
    if flags & Flag.PRIORITY:
        start += 5
    if start > end:
        raise Http2Error(Http2Error.PROTOCOL, "the padding is longer than the frame")
    return payload[start:end]
