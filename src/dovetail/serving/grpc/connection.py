"""A connection of gRPC clients: HTTP/2 on the event loop, without another library's threads.

A call that is answered at once costs one read and one write. gRPC's own server hands each call from
its threads to the loop and back, which is several times what a quick model takes.

Bounded in all that a client decides: streams, headers, messages, what is read ahead of who answers,
and how often calls are begun only to be taken back.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from dovetail.serving.grpc.calls import (
    HEAD,
    OK,
    TRAILERS_ONLY,
    Asked,
    Call,
    Method,
    Pairs,
    failure,
    parse,
    refusal,
    status,
)
from dovetail.serving.grpc.errors import CallError
from dovetail.serving.grpc.frames import (
    CONNECTION_WINDOW,
    DEFAULT_WINDOW,
    HEADER_BYTES,
    STREAMS,
    WINDOW,
    Frames,
)
from dovetail.serving.grpc.stream import Stream
from dovetail.wire.http2 import (
    Flag,
    HeaderDecoder,
    Http2Error,
    Kind,
    Setting,
    encode_headers,
    frame,
    goaway,
    parse_settings,
    reset,
    window_update,
    without_padding,
)

__all__ = ["Connection"]

RESETS = 1000  # more calls taken back than answered
_MOST_WINDOW = (1 << 31) - 1
_ENDS = Flag.END_STREAM | Flag.END_HEADERS
_CREDIT = 1 << 20  # given back at once, so that clients need not wait


class Connection(Frames):
    """Takes calls and answers them.

    Args:
        methods: by their paths.
        most: bytes of a message, unpacked.
        ended: called when the connection is lost.
    """

    def __init__(
        self, methods: Mapping[bytes, Method], most: int, ended: Callable[["Connection"], None]
    ) -> None:
        super().__init__()
        self._methods, self._most, self._ended = methods, most, ended
        self._streams: dict[int, Stream] = {}
        self._decoder = HeaderDecoder(HEADER_BYTES)
        self._asked: tuple[Pairs, Asked | Pairs] = ((), ())
        self._resets, self._leaves = 0, False
        self._window, self._first_window = DEFAULT_WINDOW, DEFAULT_WINDOW
        self._frame_bytes = 1 << 14
        self._left, self._credit = CONNECTION_WINDOW, 0

    # The transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Spare the work for a client that has gone."""
        self._waits.cancel()
        for stream in list(self._streams.values()):
            self._drop(stream)
        self._ended(self)

    def pause_writing(self) -> None:
        """Read no more from a client that does not take what it asked for."""
        self._paused = True
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._paused = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
        for stream in list(self._streams.values()):
            stream.wake()

    # Frames

    def _on_data(self, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        self._left -= size
        if self._left < 0:
            raise Http2Error(Http2Error.FLOW_CONTROL, "more was sent than may be")
        self._credit += size
        if self._credit >= _CREDIT:
            self._write(window_update(0, self._credit))
            self._left, self._credit = self._left + self._credit, 0
        if flags & Flag.PADDED:
            payload = without_padding(payload, Flag.PADDED)
        stream = self._streams.get(number)
        if stream is None or stream.is_whole:
            if number > self._last or not number & 1:
                raise Http2Error(Http2Error.PROTOCOL, "data of no stream")
            return  # of one that has ended here
        stream.left -= size
        if stream.left < 0:
            raise Http2Error(Http2Error.FLOW_CONTROL, "more was sent than may be")
        try:
            stream.take(payload, self._most)
            if flags & Flag.END_STREAM:
                self._whole(stream)
            else:
                stream.credit += size
                self.give_back(stream)
        except CallError as error:
            self._stop(stream, failure(error, stream.method.name))

    def give_back(self, stream: Stream) -> None:
        """Let a client send more, unless it is ahead of who answers."""
        if stream.credit >= _CREDIT and not stream.is_ahead and not stream.is_whole:
            self._write(window_update(stream.number, stream.credit))
            stream.left, stream.credit = stream.left + stream.credit, 0

    def _on_reset(self, flags: int, number: int, payload: bytes) -> None:
        if number > self._last or not number & 1:
            raise Http2Error(Http2Error.PROTOCOL, "a stream is reset that was not begun")
        stream = self._streams.get(number)
        if stream is None:
            return
        self._resets += 1
        if self._resets > RESETS:
            raise Http2Error(Http2Error.CALM, "too many calls are taken back")
        self._drop(stream)

    def _on_settings(self, flags: int, number: int, payload: bytes) -> None:
        self._is_set = True
        self._waits.cancel()
        if flags & Flag.ACK:
            return
        found = parse_settings(payload)
        self._frame_bytes = min(found.get(Setting.MAX_FRAME_SIZE, self._frame_bytes), 1 << 20)
        first = found.get(Setting.INITIAL_WINDOW_SIZE, self._first_window)
        for stream in self._streams.values():
            stream.window += first - self._first_window
        self._first_window = first
        self._write(frame(Kind.SETTINGS, Flag.ACK, 0))
        self._pump_all()

    def _on_window(self, flags: int, number: int, payload: bytes) -> None:
        more = int.from_bytes(payload) & 0x7FFFFFFF
        if len(payload) != 4 or not more:
            raise Http2Error(Http2Error.PROTOCOL, "WINDOW_UPDATE opens nothing")
        stream = self._streams.get(number)
        if number == 0:
            self._window += more
            if self._window > _MOST_WINDOW:
                raise Http2Error(Http2Error.FLOW_CONTROL, "the window is too large")
            self._pump_all()
        elif stream is not None:
            stream.window += more
            if stream.window > _MOST_WINDOW:
                raise Http2Error(Http2Error.FLOW_CONTROL, "the window is too large")
            self._pump(stream)

    # Calls

    def _begin(self, number: int, block: bytes, *, ends: bool) -> None:
        if len(block) > HEADER_BYTES:
            raise Http2Error(Http2Error.CALM, "the headers are too large")
        headers = self._decoder.decode(block)
        if number <= self._last or not number & 1:
            self._trailers(number, ends=ends)
            return
        if self._leaves:
            return  # the client was told that it will not be answered here
        self._last = number
        if len(self._streams) >= STREAMS:
            self._write(reset(number, Http2Error.REFUSED))
            return
        if headers is not self._asked[0]:
            self._asked = (headers, parse(headers))
        asked = self._asked[1]
        if isinstance(asked, tuple):
            self._answer_only(number, asked, is_whole=ends)
            return
        method = self._methods.get(asked.path)
        if method is None:
            self._answer_only(number, TRAILERS_ONLY + refusal(asked.path), is_whole=ends)
            return
        deadline = None if asked.timeout is None else time.monotonic() + asked.timeout
        call = Call(asked.headers, deadline)
        stream = Stream(number, method, call, asked.encoding, self._first_window, WINDOW)
        self._streams[number] = stream
        if method.stream is not None:
            self._start(stream, self._run_stream(stream, method.stream))
        if ends:
            self._whole(stream)

    def _trailers(self, number: int, *, ends: bool) -> None:
        stream = self._streams.get(number)
        if not number & 1 or (stream is not None and (stream.is_whole or not ends)):
            raise Http2Error(Http2Error.PROTOCOL, "headers where there may be none")
        if stream is not None:
            self._whole(stream)

    def _answer_only(self, number: int, headers: Pairs, *, is_whole: bool) -> None:
        self._write(frame(Kind.HEADERS, _ENDS, number, encode_headers(headers)))
        if not is_whole:
            self._write(reset(number, Http2Error.NO_ERROR))

    def _whole(self, stream: Stream) -> None:
        """Answer a call whose client has said all; a stream has begun before."""
        serve = stream.method.serve
        try:
            stream.finish()
            if serve is None:
                return
            answer = serve(stream.message(), stream.call)
        except Exception as error:
            self._end(stream, failure(error, stream.method.name))
            return
        if isinstance(answer, bytes):
            self._answer(stream, answer)
        else:
            self._start(stream, self._run(stream, answer))

    def _start(self, stream: Stream, work: Any) -> None:
        stream.task = self._loop.create_task(work)
        seconds = stream.call.seconds()
        if seconds is not None:
            stream.timer = self._loop.call_later(seconds, self._expire, stream)

    async def _run(self, stream: Stream, answer: Any) -> None:
        try:
            found = await answer
        except Exception as error:
            self._end(stream, failure(error, stream.method.name))
        else:
            if stream.number in self._streams:
                self._answer(stream, found)

    async def _run_stream(self, stream: Stream, serve: Any) -> None:
        try:
            async with aclosing(serve(self._messages(stream), stream.call)) as answers:
                async for answer in answers:
                    await self._send(stream, answer)
        except Exception as error:
            self._end(stream, failure(error, stream.method.name))
        else:
            stream.trailers = OK
            self._pump(stream)

    async def _messages(self, stream: Stream) -> AsyncIterator[bytes]:
        while True:
            message = await stream.next()
            self.give_back(stream)
            if message is None:
                return
            yield message

    def _expire(self, stream: Stream) -> None:
        self._stop(stream, status("DEADLINE_EXCEEDED", "the deadline of the call is over"))

    def _stop(self, stream: Stream, trailers: Pairs) -> None:
        """End a call, and spare its work."""
        self._end(stream, trailers)
        if stream.task is not None:
            stream.task.cancel()

    def _drop(self, stream: Stream) -> None:
        """Forget a stream, and spare its work."""
        self._streams.pop(stream.number, None)
        if stream.timer is not None:
            stream.timer.cancel()
        if stream.task is not None:
            stream.task.cancel()
        self._leave()

    # Answers

    def _answer(self, stream: Stream, answer: bytes) -> None:
        """Send the one answer of a call and its end."""
        size, number = len(answer) + 5, stream.number
        if size > min(self._window, stream.window, self._frame_bytes):
            stream.trailers = OK
            stream.push(answer)
            self._pump(stream)
            return
        self._window -= size
        head = frame(Kind.HEADERS, Flag.END_HEADERS, number, HEAD)
        data = frame(Kind.DATA, 0, number, b"\0%b%b" % (len(answer).to_bytes(4), answer))
        self._write(b"".join((head, data, frame(Kind.HEADERS, _ENDS, number, OK))))
        self._close(stream)

    async def _send(self, stream: Stream, answer: bytes) -> None:
        """Send one answer of several; wait while the client does not take them."""
        stream.push(answer)
        self._pump(stream)
        while (stream.has_more or self._paused) and stream.number in self._streams:
            await stream.may_go_on()

    def _end(self, stream: Stream, trailers: Pairs) -> None:
        """End a call that failed; what it has answered before was sent."""
        if stream.number not in self._streams:
            return
        stream.clear()
        only = () if stream.is_begun else TRAILERS_ONLY
        self._write(frame(Kind.HEADERS, _ENDS, stream.number, encode_headers(only + trailers)))
        if not stream.is_whole:
            self._write(reset(stream.number, Http2Error.NO_ERROR))
        self._close(stream)

    def _pump_all(self) -> None:
        for stream in list(self._streams.values()):
            if stream.has_more:
                self._pump(stream)

    def _pump(self, stream: Stream) -> None:
        """Send what waits, as far as the client takes it, and then the end."""
        number = stream.number
        if number not in self._streams:
            return
        if not stream.is_begun and (stream.has_more or stream.trailers):
            stream.is_begun = True
            self._write(frame(Kind.HEADERS, Flag.END_HEADERS, number, HEAD))
        while stream.has_more:
            size = min(self._window, stream.window, self._frame_bytes)
            if size <= 0:
                return
            part = stream.pull(size)
            self._window -= len(part)
            stream.window -= len(part)
            self._write(frame(Kind.DATA, 0, number, part))
        stream.wake()
        if stream.trailers:
            self._write(frame(Kind.HEADERS, _ENDS, number, stream.trailers))
            if not stream.is_whole:
                self._write(reset(number, Http2Error.NO_ERROR))
            self._close(stream)

    def _close(self, stream: Stream) -> None:
        self._streams.pop(stream.number, None)
        if self._resets:
            self._resets -= 1
        if stream.timer is not None:
            stream.timer.cancel()
        self._leave()

    # The end

    def warn(self) -> None:
        """Tell the client to go elsewhere with new calls; those on their way are answered."""
        if not self._leaves:
            self._write(goaway(_MOST_WINDOW, Http2Error.NO_ERROR))

    def leave(self) -> None:
        """Take no new calls, and close when the last one has ended."""
        if not self._leaves:
            self._leaves = True
            self._write(goaway(self._last, Http2Error.NO_ERROR))
            self._leave()

    def cut(self) -> None:
        """End the calls that still run, and close."""
        for stream in list(self._streams.values()):
            self._stop(stream, status("UNAVAILABLE", "the server was told to stop"))
        self.transport.close()

    def _leave(self) -> None:
        if self._leaves and not self._streams and not self.transport.is_closing():
            self._flush()
            self.transport.close()
