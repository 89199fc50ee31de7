"""Label Studio's `/api/users` and `/api/current-user`, and the version."""

from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.base.errors import ForbiddenError
from dovetail.labels.errors import FieldError
from dovetail.labels.handlers import Handlers
from dovetail.labels.routes.errors import VERSION
from dovetail.labels.routes.kit import Call, Kit, json_response

__all__ = ["user_routes"]


def user_routes(handlers: Handlers, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api = _Users(handlers)
    return [
        kit.route("GET", "/api/current-user/whoami", api.whoami),
        kit.route("GET", "/api/users", api.list),
        kit.route("POST", "/api/users", api.create),
        kit.route("GET", "/api/users/{user:int}", api.get),
        kit.route("PATCH", "/api/users/{user:int}", api.change),
        kit.route("GET", "/api/version", api.version),
    ]


class _Users:
    """The answers."""

    def __init__(self, handlers: Handlers) -> None:
        self._users = handlers.users

    def whoami(self, call: Call) -> Response:
        """Who calls."""
        return json_response(self._users.get(call.user))

    def list(self, _: Call) -> Response:
        """All users: everybody who has called, or whom an import named."""
        return json_response(self._users.list())

    def create(self, call: Call) -> Response:
        """Make a user before they come."""
        said = _texts(call)
        made = self._users.create(
            said.get("email", ""), said.get("first_name", ""), said.get("last_name", "")
        )
        return json_response(made, 201)

    def get(self, call: Call) -> Response:
        """A user."""
        return json_response(self._users.get(call.path("user")))

    def change(self, call: Call) -> Response:
        """Change what a user is called; of others only an admin may."""
        number = call.path("user")
        if number != call.user and not call.principal.may("admin"):
            raise ForbiddenError("only an admin may change another user")
        return json_response(self._users.change(number, _texts(call)))

    def version(self, _: Call) -> Response:
        """The Label Studio whose protocol this is."""
        return json_response({"release": VERSION, "label-studio-os-package": {"version": VERSION}})


def _texts(call: Call) -> dict[str, str]:
    value = call.value()
    if not isinstance(value, dict):
        raise FieldError("the body is no JSON object")
    return {name: text for name, text in value.items() if isinstance(text, str)}
