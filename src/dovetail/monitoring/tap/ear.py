"""Hears inferences in the bytes of a connection: HTTP/1.1 requests and what answers them.

Only POSTs to `/v2/models/.../infer` are kept, and only while they are small enough; everything else
is parsed for its end alone. What cannot be parsed (another protocol, a HEAD request) ends the
listening on that connection.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

import httptools

__all__ = ["Ear", "Exchange", "Message"]

_INFER = re.compile(r"/v2/models/([^/?]+)(?:/versions/([^/?]+))?/infer(?:\?.*)?")
MOST_BYTES = 8 << 20


@dataclass
class Message:
    """The headers and the body of one side of an exchange."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, part: bytes) -> None:
        """Keep a part of the body; too much of it is not kept at all."""
        self.size += len(part)
        if self.size <= MOST_BYTES:
            self.parts.append(part)
        else:
            self.parts.clear()

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.parts)


@dataclass
class Exchange:
    """A request to a model and what answered it.

    Attributes:
        model: The model's name.
        version: The version asked for, "" for none.
        asked: The request.
        answered: The response.
    """

    model: str
    version: str
    asked: Message
    answered: Message


class Ear:
    """Listens to one connection.

    Args:
        tell: Takes an exchange; must not wait.
    """

    def __init__(self, tell: Callable[[Exchange], None]) -> None:
        self._waiting: deque[Exchange | None] = deque()  # answers come in the order of requests
        requests, responses = _Requests(self._waiting), _Responses(self._waiting, tell)
        self._requests = requests.parser = httptools.HttpRequestParser(requests)
        self._responses = responses.parser = httptools.HttpResponseParser(responses)
        self._is_deaf = False

    def asked(self, data: bytes) -> None:
        """Hear what the client sent. Never raises."""
        self._feed(self._requests, data)

    def answered(self, data: bytes) -> None:
        """Hear what the server sent. Never raises."""
        self._feed(self._responses, data)

    def _feed(
        self, parser: httptools.HttpRequestParser | httptools.HttpResponseParser, data: bytes
    ) -> None:
        if self._is_deaf:
            return
        try:
            parser.feed_data(data)
        except Exception:  # whatever it is, the bytes have passed: only the listening ends
            self._is_deaf = True
            self._waiting.clear()


class _Deaf(Exception):
    """What comes next cannot be followed."""


class _Requests:
    """What httptools tells of requests."""

    parser: httptools.HttpRequestParser

    def __init__(self, waiting: deque[Exchange | None]) -> None:
        self._waiting, self._url, self._message = waiting, b"", Message()

    def on_message_begin(self) -> None:
        self._url, self._message = b"", Message()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._message.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        method = self.parser.get_method()
        if method == b"HEAD":  # its answer says a length and has no body
            raise _Deaf
        found = _INFER.fullmatch(self._url.decode("latin-1"))
        exchange = None
        if found is not None and method == b"POST":
            names = [unquote(group or "") for group in found.groups()]
            exchange = Exchange(names[0], names[1], self._message, Message())
        self._waiting.append(exchange)

    def on_body(self, body: bytes) -> None:
        if self._waiting and self._waiting[-1] is not None:
            self._message.add(body)


class _Responses:
    """What httptools tells of responses."""

    parser: httptools.HttpResponseParser

    def __init__(self, waiting: deque[Exchange | None], hear: Callable[[Exchange], None]) -> None:
        self._waiting, self._hear = waiting, hear
        self._message = Message()

    def on_message_begin(self) -> None:
        self._message = Message()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._message.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        if self._waiting and self._waiting[0] is not None:
            self._message.add(body)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200:  # the real answer comes after it
            return
        if not self._waiting:
            raise _Deaf
        exchange = self._waiting.popleft()
        sizes = self._message.size, exchange.asked.size if exchange else 0
        if exchange is not None and status == 200 and 0 < max(sizes) <= MOST_BYTES:
            exchange.answered = self._message
            self._hear(exchange)
