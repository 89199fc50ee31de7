"""The data piece over HTTP: pages with JSON twins, and verification of a snapshot.

Tables themselves are files that any Delta reader opens; nothing here stands in between.
"""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.data.handlers import Handlers, Overview, TablePage
from dovetail.web import pages


def routes(handlers: Handlers) -> Sequence[BaseRoute]:
    """Return the routes of the piece."""

    def overview(_: Request) -> Overview:
        """The tables."""
        return handlers.overview()

    def table(request: Request) -> TablePage:
        """One table."""
        return handlers.table(request.path_params["name"])

    def verify(request: Request) -> Response:
        """Hash the files of a snapshot again and compare them with its record."""
        verdict = handlers.verify(request.path_params["snapshot"])
        return Response(msgspec.json.encode(verdict), media_type="application/json")

    return [
        *pages.page_route("/data", overview, template="data/overview.html", title="Tables"),
        *pages.page_route(
            "/data/tables/{name}",
            table,
            template="data/table.html",
            title=lambda page: page.line.name,
        ),
        Route("/data/snapshots/{snapshot}/verify", verify, methods=["POST"]),
    ]
