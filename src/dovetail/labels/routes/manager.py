"""Label Studio's `/api/dm` (views, columns, actions) and `/api/tasks/ID/agreement`."""

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.labels.errors import FieldError
from dovetail.labels.handlers.actions import Actions
from dovetail.labels.handlers.agreement import Agreement
from dovetail.labels.handlers.filters import Query, annotated, read_query
from dovetail.labels.handlers.tasks import Tasks
from dovetail.labels.handlers.views import Views
from dovetail.labels.routes.kit import Call, Kit, json_response

__all__ = ["manager_routes"]


PAGE = 100


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Views of a project in order."""

    project: int
    ids: list[int]


def manager_routes(
    views: Views, actions: Actions, agreement: Agreement, tasks: Tasks, kit: Kit
) -> list[BaseRoute]:
    """Return the routes."""
    api = _Api(views, actions, agreement)
    pages = TaskPages(tasks, views)
    one = "/api/dm/views/{view:int}"
    return [
        kit.route("GET", "/api/dm/views", api.list),
        kit.route("POST", "/api/dm/views", api.create),
        kit.route("POST", "/api/dm/views/order", api.order),
        kit.route("DELETE", "/api/dm/views/reset", api.reset),
        kit.route("GET", one, api.get),
        kit.route("PATCH", one, api.change),
        kit.route("PUT", one, api.change),
        kit.route("DELETE", one, api.remove),
        kit.route("GET", "/api/dm/columns", api.columns),
        kit.route("GET", "/api/dm/actions", api.actions),
        kit.route("POST", "/api/dm/actions", api.act),
        kit.route("GET", "/api/tasks/{task:int}/agreement", api.agreement),
        kit.route("GET", "/api/tasks", pages.list),
    ]


class TaskPages:
    """Pages of tasks, by project, by view or by query.

    Args:
        tasks: what is listed.
        views: named selections.
    """

    def __init__(self, tasks: Tasks, views: Views) -> None:
        self._tasks, self._views = tasks, views

    def list(self, call: Call) -> Response:
        """A page of tasks of a project or a view, filtered and ordered as `query` says."""
        project, view, said = call.number("project"), call.number("view"), call.query("query")
        query = read_query(said) if said else Query()
        if view is not None:
            project, query = self._views.query(view)
        picked = call.query("selectedItems") or call.query("selected_items")
        if picked:
            selected = read_query(f'{{"selectedItems": {picked}}}').selectedItems
            query = msgspec.structs.replace(query, selectedItems=selected)
        if call.flag("only_annotated"):
            query = annotated(query)
        page = self._tasks.page(
            project,
            call.user,
            number=call.number("page", 1) or 1,
            size=call.number("page_size", PAGE) or PAGE,
            is_whole=call.query("fields") != "task_only",
            query=query,
        )
        return json_response(page)


class _Api:
    """The answers."""

    def __init__(self, views: Views, actions: Actions, agreement: Agreement) -> None:
        self._views, self._actions, self._agreement = views, actions, agreement

    def list(self, call: Call) -> Response:
        """The views of a project, or all."""
        return json_response(self._views.all_of(call.number("project")))

    def create(self, call: Call) -> Response:
        """Make a view: a named selection of tasks."""
        fields = call.fields()
        project = fields.optional("project", int)
        if project is None:
            raise FieldError("This field is required", "project")
        return json_response(self._views.create(project, fields.text("data", "{}"), call.user), 201)

    def order(self, call: Call) -> Response:
        """Put the views of a project in order."""
        said = call.read(Order)
        self._views.order(said.project, said.ids)
        return json_response({})

    def reset(self, call: Call) -> Response:
        """Delete all views of a project."""
        said = call.value()
        project = said.get("project") if isinstance(said, dict) else None
        project = project if isinstance(project, int) else call.number("project")
        if project is None:
            raise FieldError("This field is required", "project")
        self._views.reset(project)
        return Response(status_code=204)

    def get(self, call: Call) -> Response:
        """A view."""
        return json_response(self._views.get(call.path("view")))

    def change(self, call: Call) -> Response:
        """Change what a view selects."""
        number = call.path("view")
        before = bytes(self._views.get(number).data).decode()
        return json_response(self._views.change(number, call.fields().text("data", before)))

    def remove(self, call: Call) -> Response:
        """Delete a view."""
        self._views.remove(call.path("view"))
        return Response(status_code=204)

    def columns(self, call: Call) -> Response:
        """What tasks of a project can be filtered and ordered by."""
        return json_response(self._views.columns(_project(call)))

    def actions(self, _: Call) -> Response:
        """What can be done with selected tasks."""
        return json_response(self._actions.listed())

    def act(self, call: Call) -> Response:
        """Do something with selected tasks: `id` says what, the body which."""
        query = read_query(call.body or b"{}")
        if query.selectedItems is None:
            raise FieldError("This field is required", "selectedItems")
        done = self._actions.run(call.query("id"), _project(call), query, call.user)
        return json_response(done)

    def agreement(self, call: Call) -> Response:
        """How the answers on a task are distributed."""
        return json_response(self._agreement.of(call.path("task")))


def _project(call: Call) -> int:
    project = call.number("project")
    if project is None:
        raise FieldError("This field is required", "project")
    return project
