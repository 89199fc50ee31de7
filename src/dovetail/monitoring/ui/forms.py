"""What the buttons of a model's page do: each form goes back to the page, with who did it noted."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.errors import SilenceInvalidError
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.rules import length_of
from dovetail.web.auth import require_role
from dovetail.web.pages import page_route
from dovetail.wire.monitoring import Alert

__all__ = ["Expected", "form_routes"]

_SMALL = 16_384
_ALERT = "/monitoring/alerts/{id}"


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What "mark as expected" will do, before it does.

    Attributes:
        alert: The alert.
        reason: Why, as given.
        since: The first day of the new reference.
        rows: How many rows it will have; None where they cannot be counted.
        others: Further active alerts of the version, which are resolved with it.
        problem: Why it cannot be done, "" where it can.
        action: Where the form goes.
        back: Where to go if it shall not happen.
    """

    alert: Alert
    reason: str
    since: str
    rows: int | None
    others: list[Alert]
    problem: str
    action: str
    back: str


def form_routes(monitoring: Monitoring) -> list[BaseRoute]:
    """The forms, and the page that asks once more before a reference is reset."""
    actions = monitoring.actions
    deeds: Mapping[str, Callable[[str, str, Mapping[str, str]], Alert]] = {
        "acknowledge": lambda i, by, x: actions.change(
            i, "acknowledged", by, x.get("reason", "").strip()
        ),
        "resolve": lambda i, by, x: actions.change(i, "resolved", by, x.get("reason", "").strip()),
        "silence": lambda i, by, x: actions.silence(
            i, _end(x, monitoring.clock.now()), by, x.get("reason", "").strip()
        ),
        "expect": lambda i, by, x: actions.expect(
            i, by, x.get("reason", "").strip(), x.get("since", "")
        ),
    }

    async def change(request: Request) -> Response:
        """Do with an alert what a form of its page says, and go back there."""
        principal = require_role(request, "editor")
        fields = await _fields(request)
        deed = deeds.get(fields.get("do", ""))
        if deed is None:
            raise InvalidInputError(
                f"there is nothing to do called '{fields.get('do', '')}'",
                fix=f"use {', '.join(deeds)}",
            )
        path = request.path_params["id"]
        alert = await run_in_threadpool(deed, path, principal.name, fields)
        return RedirectResponse(f"/monitoring/{quote(alert.model, safe='')}#alerts", 303)

    def expected(request: Request) -> Expected:
        """Say what it would do to mark a change as expected."""
        query = request.query_params
        return _expected(
            monitoring, request.path_params["id"], query.get("reason", ""), query.get("since", "")
        )

    return [
        Route(f"{_ALERT}/change", change, methods=["POST"]),
        *page_route(
            f"{_ALERT}/expected",
            expected,
            template="monitoring/expected.html",
            title="Mark as expected",
        ),
    ]


def _expected(monitoring: Monitoring, alert_id: str, reason: str, since: str) -> Expected:
    alert = monitoring.alerts.get(alert_id)
    rows, problem = monitoring.actions.foresee(alert, since)
    others = [
        one
        for one in monitoring.find_alerts("active", alert.model)
        if one.version == alert.version and one.id != alert.id
    ]
    href = quote(alert.model, safe="")
    return Expected(
        alert=alert,
        reason=reason.strip(),
        since=since or str(alert.facts.get("since") or alert.day or ""),
        rows=rows,
        others=others,
        problem=problem,
        action=f"/monitoring/alerts/{alert.id}/change",
        back=f"/monitoring/{href}#{alert.id}",
    )


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _SMALL:
            raise InvalidInputError(f"the form is over {_SMALL} bytes", fix="shorten the reason")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {key: value.replace("\r\n", "\n") for key, value in pairs}


def _end(fields: Mapping[str, str], now: datetime) -> str:
    """The end of a silence: the time given, which is UTC, or so long from now."""
    until = fields.get("until", "").strip()
    if until:
        try:
            return datetime.fromisoformat(until).replace(tzinfo=UTC).isoformat()
        except ValueError as error:
            raise SilenceInvalidError(
                f"'{until}' is no time", fix="write the end like 2026-05-01T08:00"
            ) from error
    length = length_of(fields.get("for", ""))
    if length is None:
        raise SilenceInvalidError("the silence has no end", fix="choose how long, or an end")
    return (now + length).isoformat()
