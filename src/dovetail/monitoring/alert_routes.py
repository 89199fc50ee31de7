"""Alerts over HTTP: list them, and do something about them."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.standing_routes import number
from dovetail.wire.monitoring import Alert

__all__ = ["alert_routes"]

_SMALL = 4096
_RULES = 1 << 18
T = TypeVar("T")
_ALERT = "/monitoring/alerts/{id}"


class _Reason(msgspec.Struct):
    reason: str = ""


class _Silence(msgspec.Struct):
    reason: str = ""
    until: str = ""


class _Expect(msgspec.Struct):
    reason: str = ""
    since: str = ""


def alert_routes(monitoring: Monitoring) -> list[BaseRoute]:
    """The routes."""
    actions = monitoring.actions

    def alerts(request: Request) -> Response:
        """List alerts, of one `status` or `model` if given."""
        query = request.query_params
        return _json(monitoring.find_alerts(query.get("status", ""), query.get("model", "")))

    def history(request: Request) -> Response:
        """List what was done with an alert, by whom and when."""
        return _json(monitoring.alerts.history(request.path_params["id"]))

    async def plan(request: Request) -> Response:
        """Return what rules, sent as TOML, would have done with the findings of the last `days`."""
        from starlette.concurrency import run_in_threadpool

        text = (await _body(request, _RULES)).decode("utf-8", "replace")
        days = number(request, "days", 30, 3660)
        return _json(await run_in_threadpool(monitoring.plan_rules, text, days))

    async def acknowledge(request: Request) -> Response:
        """Say that somebody has seen an alert; `reason` is optional."""
        return await _change(
            request, _Reason, lambda i, by, x: actions.change(i, "acknowledged", by, x.reason)
        )

    async def resolve(request: Request) -> Response:
        """Say that an alert is dealt with; `reason` is optional. Evidence starts over."""
        return await _change(
            request, _Reason, lambda i, by, x: actions.change(i, "resolved", by, x.reason)
        )

    async def silence(request: Request) -> Response:
        """Tell nobody of an alert `until` a time, for a `reason`."""
        return await _change(
            request, _Silence, lambda i, by, x: actions.silence(i, x.until, by, x.reason)
        )

    async def expect(request: Request) -> Response:
        """Say that a change is here to stay: the rows `since` a day become the reference."""
        return await _change(
            request, _Expect, lambda i, by, x: actions.expect(i, by, x.reason, x.since)
        )

    return [
        Route("/monitoring/rules/plan", plan, methods=["POST"]),
        Route("/monitoring/alerts", alerts, methods=["GET"]),
        Route(f"{_ALERT}/history", history, methods=["GET"]),
        Route(f"{_ALERT}/acknowledge", acknowledge, methods=["POST"]),
        Route(f"{_ALERT}/resolve", resolve, methods=["POST"]),
        Route(f"{_ALERT}/silence", silence, methods=["POST"]),
        Route(f"{_ALERT}/expect", expect, methods=["POST"]),
    ]


async def _change(
    request: Request, type: type[T], change: Callable[[str, str, T], Alert]
) -> Response:
    from starlette.concurrency import run_in_threadpool

    body = await _body(request, _SMALL)
    try:
        said = msgspec.json.decode(body or b"{}", type=type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError("the body is not valid", why=str(error)) from error
    by = request.state.principal.name
    alert = await run_in_threadpool(change, request.path_params["id"], by, said)
    return _json(alert)


async def _body(request: Request, limit: int) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise InvalidInputError(f"the body is over {limit} bytes", fix="shorten it")
    return body


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
