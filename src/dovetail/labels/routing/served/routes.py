"""Routing over HTTP, below `/api/labels/projects/{project}`."""

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.labels.routes.kit import Call, Kit, json_response
from dovetail.labels.routing.served.compounds import Compound, Compounds
from dovetail.labels.routing.served.handlers import Routing, Wish
from dovetail.labels.routing.served.records import Policy
from dovetail.labels.sources.specs import Spec

__all__ = ["routing_routes"]

_ONE = "/api/labels/projects/{project:int}"


def routing_routes(routing: Routing, compounds: Compounds, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api, parts = _Api(routing), _Parts(compounds)
    return [
        kit.route("GET", f"{_ONE}/routing", api.policy),
        kit.route("PUT", f"{_ONE}/routing", api.state),
        kit.route("DELETE", f"{_ONE}/routing", api.drop),
        kit.route("POST", f"{_ONE}/routing/estimate", api.estimate),
        kit.route("GET", f"{_ONE}/sources", api.sources),
        kit.route("POST", f"{_ONE}/sources", api.add),
        kit.route("DELETE", f"{_ONE}/sources/{{name}}", api.remove),
        kit.route("GET", f"{_ONE}/quality", api.report),
        kit.route("GET", f"{_ONE}/posteriors", api.posteriors),
        kit.route("GET", f"{_ONE}/wholes", parts.wholes),
        kit.route("POST", f"{_ONE}/split", parts.split),
        kit.route("POST", f"{_ONE}/join", parts.join),
    ]


class _Api:
    """The answers."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing

    def policy(self, call: Call) -> Response:
        """What is wanted of the project's labels."""
        return json_response(self._routing.policy(call.path("project")))

    def state(self, call: Call) -> Response:
        """State what is wanted; what is left out is as usual."""
        return json_response(self._routing.state(call.path("project"), call.read(Policy)))

    def drop(self, call: Call) -> Response:
        """Leave the project to its own order again."""
        self._routing.drop(call.path("project"))
        return Response(status_code=204)

    def estimate(self, call: Call) -> Response:
        """What it is likely to cost, before anybody starts."""
        found = self._routing.estimate(call.path("project"), call.read(Wish))
        return json_response(found)

    def sources(self, call: Call) -> Response:
        """Who can be asked, and how good, dear and fast each one is."""
        return json_response({"sources": self._routing.sources(call.path("project"))})

    def add(self, call: Call) -> Response:
        """Add a source, or replace the one of its name."""
        spec: Spec = call.read(Spec)  # type: ignore[arg-type]
        return json_response(self._routing.add(call.path("project"), spec), 201)

    def remove(self, call: Call) -> Response:
        """Remove a source; its answers stay."""
        self._routing.remove(call.path("project"), call.request.path_params["name"])
        return Response(status_code=204)

    def report(self, call: Call) -> Response:
        """Promised and achieved quality, side by side."""
        return json_response(self._routing.report(call.path("project")))

    def posteriors(self, call: Call) -> Response:
        """How tasks stand: label, confidence, whether done; `after` and `limit` page."""
        found = self._routing.posteriors(
            call.path("project"), call.number("after", 0) or 0, call.number("limit", 1000) or 1000
        )
        following = found[-1].task if found else None
        return json_response(msgspec.json.encode({"tasks": found, "next_after": following}))


class _Parts:
    """The answers about items that are split."""

    def __init__(self, compounds: Compounds) -> None:
        self._compounds = compounds

    def split(self, call: Call) -> Response:
        """Split the tasks of another project into tasks of this one."""
        made = self._compounds.split(call.path("project"), call.read(Compound), call.user)
        return json_response(made, 201)

    def wholes(self, call: Call) -> Response:
        """The tasks of the other project, put together from what is known of their parts."""
        return json_response({"tasks": self._compounds.wholes(call.path("project"))})

    def join(self, call: Call) -> Response:
        """Write what is done as predictions of the other project's tasks."""
        return json_response(self._compounds.join(call.path("project")))
