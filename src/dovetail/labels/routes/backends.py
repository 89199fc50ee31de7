"""Label Studio's `/api/ml`: ML backends that users have."""

from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.labels.errors import FieldError
from dovetail.labels.handlers.backends import Backends
from dovetail.labels.handlers.filters import Query
from dovetail.labels.handlers.tasks import Tasks
from dovetail.labels.routes.kit import Call, Kit, json_response
from dovetail.wire.label_studio.connected import MLBackendChange

__all__ = ["backend_routes"]


class Interactive(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has drawn so far."""

    task: int
    context: Any = None


def backend_routes(backends: Backends, tasks: Tasks, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api = _Api(backends, tasks)
    one = "/api/ml/{backend:int}"
    return [
        kit.route("GET", "/api/ml", api.list),
        kit.route("POST", "/api/ml", api.create),
        kit.route("GET", one, api.get),
        kit.route("PATCH", one, api.change),
        kit.route("DELETE", one, api.remove),
        kit.route("POST", f"{one}/train", api.train),
        kit.route("POST", f"{one}/predict", api.predict),
        kit.route("POST", f"{one}/predict/test", api.test),
        kit.route("POST", f"{one}/interactive-annotating", api.annotate),
        kit.route("GET", f"{one}/versions", api.versions),
    ]


class _Api:
    """The answers."""

    def __init__(self, backends: Backends, tasks: Tasks) -> None:
        self._backends, self._tasks = backends, tasks

    def list(self, call: Call) -> Response:
        """ML backends of a project, or all."""
        return json_response(self._backends.all_of(call.number("project")))

    def create(self, call: Call) -> Response:
        """Connect an ML backend: it is asked whether it lives, and told the label config."""
        change = call.read(MLBackendChange)
        made = self._backends.create(change, _hostname(call), call.principal.name)
        return json_response(made, 201)

    def get(self, call: Call) -> Response:
        """An ML backend."""
        return json_response(self._backends.get(call.path("backend")))

    def change(self, call: Call) -> Response:
        """Change how an ML backend is reached."""
        change = call.read(MLBackendChange)
        changed = self._backends.change(
            call.path("backend"), change, _hostname(call), call.principal.name
        )
        return json_response(changed)

    def remove(self, call: Call) -> Response:
        """Disconnect an ML backend."""
        self._backends.remove(call.path("backend"), call.principal.name)
        return Response(status_code=204)

    def train(self, call: Call) -> Response:
        """Tell an ML backend to train."""
        self._backends.train(call.path("backend"))
        return json_response({})

    def predict(self, call: Call) -> Response:
        """Have an ML backend predict every task of its project that it has not yet."""
        number = call.path("backend")
        found = self._tasks.select(self._backends.row(number).project_id, Query())
        return json_response({"predictions": self._backends.predict(number, found)})

    def test(self, call: Call) -> Response:
        """Ask an ML backend about one task; nothing is saved."""
        number = call.path("backend")
        found = self._tasks.select(self._backends.row(number).project_id, Query())
        if not found:
            raise FieldError("the project has no tasks to predict", fix="import one at least")
        return json_response(self._backends.try_out(number, found[0]))

    def annotate(self, call: Call) -> Response:
        """Ask an ML backend what a person's first strokes mean."""
        said = call.read(Interactive)
        return json_response(self._backends.annotate(call.path("backend"), said.task, said.context))

    def versions(self, call: Call) -> Response:
        """The model versions of an ML backend."""
        return json_response({"versions": self._backends.versions(call.path("backend"))})


def _hostname(call: Call) -> str:
    return str(call.request.base_url).rstrip("/")
