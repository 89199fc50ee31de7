"""Tidying over HTTP: thin skins over the use cases. Errors are problem details."""

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.tracking.routes.protocol import read_body
from dovetail.tracking.tidy import Keeper, Tidy
from dovetail.web.auth import require_role
from dovetail.wire.retention import PREFIX as RULES
from dovetail.wire.retention import Rule
from dovetail.wire.tidy import PREFIX, Confirmed, TidyRequest

__all__ = ["tidy_routes"]


def tidy_routes(keeper: Keeper) -> list[BaseRoute]:
    """Return every route of tidying."""
    return [*_removal(keeper.tidy), *_measures(keeper), *_retention(keeper)]


def _removal(tidy: Tidy) -> list[BaseRoute]:
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


def _measures(keeper: Keeper) -> list[BaseRoute]:
    """Return the routes of sizes and free space."""

    def sizes(_: Request) -> Response:
        """Say how large each experiment was when it was last measured; old figures are renewed."""
        return _json(keeper.sizes())

    def measure(request: Request) -> Response:
        """Begin to measure every experiment."""
        require_role(request, "editor")
        return _json(keeper.sizes(anew=True), 202)

    async def compact(request: Request) -> Response:
        """Give the free space of a SQLite file back; needs the role admin."""
        require_role(request, "admin")
        asked = msgspec.json.decode(await read_body(request.receive) or b"{}", type=_Compact)
        return _json(await run_in_threadpool(lambda: keeper.compact(full=asked.full)))

    return [
        Route(f"{PREFIX}/sizes", sizes, methods=["GET"]),
        Route(f"{PREFIX}/sizes", measure, methods=["POST"]),
        Route(f"{PREFIX}/compact", compact, methods=["POST"]),
    ]


class _Compact(msgspec.Struct, forbid_unknown_fields=True):
    full: bool = False


class _Preview(msgspec.Struct, forbid_unknown_fields=True):
    rule: Rule | None = None


def _retention(keeper: Keeper) -> list[BaseRoute]:
    """Return the routes of retention rules."""
    retention = keeper.retention

    def rules(_: Request) -> Response:
        """List the retention rules."""
        return _json(retention.rules())

    def rule(request: Request) -> Response:
        """Return the retention rule of an experiment."""
        return _json(retention.rule(request.path_params["experiment_id"]))

    async def put(request: Request) -> Response:
        """Set the retention rule of an experiment; needs the role admin."""
        actor = require_role(request, "admin").name
        given = msgspec.json.decode(await read_body(request.receive), type=Rule)
        number = request.path_params["experiment_id"]
        return _json(await run_in_threadpool(retention.put, number, given, actor))

    def delete(request: Request) -> Response:
        """Remove the retention rule of an experiment; needs the role admin."""
        retention.delete(request.path_params["experiment_id"], require_role(request, "admin").name)
        return Response(status_code=204)

    async def preview(request: Request) -> Response:
        """Say what a retention rule, given or set, would do now; nothing happens."""
        require_role(request, "editor")
        asked = msgspec.json.decode(await read_body(request.receive) or b"{}", type=_Preview)
        number = request.path_params["experiment_id"]
        return _json(await run_in_threadpool(retention.preview, number, asked.rule))

    def apply(request: Request) -> Response:
        """Apply the retention rule of an experiment now; needs the role admin."""
        actor = require_role(request, "admin").name
        return _json(keeper.apply(request.path_params["experiment_id"], actor), 202)

    one = f"{RULES}/{{experiment_id}}"
    return [
        Route(RULES, rules, methods=["GET"]),
        Route(one, rule, methods=["GET"]),
        Route(one, put, methods=["PUT"]),
        Route(one, delete, methods=["DELETE"]),
        Route(f"{one}/preview", preview, methods=["POST"]),
        Route(f"{one}/apply", apply, methods=["POST"]),
    ]


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise InvalidInputError(f"{text!r} is not a whole number")
    return int(text)
