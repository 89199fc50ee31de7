"""All pages of the labels piece, with their JSON twins."""

import functools
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.labels.handlers import Handlers
from dovetail.labels.people.access import Access, ProjectRole
from dovetail.labels.people.people import People
from dovetail.labels.routes.kit import Kit
from dovetail.labels.routing.served.setting_up import Served
from dovetail.labels.ui.compound import parted_of
from dovetail.labels.ui.desk import Desk, desk_page, desk_routes
from dovetail.labels.ui.exports import ExportsPage, Snapshotted, exports_page
from dovetail.labels.ui.forms import Form, new_form, settings_form
from dovetail.labels.ui.overview import Overview, overview
from dovetail.labels.ui.policy import ITEM_POLICY
from dovetail.labels.ui.project import ProjectPage, project_page
from dovetail.labels.ui.sources import SourcesPage, sources_page
from dovetail.labels.ui.task import TaskPage, task_page
from dovetail.web.pages import page_route
from dovetail.wire.label_learner import Learner

__all__ = ["page_routes"]


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
        return overview(handlers, access.standing, request)

    access = people.room.access
    role = functools.partial(_role, access)

    def new(request: Request) -> Form:
        """The form that makes a project."""
        return new_form(request.state.principal)

    def settings(request: Request) -> Form:
        """The form that changes a project."""
        return settings_form(handlers, access, request)

    def project(request: Request) -> ProjectPage:
        """How far a project is, and its tasks."""
        number, principal = request.path_params["project"], request.state.principal
        parted = parted_of(handlers, routing.compounds, access, principal, number)
        return project_page(handlers, parted, role(request), request)

    def exports(request: Request) -> ExportsPage:
        """What leaves a project: snapshots and files."""
        return exports_page(handlers, snapshots, role(request), request)

    def sources(request: Request) -> SourcesPage:
        """Who answers in a project, what they promise together, and how good they are."""
        return sources_page(handlers, learner_of, routing.routing, access, request)

    def desk(request: Request) -> Desk:
        """The desk where people label."""
        return desk_page(handlers, people, request)

    def task(request: Request) -> TaskPage:
        """A task with all that was said of it."""
        return task_page(handlers, access, request)

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


def _role(access: Access, request: Request) -> ProjectRole | None:
    """What the reader is in the project of a page."""
    return access.role(request.state.principal, request.path_params["project"])


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
