"""Monitoring over HTTP: thin skins over the handlers."""

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import TooLargeError
from dovetail.monitoring import intake
from dovetail.monitoring.alert_routes import alert_routes
from dovetail.monitoring.errors import (
    ChoiceInvalidError,
    DayInvalidError,
    ReferenceInvalidError,
)
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.profile_file import is_profile
from dovetail.monitoring.standing_routes import standing_routes
from dovetail.wire import lenient
from dovetail.wire import monitoring as wire

_ROLES = ("live", "shadow")
_MODEL = "/monitoring/models/{name:path}"
_SMALL = 4096


def routes(monitoring: Monitoring) -> list[BaseRoute]:
    """All routes of the piece but its pages."""
    return [
        *standing_routes(monitoring),
        *_taking_in(monitoring),
        *_figures(monitoring),
        *alert_routes(monitoring),
    ]


def _taking_in(monitoring: Monitoring) -> list[BaseRoute]:
    limit = monitoring.settings.max_body_mb * 2**20

    async def events(request: Request) -> Response:
        """Take CloudEvents: inferences and outcomes, each once, durable before the answer."""
        body = await _read(request, limit)
        return await run_in_threadpool(_accept, monitoring, dict(request.headers), body)

    async def put_reference(request: Request) -> Response:
        """Give the sample that a model version was validated on, or its profile."""
        body = await _read(request, limit)
        model, version = request.path_params["name"], request.query_params.get("version", "")
        return await run_in_threadpool(_put_reference, monitoring, model, body, version)

    async def close(request: Request) -> Response:
        """Say that a day is complete, so that it is judged now."""
        body = await _read(request, _SMALL)
        return await run_in_threadpool(_close, monitoring, request.path_params["name"], body)

    return [
        Route("/monitoring/events", events, methods=["POST"]),
        Route("/monitoring/events", _handshake, methods=["OPTIONS"]),
        Route(f"{_MODEL}/reference", put_reference, methods=["PUT"]),
        Route(f"{_MODEL}/close", close, methods=["POST"]),
    ]


def _figures(monitoring: Monitoring) -> list[BaseRoute]:
    def performance(request: Request) -> Response:
        """Return one window as a whole: realised and estimated figures."""
        return _json(monitoring.performance(*_window(request)))

    def days(request: Request) -> Response:
        """Return the same figures day by day."""
        return _json(monitoring.days(*_window(request)))

    def months(request: Request) -> Response:
        """Return the same figures month by month."""
        return _json(monitoring.months(request.path_params["name"], _choice(request)))

    def asked(request: Request) -> Response:
        """Return what is kept of one request: features, scores, outcomes."""
        return _json(monitoring.request(request.path_params["name"], request.path_params["id"]))

    return [
        Route(f"{_MODEL}/requests/{{id}}", asked, methods=["GET"]),
        Route(f"{_MODEL}/performance", performance, methods=["GET"]),
        Route(f"{_MODEL}/days", days, methods=["GET"]),
        Route(f"{_MODEL}/months", months, methods=["GET"]),
    ]


async def _handshake(request: Request) -> Response:
    """Tell a CloudEvents sender that it may send here.

    Source: CloudEvents HTTP 1.1 web hooks for event delivery, section 4.
    """
    origin = request.headers.get("webhook-request-origin", "*")
    return Response(
        status_code=200,
        headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*", "Allow": "POST"},
    )


async def _read(request: Request, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLargeError(
                f"the body is over {limit // 2**20} MB",
                fix="send it in parts, or raise max_body_mb under [monitoring]",
            )
        parts.append(part)
    return b"".join(parts)


def _accept(monitoring: Monitoring, headers: dict[str, str], body: bytes) -> Response:
    return _json(monitoring.accept(intake.decode(headers, body)))


def _put_reference(monitoring: Monitoring, model: str, body: bytes, version: str) -> Response:
    if is_profile(body):
        reference = monitoring.put_profile(model, body, version)
    else:
        reference = monitoring.put_reference(model, _sample(body))
    said: dict[str, Any] = {
        "model": model,
        "version": reference.version,
        "rows": reference.rows,
        "digest": reference.digest,
        "performance": reference.performance,
    }
    return _json(said)


def _sample(body: bytes) -> wire.Reference:
    try:
        return lenient.decode(body, wire.Reference)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReferenceInvalidError("the reference is not valid", why=str(error)) from error


class _Close(msgspec.Struct):
    day: str


def _close(monitoring: Monitoring, model: str, body: bytes) -> Response:
    try:
        day = msgspec.json.decode(body, type=_Close).day
    except msgspec.DecodeError as error:
        raise DayInvalidError(
            "the body does not say which day", why=str(error), fix='send {"day": "2013-04-01"}'
        ) from error
    return _json(monitoring.close(model, day))


def _window(request: Request) -> tuple[str, str, str, Choice]:
    query = request.query_params
    name = request.path_params["name"]
    return name, query.get("start", ""), query.get("end", ""), _choice(request)


def _choice(request: Request) -> Choice:
    role = request.query_params.get("role") or "live"
    if role not in _ROLES:
        raise ChoiceInvalidError(f"role '{role}' is neither live nor shadow")
    return Choice(role, request.query_params.get("version") or None)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
