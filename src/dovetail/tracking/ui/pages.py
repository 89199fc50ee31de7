"""Pages that answer: what was tried, how did it go, and which model is in use."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import models as model_cases
from dovetail.tracking.handlers import versions as version_cases
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.store import overview
from dovetail.tracking.ui.experiment import experiment_page
from dovetail.tracking.ui.files import file_routes
from dovetail.tracking.ui.registry import registry_routes
from dovetail.tracking.ui.run import run_page
from dovetail.tracking.ui.views import (
    ExperimentLine,
    ExperimentPage,
    Experiments,
    ModelPage,
    Models,
    RunPage,
    VersionLine,
)
from dovetail.tracking.ui.webhooks import WEBHOOKS
from dovetail.web.pages import page_route
from dovetail.web.piece import Page
from dovetail.web.sorting import Sort
from dovetail.wire.mlflow import (
    GetRegisteredModel,
    ModelVersion,
    RegisteredModel,
    SearchModelVersions,
    SearchRegisteredModels,
)

__all__ = ["PAGES", "page_routes"]

PAGES = [Page("/tracking", "Tracking"), Page("/tracking/models", "Models"), WEBHOOKS]
PAGE = 100
T = TypeVar("T")
Look = Callable[[Backend, Connection, Request], T]


def page_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of the pages."""

    def reading(look: Look[T]) -> Callable[[Request], T]:
        def view(request: Request) -> T:
            return operations.database.read(lambda c: look(operations.backend, c, request))

        view.__doc__ = look.__doc__
        return view

    return [
        *file_routes(operations),
        *registry_routes(operations),
        *page_route(
            "/tracking/models/{name}",
            reading(_model),
            template="tracking/model.html",
            title=lambda page: f"Model {page.name}",
        ),
        *page_route(
            "/tracking/models",
            reading(_models),
            template="tracking/models.html",
            title="Models",
        ),
        *page_route(
            "/tracking/experiments/{experiment_id}",
            reading(_experiment),
            template="tracking/experiment.html",
            title=lambda page: page.name,
        ),
        *page_route(
            "/tracking/runs/{run_id}",
            reading(_run),
            template="tracking/run.html",
            title=lambda page: page.run["name"],
        ),
        *page_route(
            "/tracking",
            reading(_experiments),
            template="tracking/experiments.html",
            title="Experiments",
        ),
    ]


def _experiments(b: Backend, c: Connection, request: Request) -> Experiments:
    """What was tried: every experiment with its number of runs."""
    sort = Sort.of(request, allowed=("name", "runs", "newest", "created"), default="-newest")
    lines = [
        ExperimentLine(
            name=row.name,
            href=f"/tracking/experiments/{row.experiment_id}",
            runs=row.runs,
            newest=row.newest,
            created=row.creation_time,
        )
        for row in overview.experiments_with_runs(c)
    ]
    ordered = sort.apply(lines, lambda line: getattr(line, sort.by))
    return Experiments(ordered, sort, str(request.base_url).rstrip("/"))


def _experiment(b: Backend, c: Connection, request: Request) -> ExperimentPage:
    """How it went: the runs of one experiment, filtered and ordered by what they logged."""
    return experiment_page(b, c, request)


def _run(b: Backend, c: Connection, request: Request) -> RunPage:
    """One run: its metrics over time, its parameters, tags, datasets and files."""
    return run_page(b, c, request)


def _models(b: Backend, c: Connection, request: Request) -> Models:
    """Which models there are and which versions their aliases point at."""
    found = model_cases.search(b, c, SearchRegisteredModels(max_results=1000))
    return Models([_model_line(model) for model in found.registered_models])


def _model_line(model: RegisteredModel) -> dict[str, object]:
    newest = max((int(version.version) for version in model.latest_versions), default=None)
    aliases = [f"{alias.alias} → {alias.version}" for alias in model.aliases]
    return {
        "name": model.name,
        "href": f"/tracking/models/{quote(model.name)}",
        "newest": newest,
        "aliases": ", ".join(aliases),
        "updated": model.last_updated_timestamp,
        "description": model.description or "",
    }


def _model(b: Backend, c: Connection, request: Request) -> ModelPage:
    """One model: its versions, newest first, and which aliases point at them."""
    name = request.path_params["name"]
    model = model_cases.get(b, c, GetRegisteredModel(name)).registered_model
    quoted = name.replace("'", "''")
    asked = SearchModelVersions(
        filter=f"name = '{quoted}'",
        max_results=PAGE,
        order_by=("version_number DESC",),
        page_token=request.query_params.get("page"),
    )
    found = version_cases.search(b, c, asked)
    return ModelPage(
        name=name,
        description=model.description or "",
        tags=[{"key": tag.key, "value": tag.value} for tag in model.tags],
        aliases=[{"alias": alias.alias, "version": alias.version} for alias in model.aliases],
        versions=[_version_line(version) for version in found.model_versions],
        next=f"?page={found.next_page_token}" if found.next_page_token else "",
    )


def _version_line(version: ModelVersion) -> VersionLine:
    run = version.run_id or ""
    return VersionLine(
        version=version.version,
        aliases=list(version.aliases),
        created=version.creation_timestamp,
        description=version.description or "",
        source=version.source or "",
        run=run[:8],
        run_href=f"/tracking/runs/{run}" if run else "",
        tags=", ".join(f"{tag.key}={tag.value}" for tag in version.tags),
    )
