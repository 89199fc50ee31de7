"""All pages of the labels piece, with their JSON twins."""

import functools
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.labels.handlers import Handlers
from dovetail.labels.people.people import People
from dovetail.labels.routes.kit import Kit
from dovetail.labels.routing.served.setting_up import Served
from dovetail.labels.ui.compound import parted_of
from dovetail.labels.ui.desk import Desk, desk_page, desk_routes
from dovetail.labels.ui.exports import ExportsPage, Snapshotted, exports_page
from dovetail.labels.ui.overview import Overview, overview
from dovetail.labels.ui.policy import ITEM_POLICY
from dovetail.labels.ui.project import ProjectPage, project_page
from dovetail.labels.ui.sources import SourcesPage, sources_page
from dovetail.labels.ui.starters import STARTERS, Starter
from dovetail.labels.ui.task import TaskPage, task_page
from dovetail.web.pages import page_route
from dovetail.wire.label_learner import Learner

__all__ = ["page_routes"]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of a project shows; `id` is 0 for a new one."""

    id: int
    name: str
    label_config: str
    instruction: str
    wanted: int
    predictions: bool
    starters: tuple[Starter, ...]


def page_routes(
    handlers: Handlers,
    people: People,
    snapshots: Snapshotted,
    learner_of: Callable[[int], Learner],
    routing: Served,
) -> list[BaseRoute]:
    """The pages.

    Args:
        handlers: Where they are from.
        people: Who was invited where, and what they are told.
        snapshots: What was exported under a name.
        learner_of: How the labeller of a project stands.
        routing: What is wanted of a project's labels, what was reached, and whose parts they are.
    """

    def projects(request: Request) -> Overview:
        """Which projects there are, and how far they are."""
        return overview(handlers, people.room.access.standing, request)

    def new(_: Request) -> Form:
        """The form that makes a project."""
        return Form(
            id=0, name="", label_config="", instruction="", wanted=1, predictions=True,
            starters=STARTERS,
        )  # fmt: skip

    def settings(request: Request) -> Form:
        """The form that changes a project."""
        project = handlers.projects.get(request.path_params["project"], 0)
        return Form(
            id=project.id,
            name=project.title or "",
            label_config=project.label_config or "",
            instruction=project.expert_instruction or "",
            wanted=project.maximum_annotations,
            predictions=project.show_collab_predictions,
            starters=STARTERS,
        )

    def project(request: Request) -> ProjectPage:
        """How far a project is, and its tasks."""
        number, principal = request.path_params["project"], request.state.principal
        parted = parted_of(handlers, routing.compounds, people.room.access, principal, number)
        return project_page(handlers, parted, request)

    def exports(request: Request) -> ExportsPage:
        """What leaves a project: snapshots and files."""
        return exports_page(handlers, snapshots, request)

    def sources(request: Request) -> SourcesPage:
        """Who answers in a project, what they promise together, and how good they are."""
        return sources_page(handlers, learner_of, routing.routing, people.room.access, request)

    def desk(request: Request) -> Desk:
        """The desk where people label."""
        return desk_page(handlers, people, request)

    def task(request: Request) -> TaskPage:
        """A task with all that was said of it."""
        return task_page(handlers, request)

    one = "/labels/projects/{project:int}"
    form = "labels/form.html"
    item_page = functools.partial(page_route, csp=ITEM_POLICY)
    return [
        *desk_routes(handlers, Kit(handlers)),
        *page_route("/labels", projects, template="labels/projects.html", title="Labels"),
        *item_page("/labels/new", new, template=form, title="New project"),
        *item_page(f"{one}/settings", settings, template=form, title=_settings),
        *page_route(f"{one}/exports", exports, template="labels/exports.html", title=_exports),
        *page_route(f"{one}/sources", sources, template="labels/sources.html", title=_sources),
        *item_page(f"{one}/label", desk, template="labels/desk.html", title=_desk),
        *item_page(one, project, template="labels/project.html", title=_project),
        *item_page("/labels/tasks/{task:int}", task, template="labels/task.html", title=_task),
    ]


def _project(page: Any) -> str:
    return str(page.name)


def _exports(page: Any) -> str:
    return f"Exports of {page.name}"


def _sources(page: Any) -> str:
    return f"Sources of {page.name}"


def _settings(page: Any) -> str:
    return f"Settings of {page.name}"


def _desk(page: Any) -> str:
    return str(page.facts.title)


def _task(page: Any) -> str:
    return f"Task {page.inner_id} of {page.project_title}"
