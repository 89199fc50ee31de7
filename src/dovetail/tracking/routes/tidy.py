"""Tidying over HTTP: thin skins over the use cases. Errors are problem details."""

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.tracking.routes.protocol import read_body
from dovetail.tracking.tidy import Tidy
from dovetail.web.auth import require_role
from dovetail.wire.tidy import PREFIX, Confirmed, TidyRequest

__all__ = ["tidy_routes"]


def tidy_routes(tidy: Tidy) -> list[BaseRoute]:
    """Return the routes of planning and removing."""

    async def plan(request: Request) -> Response:
        """Say what would be removed for good, and what stays and why; nothing changes."""
        require_role(request, "editor")
        body = await read_body(request.receive)
        asked = msgspec.json.decode(body or b"{}", type=TidyRequest)
        return _json(await run_in_threadpool(tidy.plan, asked))

    async def execute(request: Request) -> Response:
        """Remove exactly what a plan says, confirmed by its mark; needs the role admin."""
        principal = require_role(request, "admin")
        asked = msgspec.json.decode(await read_body(request.receive), type=Confirmed)
        return _json(await run_in_threadpool(tidy.execute, asked, principal.name), 202)

    def jobs(_: Request) -> Response:
        """List the newest removals."""
        return _json(tidy.jobs())

    def job(request: Request) -> Response:
        """Say how far a removal is."""
        return _json(tidy.job(request.path_params["id"]))

    def log(request: Request) -> Response:
        """Return the hash-chained record of what was removed and by whom, newest first."""
        before = request.query_params.get("before")
        limit = min(_whole(request.query_params.get("limit", "100")), 1000)
        return _json(tidy.log(limit, _whole(before) if before else None))

    return [
        Route(f"{PREFIX}/plan", plan, methods=["POST"]),
        Route(f"{PREFIX}/execute", execute, methods=["POST"]),
        Route(f"{PREFIX}/jobs", jobs, methods=["GET"]),
        Route(f"{PREFIX}/jobs/{{id}}", job, methods=["GET"]),
        Route(f"{PREFIX}/log", log, methods=["GET"]),
    ]


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise InvalidInputError(f"{text!r} is not a whole number")
    return int(text)
