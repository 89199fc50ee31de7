"""The protocol's endpoints, answered without a framework in between.

One `Mount` takes a whole prefix and finds the endpoint in a dictionary, because a linear search
through eighty patterns would cost more than many a request. A write goes straight from the event
loop to the writer of the database and back; a read runs in a thread.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import anyio.to_thread
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from dovetail.base.errors import TooLargeError
from dovetail.base.promise import Promise
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, UnknownEndpointError
from dovetail.tracking.handlers import TABLE, Handler
from dovetail.tracking.handlers.webhooks import Webhooks
from dovetail.tracking.routes.requests import check_required, merged
from dovetail.tracking.routes.webhooks import webhook_cases
from dovetail.tracking.webhooks.outbox import take_announced
from dovetail.web.auth import Principal
from dovetail.web.direct import Answer
from dovetail.wire.mlflow import (
    AJAX_PREFIX,
    AJAX_PREFIX_3,
    ENDPOINTS,
    OLD_TRACE_ENDPOINTS,
    PREFIX,
    PREFIX_3,
    PREVIEW_PREFIX,
    TRACE_ENDPOINTS,
    Endpoint,
    InvalidRequest,
    Message,
    decode,
    encode,
    from_query,
)

__all__ = [
    "Operations",
    "protocol_routes",
    "read_body",
    "reading_paths",
    "send_json",
]

MAX_BODY = 64 << 20
_HEADERS = ((b"content-type", b"application/json"),)
_UNSTORABLE = (sa.exc.DataError, OverflowError, UnicodeEncodeError)
App = Any
T = TypeVar("T")
_TABLES: tuple[tuple[str, tuple[Endpoint[Any, Any], ...]], ...] = (
    (PREFIX, (*ENDPOINTS, *OLD_TRACE_ENDPOINTS)),
    (AJAX_PREFIX, (*ENDPOINTS, *OLD_TRACE_ENDPOINTS)),
    (PREVIEW_PREFIX, ENDPOINTS),
    (PREFIX_3, TRACE_ENDPOINTS),
    (AJAX_PREFIX_3, TRACE_ENDPOINTS),
)


class Operations:
    """Runs use cases on a database.

    Args:
        database: the tables.
        backend: the surroundings of the use cases.
        on_announced: called after a change that webhooks are to hear of.
    """

    def __init__(
        self,
        database: Database,
        backend: Backend,
        on_announced: Callable[[], None] = lambda: None,
    ) -> None:
        self.database, self.backend, self._on_announced = database, backend, on_announced
        self._acting: dict[str, Backend] = {}

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Read in the calling thread."""
        with _storable():
            return self.database.read(fn)

    async def run(
        self, handler: Handler, request: Message, *, writes: bool, actor: str | None = None
    ) -> bytes:
        """Run one use case and return its response as JSON."""
        backend = self.backend.acting(actor) if writes else self.backend
        if not writes:
            return await anyio.to_thread.run_sync(
                lambda: encode(self.database.read(lambda c: handler(backend, c, request)))
            )

        def change(c: Connection) -> tuple[Message, bool]:
            return handler(backend, c, request), take_announced(c)

        answer, announced = await self.database.write_soon(change)
        if announced:
            self._on_announced()
        return encode(answer)

    def run_quick(self, handler: Handler, request: Message, actor: str) -> Promise[Answer]:
        """Run a use case that writes a few rows and of which no webhook hears."""
        backend = self._acting.get(actor)
        if backend is None:
            backend = self._acting[actor] = self.backend.acting(actor)

        def change(c: Connection) -> Answer:
            try:
                return 200, _HEADERS, encode(handler(backend, c, request))
            except _UNSTORABLE as error:
                raise _unstorable(error) from error

        return self.database.write_quick(change)

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run a job that writes, and return its result once that is durable."""
        with _storable():
            return await self.database.write_soon(job)


Run = Callable[[Principal, Any], Awaitable[bytes]]


@contextmanager
def _storable() -> Iterator[None]:
    """Report a value that the database cannot keep: a NUL in a text, half of a surrogate pair."""
    try:
        yield
    except _UNSTORABLE as error:
        raise _unstorable(error) from error


def _unstorable(error: Exception) -> InvalidParameterError:
    reason = str(getattr(error, "orig", error)).splitlines()[0]
    return InvalidParameterError(
        f"A value of the request cannot be stored by the database: {reason}"
    )


class _Operation(Route):
    """One endpoint of the protocol.

    Args:
        endpoint: what the protocol says of it.
        handler: the use case, whose docstring says what the endpoint does.
        run: runs it for somebody and returns the response as JSON.
    """

    def __init__(self, endpoint: Endpoint[Any, Any], handler: Callable[..., Any], run: Run) -> None:
        super().__init__(endpoint.path, handler, methods=[endpoint.method])
        self._spec, self._run = endpoint, run
        self._in_query = endpoint.method == "GET"
        self.app = self._answer
        self.spec = endpoint

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path_params") or {}
        if self._in_query:
            pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
            try:
                request = from_query(pairs, self._spec.request, path)
            except InvalidRequest as error:
                raise InvalidParameterError(error.message) from error
            check_required(request)
        else:
            body = await read_body(receive)
            request = read_message(self._spec, merged(body, path) if path else body)
        with _storable():
            answer = await self._run(scope["state"]["principal"], request)
        await send_json(send, answer)


def read_message(endpoint: Endpoint[Any, Any], body: bytes) -> Any:
    """Return the request that a body holds.

    Raises:
        InvalidParameterError: it is not one, or a required field is empty.
    """
    try:
        request = decode(body, endpoint.request)
    except InvalidRequest as error:
        raise InvalidParameterError(error.message) from error
    check_required(request)
    return request


class Dispatch(Mount):
    """All endpoints below one prefix, found by method and path.

    Args:
        prefix: the path that they share.
        operations: the endpoints, with paths below the prefix.
    """

    def __init__(self, prefix: str, operations: Sequence[_Operation]) -> None:
        super().__init__(prefix, routes=operations)
        self._prefix = prefix + "/"
        self._fixed: dict[tuple[str, str], App] = {}
        self._patterned: list[_Operation] = []
        for operation in operations:
            if "{" in operation.path:
                self._patterned.append(operation)
            else:
                self._fixed[operation.spec.method, operation.path] = operation.app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take every request below the prefix."""
        taken = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        return (Match.FULL if taken else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or raise that there is no such endpoint."""
        path = scope["path"][len(self._prefix) - 1 :]
        app = self._fixed.get((scope["method"], path))
        if app is None:
            app = self._search(scope, path)
        await app(scope, receive, send)

    def _search(self, scope: Scope, path: str) -> App:
        for operation in self._patterned:
            found = operation.path_regex.match(path)
            if found and operation.spec.method == scope["method"]:
                scope["path_params"] = found.groupdict()
                return operation.app
        raise UnknownEndpointError(f"This server has no endpoint {scope['method']} {path}.")


def protocol_routes(operations: Operations, webhooks: Webhooks) -> list[BaseRoute]:
    """Return the routes of MLflow's REST API, also below the prefixes that its pages use.

    They take everything below these prefixes: routes of single paths must come before them.

    Args:
        operations: runs the use cases that are one transaction.
        webhooks: those that are not.
    """

    def transaction(endpoint: Endpoint[Any, Any], handler: Handler) -> _Operation:
        def run(who: Principal, request: Message) -> Awaitable[bytes]:
            return operations.run(handler, request, writes=not endpoint.reads, actor=who.name)

        return _Operation(endpoint, handler, run)

    others = webhook_cases(webhooks)

    def operation(one: Endpoint[Any, Any]) -> _Operation:
        return _Operation(one, *others[one]) if one in others else transaction(one, TABLE[one])

    return [Dispatch(prefix, [operation(one) for one in table]) for prefix, table in _TABLES]


def reading_paths() -> Iterator[str]:
    """Yield patterns of the paths whose POST only reads."""
    for prefix, table in _TABLES:
        for one in table:
            if one.reads and one.method == "POST":
                yield f"{prefix}{one.path}"


async def read_body(receive: Receive, most: int = MAX_BODY) -> bytes:
    """Return the whole body of a request.

    Args:
        receive: gives the next message of the request.
        most: how many bytes it may have.

    Raises:
        TooLargeError: it has more.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidParameterError("The request ended before its body did.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise TooLargeError(f"the request is over {most >> 20} MiB")
    return b"".join(parts)


async def send_json(send: Send, body: bytes, status: int = 200) -> None:
    """Send a JSON document."""
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
