"""Label Studio's `/api/projects`: projects, imports, the next task, exports."""

from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.labels.errors import FieldError
from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.configs import config_of
from dovetail.labels.handlers.fields import items
from dovetail.labels.routes.files import load_files, sends_files
from dovetail.labels.routes.kit import Call, Kit, json_response, number_of
from dovetail.wire.label_studio.entities import ProjectChange

__all__ = ["project_routes"]

PAGE = 30
ALL = 100_000


def project_routes(handlers: Handlers, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api = _Projects(handlers)
    one = "/api/projects/{project:int}"
    return [
        kit.route("GET", "/api/projects", api.list),
        kit.route("POST", "/api/projects", api.create),
        kit.route("POST", "/api/projects/validate", api.validate_any),
        kit.route("GET", "/api/projects/counts", api.list),
        kit.route("GET", one, api.get),
        kit.route("PATCH", one, api.change),
        kit.route("DELETE", one, api.remove),
        kit.route("POST", f"{one}/validate", api.validate),
        kit.route("POST", f"{one}/import", api.load, is_import=True),
        kit.route("POST", f"{one}/tasks/bulk", api.load, is_import=True),
        kit.route("GET", f"{one}/next", api.next),
        kit.route("GET", f"{one}/tasks", api.tasks),
        kit.route("POST", f"{one}/tasks", api.add_task),
        kit.route("DELETE", f"{one}/tasks", api.remove_tasks),
        kit.route("POST", f"{one}/import/predictions", api.load_predictions, is_import=True),
        kit.route("GET", f"{one}/annotators", api.annotators),
        kit.route("GET", f"{one}/model-versions", api.model_versions),
        kit.route("GET", f"{one}/summary", api.summary),
    ]


class _Projects:
    """The answers."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def list(self, call: Call) -> Response:
        """Projects, newest first, a page at a time."""
        size = call.number("page_size", PAGE) or PAGE
        size = ALL if size < 0 else min(size, ALL)
        page = call.number("page", 1) or 1
        ids = [number_of(text, "ids") for text in call.query("ids").split(",") if text]
        total, found = self._handlers.projects.list(
            title=call.query("title"), numbers=ids, limit=size, offset=(page - 1) * size
        )
        url = call.request.url
        more = page * size < total
        return json_response(
            {
                "count": total,
                "next": str(url.include_query_params(page=page + 1)) if more else None,
                "previous": str(url.include_query_params(page=page - 1)) if page > 1 else None,
                "results": found,
            }
        )

    def create(self, call: Call) -> Response:
        """Make a project from a title and a label config."""
        project = self._handlers.projects.create(call.read(ProjectChange), call.user)
        return json_response(project, 201)

    def get(self, call: Call) -> Response:
        """A project with its counts."""
        return json_response(self._handlers.projects.get(call.path("project"), call.user))

    def change(self, call: Call) -> Response:
        """Change what is given of a project."""
        change = call.read(ProjectChange)
        return json_response(
            self._handlers.projects.change(call.path("project"), change, call.user)
        )

    def remove(self, call: Call) -> Response:
        """Delete a project and everything in it."""
        self._handlers.projects.remove(call.path("project"))
        return Response(status_code=204)

    def validate_any(self, call: Call) -> Response:
        """Check a label config; 204 where it is good."""
        config_of(_config(call))
        return Response(status_code=204)

    def validate(self, call: Call) -> Response:
        """Check that a label config fits a project's answers; say whether its fields differ."""
        differs = self._handlers.projects.validate(call.path("project"), _config(call))
        return json_response({"config_essential_data_has_changed": differs})

    def load(self, call: Call) -> Response:
        """Import tasks, with annotations and predictions where they have some."""
        if sends_files(call):
            return load_files(self._handlers, call)
        names = call.request.query_params.getlist("preannotated_from_fields")
        report = self._handlers.importing.run(
            call.path("project"),
            call.body,
            call.user,
            wants_ids=call.flag("return_task_ids"),
            commits=call.flag("commit_to_project", default=True),
            preannotated=[name for text in names for name in text.split(",") if name],
        )
        return json_response(report, 201)

    def load_predictions(self, call: Call) -> Response:
        """Save predictions of tasks that are there already."""
        call.value()
        found = items(call.body, "predictions")
        made = self._handlers.predictions.load(call.path("project"), found)
        return json_response({"created": made}, 201)

    def annotators(self, call: Call) -> Response:
        """Who has annotated in a project."""
        return json_response(self._handlers.projects.annotators(call.path("project")))

    def next(self, call: Call) -> Response:
        """The task that the caller is to label next."""
        return json_response(self._handlers.choosing.next(call.path("project"), call.user))

    def tasks(self, call: Call) -> Response:
        """Tasks of a project, as a plain list."""
        page = self._handlers.tasks.page(
            call.path("project"),
            call.user,
            number=call.number("page", 1) or 1,
            size=call.number("page_size", PAGE) or PAGE,
        )
        return json_response(bytes(page.tasks))

    def add_task(self, call: Call) -> Response:
        """Make a task from its data."""
        made = self._handlers.tasks.create(call.path("project"), call.body, call.user)
        return json_response(made, 201)

    def remove_tasks(self, call: Call) -> Response:
        """Delete all tasks of a project."""
        from dovetail.labels.handlers.filters import Query

        project = call.path("project")
        self._handlers.projects.row(project)
        found = self._handlers.tasks.select(project, Query())
        self._handlers.tasks.remove_many(project, found)
        return Response(status_code=204)

    def model_versions(self, call: Call) -> Response:
        """How many predictions of each model version there are."""
        return json_response(self._handlers.projects.model_versions(call.path("project")))

    def summary(self, call: Call) -> Response:
        """What the tasks of a project have in common."""
        return json_response(self._handlers.projects.summary(call.path("project")))


def _config(call: Call) -> str:
    value = call.value()
    config = value.get("label_config") if isinstance(value, dict) else None
    if not isinstance(config, str):
        raise FieldError("This field is required", "label_config")
    return config
