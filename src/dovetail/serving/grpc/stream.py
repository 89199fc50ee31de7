"""One call on a connection: the messages that came, and what waits to be sent."""

import asyncio
from collections import deque

from dovetail.serving.grpc.calls import Call, Method, unpacked
from dovetail.serving.grpc.errors import CallError

__all__ = ["Stream"]

_PREFIX = 5  # bytes before a message: whether it is packed, and its length
_AHEAD = 16  # messages that a client may be ahead


class Stream:
    """The state of a call.

    Args:
        number: of the stream.
        method: that is called.
        call: what those who answer see.
        encoding: how its messages are packed, where they say that they are.
        window: bytes that the client takes.
        left: bytes that the client may send.
    """

    __slots__ = (
        "_due", "_have", "_is_ended", "_messages", "_parts", "_sending", "_waiting", "call",
        "credit", "encoding", "is_begun", "is_whole", "left", "method", "number", "task", "timer",
        "trailers", "window",
    )  # fmt: skip

    def __init__(
        self, number: int, method: Method, call: Call, encoding: bytes, window: int, left: int
    ) -> None:
        self.number, self.method, self.call, self.encoding = number, method, call, encoding
        self.window, self.left, self.credit = window, left, 0
        self.is_whole = self.is_begun = self._is_ended = False
        self.trailers = b""
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self._parts: list[bytes] = []
        self._have, self._due = 0, -1
        self._messages: deque[bytes] = deque()
        self._sending: deque[memoryview] = deque()
        self._waiting: asyncio.Future[None] | None = None

    # What came

    def take(self, data: bytes, most: int) -> None:
        """Take a part of the request.

        Raises:
            CallError: a message is larger than may be, or cannot be unpacked.
        """
        self._parts.append(data)
        self._have += len(data)
        while self._have >= _PREFIX:
            if self._due < 0:
                self._join()
                size = int.from_bytes(self._parts[0][1:_PREFIX])
                if size > most:
                    raise CallError(
                        "RESOURCE_EXHAUSTED", f"a message is larger than max ({size} vs. {most})"
                    )
                self._due = size + _PREFIX
            if self._have < self._due:
                return
            self._join()
            whole = self._parts[0]
            message = whole[_PREFIX : self._due]
            if whole[0]:
                message = unpacked(message, self.encoding, most)
            rest = whole[self._due :]
            self._parts, self._have, self._due = [rest] if rest else [], len(rest), -1
            self._messages.append(message)
            self.wake()

    def _join(self) -> None:
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]

    def finish(self) -> None:
        """Note that the client has said all.

        Raises:
            CallError: it ended within a message.
        """
        self.is_whole = self._is_ended = True
        self.wake()
        if self._have:
            raise CallError("INTERNAL", "the request ends within a message")

    def message(self) -> bytes:
        """Return the one message of a request.

        Raises:
            CallError: there is none, or more than one.
        """
        if len(self._messages) != 1:
            raise CallError("INTERNAL", f"{len(self._messages)} messages came, and one is due")
        return self._messages.popleft()

    @property
    def is_ahead(self) -> bool:
        """Whether whole messages wait for who answers, so that no more is to be sent."""
        return len(self._messages) >= _AHEAD

    async def next(self) -> bytes | None:
        """Wait for the next message; None after the last."""
        while not self._messages:
            if self._is_ended:
                return None
            await self.may_go_on()
        return self._messages.popleft()

    # What goes

    def push(self, answer: bytes) -> None:
        """Add an answer to what waits to be sent."""
        self._sending.append(memoryview(b"\0%b%b" % (len(answer).to_bytes(4), answer)))

    @property
    def has_more(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._sending)

    def pull(self, size: int) -> memoryview:
        """Take some bytes of what waits."""
        first = self._sending.popleft()
        if len(first) > size:
            self._sending.appendleft(first[size:])
            return first[:size]
        return first

    def clear(self) -> None:
        """Forget what waits."""
        self._sending.clear()

    # Who waits: for a message, or until the client takes what was sent; never for both

    async def may_go_on(self) -> None:
        """Wait until something has changed."""
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def wake(self) -> None:
        """Let who waits look again."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
