"""Where the pages of the registry live."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from dovetail.tracking.backend import Backend
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.ui.registry.changes import ChangePage, change_page, changer
from dovetail.tracking.ui.registry.compare import ComparePage, compare_page
from dovetail.tracking.ui.registry.history import HistoryView, history_page
from dovetail.tracking.ui.registry.logged import (
    LoggedModelPage,
    LoggedModelsPage,
    logged_model_page,
    logged_models_page,
)
from dovetail.tracking.ui.registry.model import model_page
from dovetail.tracking.ui.registry.models import models_page
from dovetail.tracking.ui.registry.version import version_page
from dovetail.tracking.ui.registry.views import ModelPage, ModelsPage, VersionPage
from dovetail.web.pages import page_route

__all__ = ["registry_routes"]

T = TypeVar("T")
Look = Callable[[Backend, Connection, Request], T]
ONE = "/tracking/models/{name}"


def registry_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of the pages, their twins and their forms."""

    def page(
        path: str, look: Look[T], template: str, title: str | Callable[[T], str]
    ) -> list[Route]:
        def view(request: Request) -> T:
            return operations.database.read(lambda c: look(operations.backend, c, request))

        view.__doc__ = look.__doc__
        return page_route(path, view, template=f"tracking/{template}.html", title=title)

    return [
        Route(f"{ONE}/change", changer(operations), methods=["POST"]),
        *page(f"{ONE}/change", _change, "change", lambda p: f"Change {p.name}"),
        *page(f"{ONE}/compare", _compare, "compare", lambda p: f"Versions of {p.name}"),
        *page(f"{ONE}/history", _history, "history", lambda p: f"History of {p.name}"),
        *page(
            f"{ONE}/versions/{{version}}",
            _version,
            "version",
            lambda p: f"{p.name} version {p.version}",
        ),
        *page(ONE, _model, "model", lambda p: f"Model {p.name}"),
        *page("/tracking/models", _models, "models", "Models"),
        *page(
            "/tracking/experiments/{experiment_id}/logged-models",
            _logged_models,
            "logged_models",
            lambda p: f"Logged models of {p.experiment.key}",
        ),
        *page(
            "/tracking/logged-models/{model_id}",
            _logged_model,
            "logged_model",
            lambda p: f"Logged model {p.name}",
        ),
    ]


def _models(b: Backend, c: Connection, request: Request) -> ModelsPage:
    """Which models there are and which versions their aliases name."""
    return models_page(b, c, request)


def _model(b: Backend, c: Connection, request: Request) -> ModelPage:
    """One model: which versions its aliases name, its versions, and what happened."""
    return model_page(b, c, request)


def _version(b: Backend, c: Connection, request: Request) -> VersionPage:
    """One version: where it comes from, what it takes, how good it was, how to load it."""
    return version_page(b, c, request)


def _compare(b: Backend, c: Connection, request: Request) -> ComparePage:
    """Versions side by side: parameters, metrics, signature, requirements, tags, datasets."""
    return compare_page(b, c, request)


def _history(b: Backend, c: Connection, request: Request) -> HistoryView:
    """Who moved which alias and stage of a model when, and what was in force at an instant."""
    return history_page(b, c, request)


def _change(b: Backend, c: Connection, request: Request) -> ChangePage:
    """What a change of an alias or a stage would do, before it is made."""
    return change_page(b, c, request)


def _logged_models(b: Backend, c: Connection, request: Request) -> LoggedModelsPage:
    """The logged models of an experiment with their metrics, filtered and ordered."""
    return logged_models_page(b, c, request)


def _logged_model(b: Backend, c: Connection, request: Request) -> LoggedModelPage:
    """One logged model: its parameters, metrics, signature and files."""
    return logged_model_page(b, c, request)
