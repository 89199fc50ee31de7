"""Label Studio's `/api/token`: its SDK turns a refresh token into an access token.

An API token of ours is both: it is checked at every call and can be revoked at any time, so there
is nothing that a second, short-lived token would add.
"""

from collections.abc import Callable

from starlette.responses import Response
from starlette.routing import BaseRoute

from dovetail.base.errors import UnauthenticatedError
from dovetail.labels.errors import FieldError
from dovetail.labels.handlers import Handlers
from dovetail.labels.routes.kit import Call, Kit, json_response
from dovetail.web.auth import Tokens

__all__ = ["OPEN", "me_routes", "open_routes"]

OPEN = (r"/api/token/refresh/?",)
"""A refresh carries its proof in the body."""


def open_routes(tokens: Callable[[], Tokens | None], handlers: Handlers) -> list[BaseRoute]:
    """Return the routes that need no token in a header."""

    def refresh(call: Call) -> Response:
        """Say whether a token is good, by giving it back as the one to send."""
        said = call.value()
        token = said.get("refresh") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token:
            raise FieldError("This field is required", "refresh")
        known = tokens()
        if known is not None and known.check(token) is None:
            raise UnauthenticatedError(
                "the token is unknown or revoked", fix="make one with: dovetail token create"
            )
        return json_response({"access": token})

    return [Kit(handlers).route("POST", "/api/token/refresh", refresh, is_anonymous=True)]


def me_routes(handlers: Handlers, kit: Kit) -> list[BaseRoute]:
    """Return the routes about who calls."""
    api = _Me(handlers)
    return [
        kit.route("GET", "/api/current-user", api.me),
        kit.route("PATCH", "/api/current-user", api.change_me),
    ]


class _Me:
    """The answers."""

    def __init__(self, handlers: Handlers) -> None:
        self._users = handlers.users

    def me(self, call: Call) -> Response:
        """Who calls."""
        return json_response(self._users.get(call.user))

    def change_me(self, call: Call) -> Response:
        """Change what the caller is called."""
        said = call.value()
        if not isinstance(said, dict):
            raise FieldError("the body is no JSON object")
        texts = {name: text for name, text in said.items() if isinstance(text, str)}
        return json_response(self._users.change(call.user, texts))
