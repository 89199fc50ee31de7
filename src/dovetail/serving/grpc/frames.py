"""The frames of one HTTP/2 connection: read whole, checked, and given to who knows calls.

`connection` is what stands on this.
"""

import asyncio

from dovetail.wire.http2 import (
    PREFACE,
    Flag,
    Http2Error,
    Kind,
    Setting,
    frame,
    goaway,
    settings,
    window_update,
    without_padding,
)

__all__ = [
    "CONNECTION_WINDOW",
    "DEFAULT_WINDOW",
    "FRAME_BYTES",
    "GREETING_SECONDS",
    "HEADER_BYTES",
    "STREAMS",
    "WINDOW",
    "Frames",
]

STREAMS = 1024  # at once
HEADER_BYTES = 16 << 10
FRAME_BYTES = 128 << 10
WINDOW = 4 << 20  # of a stream
CONNECTION_WINDOW = 32 << 20
DEFAULT_WINDOW = 65535
GREETING_SECONDS = 20.0

_GREETING = settings(
    {
        Setting.MAX_CONCURRENT_STREAMS: STREAMS,
        Setting.INITIAL_WINDOW_SIZE: WINDOW,
        Setting.MAX_FRAME_SIZE: FRAME_BYTES,
        Setting.MAX_HEADER_LIST_SIZE: HEADER_BYTES,
    }
) + window_update(0, CONNECTION_WINDOW - DEFAULT_WINDOW)


class Frames(asyncio.Protocol):
    """Reads frames, and writes what a turn of reading gave in one piece."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._out: list[bytes] | None = None
        self._continued: tuple[int, int, bytes] | None = None
        self._last = 0
        self._greeted = self._is_set = self._paused = False
        self._handlers = (
            self._on_data, self._on_headers, self._on_priority, self._on_reset, self._on_settings,
            self._on_push, self._on_ping, self._on_goaway, self._on_window, self._on_continuation,
        )  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client, who has a while to do so too."""
        self.transport = transport  # type: ignore[assignment]
        self.transport.write(_GREETING)
        self._waits = self._loop.call_later(GREETING_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Take what a client sends, and send all answers that are there at once together."""
        if self._rest:
            data = self._rest + data
        self._out = []
        try:
            at = self._read(data)
        except Http2Error as error:
            self._fail(error)
            return
        self._rest = data[at:] if at < len(data) else b""
        self._flush()

    def _flush(self) -> None:
        out, self._out = self._out, None
        if out:
            self.transport.write(b"".join(out) if len(out) > 1 else out[0])

    def _write(self, data: bytes) -> None:
        if self._out is not None:
            self._out.append(data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def _fail(self, error: Http2Error) -> None:
        self._write(goaway(self._last, error.code, str(error)))
        self._flush()
        self.transport.close()
        self._waits.cancel()
        self._waits = self._loop.call_later(GREETING_SECONDS, self._give_up)  # if it never reads

    def _give_up(self) -> None:
        self.transport.abort()

    def _read(self, data: bytes) -> int:
        """Take the whole frames of some data; return how much that was."""
        at, end = 0, len(data)
        if not self._greeted:
            if not PREFACE.startswith(data[: len(PREFACE)]):
                raise Http2Error(Http2Error.PROTOCOL, "gRPC is spoken here: HTTP/2 without upgrade")
            if end < len(PREFACE):
                return 0
            self._greeted, at = True, len(PREFACE)
        while end - at >= 9:
            size = int.from_bytes(data[at : at + 3])
            if size > FRAME_BYTES:
                raise Http2Error(Http2Error.FRAME_SIZE, "a frame is too large")
            after = at + 9 + size
            if after > end:
                break
            kind, flags = data[at + 3], data[at + 4]
            number = int.from_bytes(data[at + 5 : at + 9]) & 0x7FFFFFFF
            if self._continued is not None and kind != Kind.CONTINUATION:
                raise Http2Error(Http2Error.PROTOCOL, "headers are not continued")
            if not self._is_set and kind != Kind.SETTINGS:
                raise Http2Error(Http2Error.PROTOCOL, "the first frame is not SETTINGS")
            if kind < len(self._handlers):
                self._handlers[kind](flags, number, data[at + 9 : after])
            at = after
        return at

    # Frames that have no call

    def _on_headers(self, flags: int, number: int, payload: bytes) -> None:
        if flags & (Flag.PADDED | Flag.PRIORITY):
            payload = without_padding(payload, flags)
        if flags & Flag.END_HEADERS:
            self._begin(number, payload, ends=bool(flags & Flag.END_STREAM))
        else:
            self._continued = (flags, number, payload)

    def _on_continuation(self, flags: int, number: int, payload: bytes) -> None:
        if self._continued is None or number != self._continued[1]:
            raise Http2Error(Http2Error.PROTOCOL, "nothing is to be continued")
        first, _, block = self._continued
        block += payload
        if len(block) > HEADER_BYTES:
            raise Http2Error(Http2Error.CALM, "the headers are too large")
        self._continued = (first, number, block)
        if flags & Flag.END_HEADERS:
            self._continued = None
            self._begin(number, block, ends=bool(first & Flag.END_STREAM))

    def _on_priority(self, flags: int, number: int, payload: bytes) -> None: ...

    def _on_goaway(self, flags: int, number: int, payload: bytes) -> None: ...

    def _on_push(self, flags: int, number: int, payload: bytes) -> None:
        raise Http2Error(Http2Error.PROTOCOL, "clients push nothing")

    def _on_ping(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise Http2Error(Http2Error.FRAME_SIZE, "PING has not eight bytes")
        if not flags & Flag.ACK:
            self._write(frame(Kind.PING, Flag.ACK, 0, payload))

    # What those who know calls do

    def _begin(self, number: int, block: bytes, *, ends: bool) -> None:
        raise NotImplementedError

    def _on_data(self, flags: int, number: int, payload: bytes) -> None:
        raise NotImplementedError

    def _on_reset(self, flags: int, number: int, payload: bytes) -> None:
        raise NotImplementedError

    def _on_settings(self, flags: int, number: int, payload: bytes) -> None:
        raise NotImplementedError

    def _on_window(self, flags: int, number: int, payload: bytes) -> None:
        raise NotImplementedError
