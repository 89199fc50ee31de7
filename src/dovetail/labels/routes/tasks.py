"""Label Studio's `/api/tasks`, `/api/annotations`, `/api/predictions` and `/api/drafts`."""

from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.labels.errors import FieldError
from dovetail.labels.handlers import Handlers
from dovetail.labels.routes.kit import Call, Kit, json_response, number_of

__all__ = ["task_routes"]


def task_routes(handlers: Handlers, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api, said = _Tasks(handlers), _Said(handlers)
    task, annotation = "/api/tasks/{task:int}", "/api/annotations/{annotation:int}"
    prediction, draft = "/api/predictions/{prediction:int}", "/api/drafts/{draft:int}"
    return [
        kit.route("POST", "/api/tasks", api.create),
        kit.route("GET", task, api.get),
        kit.route("PATCH", task, api.change),
        kit.route("DELETE", task, api.remove),
        kit.route("GET", f"{task}/annotations", said.list_annotations),
        kit.route("POST", f"{task}/annotations", said.annotate),
        kit.route("GET", f"{task}/drafts", said.list_drafts),
        kit.route("POST", f"{task}/drafts", said.draft),
        kit.route("GET", f"{task}/annotations/{{annotation:int}}/drafts", said.list_drafts),
        kit.route("POST", f"{task}/annotations/{{annotation:int}}/drafts", said.draft),
        kit.route("GET", annotation, said.get_annotation),
        kit.route("PATCH", annotation, said.change_annotation),
        kit.route("PUT", annotation, said.change_annotation),
        kit.route("DELETE", annotation, said.remove_annotation),
        kit.route("POST", f"{annotation}/convert-to-draft", said.to_draft),
        kit.route("GET", "/api/predictions", said.list_predictions),
        kit.route("POST", "/api/predictions", said.predict),
        kit.route("GET", prediction, said.get_prediction),
        kit.route("PATCH", prediction, said.change_prediction),
        kit.route("PUT", prediction, said.change_prediction),
        kit.route("DELETE", prediction, said.remove_prediction),
        kit.route("GET", draft, said.get_draft),
        kit.route("PATCH", draft, said.change_draft),
        kit.route("DELETE", draft, said.remove_draft),
    ]


class _Tasks:
    """The answers about tasks."""

    def __init__(self, handlers: Handlers) -> None:
        self._tasks = handlers.tasks

    def create(self, call: Call) -> Response:
        """Make a task in the project that the body names."""
        project = call.fields().optional("project", int)
        if project is None:
            raise FieldError("This field is required", "project")
        return json_response(self._tasks.create(project, call.body, call.user), 201)

    def get(self, call: Call) -> Response:
        """A task with its annotations, predictions and the caller's drafts."""
        return json_response(self._tasks.get(call.path("task"), call.user, opens=True))

    def change(self, call: Call) -> Response:
        """Change the data or the meta of a task."""
        value = call.value()
        data = value.get("data") if isinstance(value, dict) else None
        return json_response(self._tasks.change(call.path("task"), call.fields(), data, call.user))

    def remove(self, call: Call) -> Response:
        """Delete a task and all that was said of it."""
        self._tasks.remove(call.path("task"))
        return Response(status_code=204)


class _Said:
    """The answers about what was said of tasks."""

    def __init__(self, handlers: Handlers) -> None:
        self._annotations, self._predictions = handlers.annotations, handlers.predictions
        self._drafts = handlers.drafts

    def list_annotations(self, call: Call) -> Response:
        """The annotations of a task."""
        return json_response(self._annotations.list(call.path("task")))

    def annotate(self, call: Call) -> Response:
        """Save an annotation; it is durable once this answers."""
        is_admin = call.principal.may("admin")
        made = self._annotations.create(
            call.path("task"), call.fields(), call.user, is_admin=is_admin
        )
        return json_response(made, 201)

    def get_annotation(self, call: Call) -> Response:
        """An annotation."""
        return json_response(self._annotations.get(call.path("annotation")))

    def change_annotation(self, call: Call) -> Response:
        """Change what is given of an annotation."""
        is_admin = call.principal.may("admin")
        return json_response(
            self._annotations.change(
                call.path("annotation"), call.fields(), call.user, is_admin=is_admin
            )
        )

    def remove_annotation(self, call: Call) -> Response:
        """Delete an annotation."""
        self._annotations.remove(call.path("annotation"), call.user)
        return Response(status_code=204)

    def to_draft(self, call: Call) -> Response:
        """Take an annotation back as a draft of its annotator."""
        return json_response(self._drafts.from_annotation(call.path("annotation"), call.user), 201)

    def list_predictions(self, call: Call) -> Response:
        """Predictions of a task or a project."""
        found = self._predictions.list(task=call.number("task"), project=call.number("project"))
        return json_response(found)

    def predict(self, call: Call) -> Response:
        """Save a prediction."""
        return json_response(self._predictions.create(call.fields()), 201)

    def get_prediction(self, call: Call) -> Response:
        """A prediction."""
        return json_response(self._predictions.get(call.path("prediction")))

    def change_prediction(self, call: Call) -> Response:
        """Change what is given of a prediction."""
        return json_response(self._predictions.change(call.path("prediction"), call.fields()))

    def remove_prediction(self, call: Call) -> Response:
        """Delete a prediction."""
        self._predictions.remove(call.path("prediction"))
        return Response(status_code=204)

    def list_drafts(self, call: Call) -> Response:
        """The caller's drafts of a task, or of changes to an annotation."""
        found = self._drafts.list(call.path("task"), call.user, _annotation(call))
        return json_response(found)

    def draft(self, call: Call) -> Response:
        """Save a draft."""
        made = self._drafts.create(call.path("task"), call.fields(), call.user, _annotation(call))
        return json_response(made, 201)

    def get_draft(self, call: Call) -> Response:
        """A draft of the caller."""
        return json_response(self._drafts.get(call.path("draft"), call.user))

    def change_draft(self, call: Call) -> Response:
        """Change what is given of a draft."""
        return json_response(self._drafts.change(call.path("draft"), call.fields(), call.user))

    def remove_draft(self, call: Call) -> Response:
        """Delete a draft."""
        self._drafts.remove(call.path("draft"), call.user)
        return Response(status_code=204)


def _annotation(call: Call) -> int | None:
    said = call.request.path_params.get("annotation")
    return None if said is None else number_of(str(said), "annotation")
