"""What the protocol clients share: one httpx client, bounded retries, one tree of errors.

A client of any protocol raises the same errors, so a caller handles an absent model alike
whether MLflow, Triton or one of our pieces says so::

    WireError                       code, status, url, message
    ├── Unreachable                 nobody answered                  (ConnectionError)
    │   └── TimedOut                nobody answered in time          (TimeoutError)
    ├── BadAnswer                   an answer outside the protocol   (ValueError)
    ├── BadRequest                  400, 413, 422 and the like       (ValueError)
    ├── Refused                     401, 403                         (PermissionError)
    ├── NotFound                    404, 410                         (LookupError)
    ├── Conflict                    409, 412
    ├── Busy                        429, 503
    └── ServerFault                 every other 5xx
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from dovetail.wire import lenient

T = TypeVar("T")
Content = bytes | Iterable[bytes]
Query = Sequence[tuple[str, str]]

JSON = {"Content-Type": "application/json"}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
RETRY_PAUSES = (0.05, 0.25)  # seconds before the second and the third try
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})

__all__ = [
    "BadAnswer",
    "BadRequest",
    "Busy",
    "Conflict",
    "HttpClient",
    "NotFound",
    "Refused",
    "ServerFault",
    "TimedOut",
    "Unreachable",
    "WireError",
    "segment",
]


class WireError(Exception):
    """A call over a protocol did not bring what was asked.

    Attributes:
        message: What the other side said, or why nobody was there.
        code: The protocol's own error code where it has one, else "".
        status: The HTTP status, None when there was no answer.
        url: The address that was called.
    """

    def __init__(
        self, message: str, *, status: int | None = None, code: str = "", url: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.url = url

    def __str__(self) -> str:
        facts = [str(self.status)] if self.status is not None else []
        facts += [self.code] if self.code else []
        said = f"{' '.join(facts)}: {self.message}" if facts else self.message
        return f"{said} ({self.url})" if self.url else said


class Unreachable(WireError, ConnectionError):
    """Nobody answered at the address."""


class TimedOut(Unreachable, TimeoutError):
    """Nobody answered within the time limit."""


class BadAnswer(WireError, ValueError):
    """The answer is not what the protocol says it must be."""


class BadRequest(WireError, ValueError):
    """The other side found the request at fault."""


class Refused(WireError, PermissionError):
    """The other side does not let this caller do that."""


class NotFound(WireError, LookupError):
    """The other side does not have the thing."""


class Conflict(WireError):
    """The request contradicts what is already there."""


class Busy(WireError):
    """The other side has no room now; a later call may succeed."""


class ServerFault(WireError):
    """The other side failed."""


_BY_STATUS: dict[int, type[WireError]] = {
    401: Refused,
    403: Refused,
    404: NotFound,
    410: NotFound,
    409: Conflict,
    412: Conflict,
    429: Busy,
    503: Busy,
}


def segment(text: str) -> str:
    """Quote one path segment, slashes included."""
    return quote(text, safe="")


class HttpClient:
    """The base of every protocol client: one address, its credentials, its errors.

    Calls that may be repeated without harm are tried three times within a third of a second;
    others only while no byte of them can have arrived.

    Args:
        url: Where the server is, with any path prefix it lives under.
        transport: Reaches a server in this process; None for the network.
        token: Sent as a bearer token.
        basic: User and password, sent as basic credentials where there is no token.
        timeout: Seconds for connecting, and for each wait on the other side.
    """

    conflicts: ClassVar[frozenset[str]] = frozenset()
    """Protocol error codes that mean a conflict whatever the HTTP status says."""

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        token: str | None = None,
        basic: tuple[str, str] | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.url = url.rstrip("/")
        parsed = httpx.URL(self.url)
        self._http = httpx.Client(
            transport=transport,
            timeout=timeout,
            auth=basic if basic and not token else None,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            # A proxy for the world is none for ourselves, and a given transport is not passed by.
            trust_env=transport is None and parsed.host not in LOOPBACK,
            verify=parsed.scheme == "https",  # certificates are not even read for plain HTTP
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> httpx.Response:
        """Call the server and return its good answer, read to the end.

        Args:
            method: The HTTP method.
            path: Below the client's address; begins with a slash or is empty.
            query: Pairs for the query string.
            content: The body; an iterable is sent in chunks and never sent twice.
            headers: Beside those of the client.
            repeatable: Whether a second delivery does no harm; by default as the method says.

        Raises:
            WireError: No answer, or an error answer.
        """
        if repeatable is None:
            repeatable = method in IDEMPOTENT
        once = content is not None and not isinstance(content, bytes)
        request = self._http.build_request(
            method, self.url + path, params=list(query), content=content, headers=headers
        )
        response = self._deliver(request, repeatable and not once, once)
        if response.is_success:
            return response
        raise self._error(response)

    def _deliver(
        self, request: httpx.Request, repeatable: bool, once: bool, stream: bool = False
    ) -> httpx.Response:
        pauses = iter(() if once else RETRY_PAUSES)
        while True:
            try:
                response = self._http.send(request, stream=stream)
            except httpx.TransportError as error:
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                pause = next(pauses, None) if repeatable or unsent else None
                if pause is None or isinstance(error, httpx.TimeoutException):
                    raise _unreachable(error, request) from error
                time.sleep(pause)
                continue
            pause = next(pauses, None) if repeatable and response.status_code == 503 else None
            if pause is None:
                return response
            response.close()
            time.sleep(pause)

    def stream(
        self, path: str, *, query: Query = (), headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Open a GET whose body the caller reads and closes, for what may be large.

        Raises:
            WireError: No answer, or an error answer.
        """
        request = self._http.build_request(
            "GET", self.url + path, params=list(query), headers=headers
        )
        response = self._deliver(request, True, False, stream=True)
        if response.is_success:
            return response
        response.read()
        raise self._error(response)

    def get(self, path: str, type: type[T], query: Query = ()) -> T:
        """GET a message of the given type."""
        return self.decode(self.send("GET", path, query=query), type)

    def post(
        self,
        path: str,
        body: Any,
        type: type[T],
        *,
        method: str = "POST",
        repeatable: bool | None = None,
    ) -> T:
        """Send a message as JSON and take one of the given type."""
        content = msgspec.json.encode(body)
        answer = self.send(method, path, content=content, headers=JSON, repeatable=repeatable)
        return self.decode(answer, type)

    def decode(self, response: httpx.Response, type: type[T]) -> T:
        """Read a message out of an answer.

        Raises:
            BadAnswer: The answer is not that message.
        """
        try:
            return lenient.decode(response.content, type)
        except msgspec.DecodeError as error:
            raise BadAnswer(
                f"the answer is not a {getattr(type, '__name__', type)}: {error}",
                status=response.status_code,
                url=str(response.request.url),
            ) from error

    def _error(self, response: httpx.Response) -> WireError:
        code, message = explain(response)
        status = response.status_code
        kind = _BY_STATUS.get(status)
        if code in self.conflicts:
            kind = Conflict
        elif kind is None:
            kind = ServerFault if status >= 500 else BadRequest if status >= 400 else BadAnswer
        return kind(message, status=status, code=code, url=str(response.request.url))


def _unreachable(error: httpx.TransportError, request: httpx.Request) -> Unreachable:
    kind = TimedOut if isinstance(error, httpx.TimeoutException) else Unreachable
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.UnsupportedProtocol):
        reason = "the address does not begin with http:// or https://"
    return kind(f"no answer: {reason}", url=str(request.url))


def explain(response: httpx.Response) -> tuple[str, str]:
    """Find the error code and the message in an error answer of any of our protocols."""
    fallback = response.reason_phrase or "error"
    try:
        said = lenient.loads(response.content)
        if isinstance(said, str) and said.startswith("{"):  # Feast: JSON within a JSON string
            said = json.loads(said)
    except ValueError:
        text = response.text.strip()
        if text.startswith("<"):  # a page for people: of a proxy, or of another kind of server
            return "", f"{fallback}, and a page instead of an answer: is this the right address?"
        return "", text[:500] if text else fallback
    if isinstance(said, str):
        return "", said
    if not isinstance(said, dict):
        return "", fallback
    code = said.get("error_code") or said.get("code") or said.get("class") or ""
    for key in ("message", "error", "detail", "title"):
        if said.get(key):
            value = said[key]
            return str(code), value if isinstance(value, str) else json.dumps(value)
    return str(code), fallback
