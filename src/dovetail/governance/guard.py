"""The guard: it answers the registry's alias calls first, and passes on what it allows.

Where tracking is our own piece, the call goes on to its route in the same app. Where it is a URL,
every other MLflow path is passed through untouched, so that this address is that server, guarded.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Protocol

import anyio.to_thread
import httpx
import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Match, Route
from starlette.types import Message, Scope

from dovetail.base.chain import Entry
from dovetail.base.errors import InvalidInputError, UnavailableError
from dovetail.governance.handlers import Governance
from dovetail.web.piece import Endpoint
from dovetail.wire.mlflow import ENDPOINTS
from dovetail.wire.mlflow.errors import ErrorBody, ErrorCode

__all__ = [
    "EFFECTIVE",
    "PREFIXES",
    "Guard",
    "Remote",
    "SameApp",
    "Upstream",
    "mlflow_error",
    "reading_paths",
]

PASSED = "dovetail.guarded"
EFFECTIVE = "Dovetail-Effective"
PREFIXES = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0/preview/mlflow")
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"}
CODES = {
    400: ErrorCode.INVALID_PARAMETER_VALUE,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.PERMISSION_DENIED,
}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="mlflow", Bearer realm="dovetail"'}


class Upstream(Protocol):
    """Where an allowed call goes on to."""

    async def forward(self, request: Request, body: bytes) -> Response:
        """Return the registry's own answer, read to the end."""

    async def close(self) -> None:
        """Give connections back."""


class SameApp:
    """The registry is another piece on this address."""

    async def forward(self, request: Request, body: bytes) -> Response:
        """Call the app again, marked so that the guard lets the call through."""
        scope: Scope = {**request.scope, PASSED: True}
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await request.app(scope, receive, send)
        content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
        response = Response(content, sent[0]["status"])
        response.raw_headers = list(sent[0]["headers"])
        return response

    async def close(self) -> None:
        """Nothing is held."""


class Remote:
    """The registry is a server at a URL.

    Args:
        endpoint: where it is; its token is used where the caller sends none of their own.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._url = endpoint.url.rstrip("/")
        self._token = endpoint.token
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(60, connect=5), trust_env=False)

    async def forward(self, request: Request, body: bytes) -> Response:
        """Send the call on and return the whole answer."""
        answer = await self._send(request, body)
        content = await answer.aread()
        await answer.aclose()
        headers = dict(_passed_on(answer.headers))
        headers.pop("content-encoding", None)
        headers.pop("content-length", None)
        return Response(content, answer.status_code, headers)

    async def stream(self, request: Request) -> Response:
        """Pass any other call through, streaming both ways."""
        answer = await self._send(request, request.stream())
        return StreamingResponse(
            answer.aiter_raw(),
            answer.status_code,
            dict(_passed_on(answer.headers)),
            background=BackgroundTask(answer.aclose),
        )

    async def _send(self, request: Request, body: bytes | AsyncIterator[bytes]) -> httpx.Response:
        headers = dict(_passed_on(request.headers))
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        query = f"?{request.url.query}" if request.url.query else ""
        path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
        outgoing = self._client.build_request(
            request.method, f"{self._url}{path}{query}", headers=headers, content=body
        )
        try:
            return await self._client.send(outgoing, stream=True)
        except httpx.TransportError as error:
            raise UnavailableError(
                f"the registry at {self._url} does not answer",
                why=str(error) or type(error).__name__,
                fix="start it, or correct [joints] tracking in dovetail.toml",
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class _GuardRoute(Route):
    """A route that steps aside for calls that the guard has already allowed."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope.get(PASSED):
            return Match.NONE, {}
        return super().matches(scope)


class _AliasCall(msgspec.Struct, frozen=True):
    name: str
    alias: str
    version: str | int = ""


class Guard:
    """Checks, passes on and records every change of an alias.

    Args:
        governance: the gates and the record.
        upstream: the registry.
    """

    def __init__(self, governance: Governance, upstream: Upstream) -> None:
        self._governance, self._upstream = governance, upstream

    def routes(self) -> list[Route]:
        """Return the guarded routes under every prefix that MLflow answers on."""
        path = "/registered-models/alias"
        return [
            _GuardRoute(prefix + path, endpoint, methods=[method])
            for prefix in PREFIXES
            for method, endpoint in (("POST", self._set), ("DELETE", self._delete))
        ]

    async def _set(self, request: Request) -> Response:
        """Point an alias at a version, if its gate is open; recorded either way."""
        body = await request.body()
        call = _decode(body, request)
        who = {"actor": request.state.principal.name, "effective": _effective(request)}
        version = str(call.version)
        intent = await anyio.to_thread.run_sync(
            lambda: self._governance.request_set(
                model=call.name, version=version, alias=call.alias, **who
            )
        )
        return await self._carry_out(request, body, intent)

    async def _delete(self, request: Request) -> Response:
        """Delete an alias; recorded."""
        body = await request.body()
        call = _decode(body, request)
        who = {"actor": request.state.principal.name, "effective": _effective(request)}
        intent = await anyio.to_thread.run_sync(
            lambda: self._governance.request_delete(model=call.name, alias=call.alias, **who)
        )
        return await self._carry_out(request, body, intent)

    async def _carry_out(self, request: Request, body: bytes, intent: Entry) -> Response:
        answer = await self._upstream.forward(request, body)
        done = 200 <= answer.status_code < 300
        note = "" if done else bytes(answer.body)[:500].decode(errors="replace")
        await anyio.to_thread.run_sync(
            lambda: self._governance.confirm(intent, done=done, note=note)
        )
        return answer


def mlflow_error(error: Exception, status: int) -> Response:
    """Write an error as MLflow's clients expect it."""
    code = CODES.get(status, ErrorCode.INTERNAL_ERROR)
    if isinstance(error, UnavailableError):
        code = ErrorCode.TEMPORARILY_UNAVAILABLE
    body = msgspec.json.encode(ErrorBody(code, str(error)))
    headers = CHALLENGE if status == 401 else None
    return Response(body, status, headers, media_type="application/json")


def reading_paths() -> list[str]:
    """Return patterns of the registry's paths whose POST only reads."""
    found = [one.path for one in ENDPOINTS if one.reads and one.method == "POST"]
    return [prefix + path for prefix in PREFIXES for path in found]


def _effective(request: Request) -> str:
    """Return from when the change counts, where the caller says; replays and imports do."""
    text = request.headers.get(EFFECTIVE, "")
    try:
        aware = not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise InvalidInputError(
            f"the header {EFFECTIVE} is {text!r}, which is no instant",
            fix="write RFC 3339, for example 2013-05-03T00:00:00Z",
        )
    return text


def _decode(body: bytes, request: Request) -> _AliasCall:
    try:
        return msgspec.json.decode(body, type=_AliasCall)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        with contextlib.suppress(msgspec.ValidationError):
            return msgspec.convert(dict(request.query_params), _AliasCall)
        raise InvalidInputError("the alias call is not valid", why=str(error)) from error


def _passed_on(headers: Any) -> list[tuple[str, str]]:
    return [(k, v) for k, v in headers.items() if k.lower() not in HOP_HEADERS]
