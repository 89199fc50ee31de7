"""The routes of the pages about runs: an experiment's table, one run, and what their forms do."""

from collections.abc import Callable
from typing import TypeVar

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers import runs as run_cases
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.ui import forms
from dovetail.tracking.ui.chart_svg import chart_response
from dovetail.tracking.ui.compare import compare_routes
from dovetail.tracking.ui.experiment import experiment_page
from dovetail.tracking.ui.lines import lines_response
from dovetail.tracking.ui.memory import Memory
from dovetail.tracking.ui.run import NOTE, run_page
from dovetail.tracking.ui.run_csv import run_csv
from dovetail.tracking.ui.views import ExperimentPage, RunPage
from dovetail.web.auth import require_role
from dovetail.web.pages import page_route
from dovetail.wire.mlflow import GetRun, SetTag

__all__ = ["run_routes"]

CHANGES = {"delete": run_cases.delete, "restore": run_cases.restore}
T = TypeVar("T")


def run_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of the pages about runs."""
    memory = Memory()
    backend, database = operations.backend, operations.database

    def experiment(request: Request) -> ExperimentPage:
        """How it went: the runs of one experiment, filtered and ordered by what they logged."""
        return database.read(lambda c: experiment_page(backend, c, request, memory))

    def run(request: Request) -> RunPage:
        """One run: its metrics over time, its parameters, tags, datasets and files."""
        return database.read(lambda c: run_page(backend, c, request))

    def table(request: Request) -> Response:
        """Return the runs of an experiment that fit, in order, as CSV."""
        return run_csv(operations, request, memory)

    def curves(request: Request) -> Response:
        """Return parts of metrics of some runs for drawing, with the extremes of every part."""
        return lines_response(database, request)

    def drawing(request: Request) -> Response:
        """Return parts of metrics of some runs as a drawing."""
        return chart_response(database, request)

    return [
        Route("/tracking/charts.json", curves, methods=["GET"]),
        Route("/tracking/chart.svg", drawing, methods=["GET"]),
        Route("/tracking/experiments/{experiment_id}/runs.csv", table, methods=["GET"]),
        *page_route(
            "/tracking/experiments/{experiment_id}",
            experiment,
            template="tracking/experiment.html",
            title=lambda page: page.name,
        ),
        *page_route(
            "/tracking/runs/{run_id}",
            run,
            template="tracking/run.html",
            title=lambda page: page.run["name"],
        ),
        *compare_routes(operations),
        *_forms(operations, memory),
    ]


def _forms(operations: Operations, memory: Memory) -> list[BaseRoute]:
    backend, database = operations.backend, operations.database

    def write(change: Callable[[Connection], object]) -> None:
        database.write(change)
        memory.forget()

    async def change(request: Request) -> Response:
        """Delete or restore the runs that a form names, all of them or none; then go back."""
        require_role(request, "editor")
        given = await forms.fields(request)
        act = CHANGES.get(given.get("action", [""])[0])
        if act is None:
            raise InvalidParameterError("The form's action must be delete or restore.")
        chosen = list(dict.fromkeys(given.get("runs", ())))

        def apply(c: Connection) -> None:
            for run_id in chosen:
                act(backend, c, GetRun(run_id=run_id))

        await run_sync(write, apply)
        return _back(given, "/tracking")

    async def describe(request: Request) -> Response:
        """Keep the description of a run; then go back to it."""
        require_role(request, "editor")
        run_id = request.path_params["run_id"]
        given = await forms.fields(request)
        text = given.get("description", [""])[0].replace("\r\n", "\n")
        asked = SetTag(run_id=run_id, key=NOTE, value=text)
        await run_sync(write, lambda c: run_cases.set_tag(backend, c, asked))
        return _back(given, f"/tracking/runs/{run_id}")

    return [
        Route("/tracking/runs", change, methods=["POST"]),
        Route("/tracking/runs/{run_id}/description", describe, methods=["POST"]),
    ]


def _back(given: dict[str, list[str]], default: str) -> Response:
    return RedirectResponse(forms.local(given.get("back", [""])[0], default), 303)
