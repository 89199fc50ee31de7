"""The routes of the comparison of runs."""

from collections.abc import Iterator

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.store import lines
from dovetail.tracking.ui.compare.page import ComparePage, compare_page, run_ids
from dovetail.tracking.ui.compare.table import compared_of, groups_of
from dovetail.tracking.ui.run_csv import attached, written
from dovetail.web.pages import page_route

__all__ = ["compare_routes"]


def compare_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of the comparison."""

    def compare(request: Request) -> ComparePage:
        """Which settings led where: runs side by side, what differs, and their curves."""
        return operations.database.read(lambda c: compare_page(c, request))

    def table(request: Request) -> Response:
        """Return everything that runs logged as CSV, a column for each run."""
        asked = run_ids(request)
        rows = operations.database.read(lambda c: list(_rows(c, asked)))
        return attached(iter([written(rows)]), "runs.csv")

    return [
        Route("/tracking/compare.csv", table, methods=["GET"]),
        *page_route(
            "/tracking/compare",
            compare,
            template="tracking/compare_runs.html",
            title=lambda page: f"{len(page.runs)} runs side by side",
        ),
    ]


def _rows(c: Connection, asked: list[str]) -> Iterator[list[object]]:
    rows = lines.runs_of(c, asked)
    yield ["", *(row.run_id for row in rows)]
    yield ["name", *(row.run_name for row in rows)]
    for group in groups_of(compared_of(c, rows), every=True):
        for fact in group.facts:
            yield [fact.name, *fact.values]
