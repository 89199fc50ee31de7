"""Twins of what watches: monitoring's references and figures, governance's evidence, lineage."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.wire import monitoring, openlineage

__all__ = ["Governance", "Monitoring"]


class Monitoring:
    """Keeps references and answers the figures that it is told.

    Attributes:
        references: by model and version.
        figures: what it answers when asked for performance.
        questions: the query of each question for performance.
    """

    def __init__(self) -> None:
        self.references: dict[tuple[str, str], monitoring.Reference] = {}
        self.figures = monitoring.Figures()
        self.questions: list[dict[str, str]] = []

    def routes(self) -> Sequence[BaseRoute]:
        """Return the paths that it answers."""
        model = "/monitoring/models/{model}"
        return [
            Route(f"{model}/reference", self._put_reference, methods=["PUT"]),
            Route(f"{model}/performance", self._performance),
        ]

    async def _put_reference(self, request: Request) -> Response:
        reference = msgspec.json.decode(await request.body(), type=monitoring.Reference)
        self.references[request.path_params["model"], reference.version] = reference
        return JSONResponse({})

    def _performance(self, request: Request) -> Response:
        self.questions.append(dict(request.query_params))
        return Response(msgspec.json.encode(self.figures), media_type="application/json")


class Governance:
    """Keeps evidence once, and lineage events by run.

    Attributes:
        evidence: what was found, in order, each finding once.
        lineage: run events by run id.
    """

    def __init__(self) -> None:
        self.evidence: list[dict[str, Any]] = []
        self.lineage: dict[str, openlineage.Event] = {}

    def routes(self) -> Sequence[BaseRoute]:
        """Return the paths that it answers."""
        return [
            Route("/governance/evidence", self._put_evidence, methods=["POST"]),
            Route(openlineage.PATH, self._put_lineage, methods=["POST"]),
        ]

    async def _put_evidence(self, request: Request) -> Response:
        finding = await request.json()
        if finding not in self.evidence:
            self.evidence.append(finding)
        return JSONResponse({})

    async def _put_lineage(self, request: Request) -> Response:
        event = openlineage.decode(await request.body())
        if isinstance(event, openlineage.RunEvent):
            self.lineage[event.run.run_id] = event
        return Response(status_code=201)
