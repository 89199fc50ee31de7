"""Governance over HTTP: its own surface, the OpenLineage sink and the guard."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import IntegrityError, InvalidInputError
from dovetail.governance.guard import Guard, Remote, Upstream
from dovetail.governance.handlers import Governance
from dovetail.governance.lineage import record_event
from dovetail.web.auth import require_role
from dovetail.wire import governance as wire

__all__ = ["routes"]

MLFLOW_PATHS = ("/api/2.0", "/api/3.0", "/ajax-api", "/version", "/health", "/static-files")


class Api:
    """The routes of governance's own surface.

    Args:
        governance: the use cases.
    """

    def __init__(self, governance: Governance) -> None:
        self._governance = governance

    async def add_evidence(self, request: Request) -> Response:
        """Give evidence on a model version: its kind, its verdict and the facts."""
        given = msgspec.json.decode(await request.body(), type=wire.Evidence)
        fields = msgspec.structs.asdict(given)
        actor = request.state.principal.name
        entry = await run_in_threadpool(
            lambda: self._governance.add_evidence(actor=actor, **fields)
        )
        return _json(entry, 201)

    async def approve(self, request: Request) -> Response:
        """Stand for a version taking an alias; needs the role approver."""
        principal = require_role(request, "approver")
        given = msgspec.json.decode(await request.body(), type=wire.Approval)
        entry = await run_in_threadpool(
            lambda: self._governance.approve(
                actor=principal.name,
                model=given.model,
                version=given.version,
                alias=given.alias,
                reason=given.reason,
            )
        )
        return _json(entry, 201)

    def check(self, request: Request) -> Response:
        """Say whether a version may take an alias, and what is missing."""
        return _json(self._governance.check(**request.path_params))

    def log(self, request: Request) -> Response:
        """Return the entries of the record, newest first."""
        query = request.query_params
        limit, before = _whole(query.get("limit", "100")), query.get("before")
        entries = self._governance.record.entries(
            subject=query.get("subject"),
            kind=query.get("kind"),
            limit=min(limit, 1000),
            before=_whole(before) if before else None,
        )
        return _json(entries)

    def verify(self, _: Request) -> Response:
        """Check the record: how many entries are intact, or what is wrong."""
        try:
            return _json(wire.Verification(ok=True, entries=self._governance.record.verify()))
        except IntegrityError as error:
            return _json(wire.Verification(ok=False, message=str(error)))

    def alias(self, request: Request) -> Response:
        """Say which version an alias named, now or `at` an instant."""
        model, alias = request.path_params["model"], request.path_params["alias"]
        at = request.query_params.get("at")
        entry = self._governance.record.alias_at(model, alias, _instant(at) if at else None)
        known = wire.AliasAt(model=model, alias=alias, at=at or "")
        if entry is not None:
            since = entry.body.get("effective", entry.at)
            version = entry.body["version"]
            known = msgspec.structs.replace(known, version=version, since=since, actor=entry.actor)
        return _json(known)

    async def lineage(self, request: Request) -> Response:
        """Take an OpenLineage run event."""
        body = await request.body()
        actor = request.state.principal.name
        await run_in_threadpool(record_event, self._governance, body, actor)
        return Response(status_code=201)

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/governance/evidence", self.add_evidence, methods=["POST"]),
            Route("/governance/approvals", self.approve, methods=["POST"]),
            Route("/governance/gates/{model}/{version}/{alias}", self.check),
            Route("/governance/log", self.log),
            Route("/governance/verify", self.verify),
            Route("/governance/aliases/{model}/{alias}", self.alias),
            Route("/api/v1/lineage", self.lineage, methods=["POST"]),
        ]


def routes(governance: Governance, upstream: Upstream) -> Sequence[BaseRoute]:
    """Return every route; those that pass MLflow through only where the registry is remote."""
    found: list[BaseRoute] = [*Api(governance).routes(), *Guard(governance, upstream).routes()]
    if isinstance(upstream, Remote):
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        for path in MLFLOW_PATHS:
            found.append(Route(path, upstream.stream, methods=methods))
            found.append(Route(path + "/{rest:path}", upstream.stream, methods=methods))
    return found


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise InvalidInputError(f"{text!r} is not a whole number")
    return int(text)


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise InvalidInputError(
            f"{text!r} is not an instant", fix="write RFC 3339, for example 2013-05-03T00:00:00Z"
        ) from error
    if moment.tzinfo is None:
        raise InvalidInputError(f"{text!r} has no time zone", fix="add Z or an offset")
    return moment
