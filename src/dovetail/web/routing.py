"""Finding a route among many: by the first segment of the path, then in order.

On one address there are some two hundred routes, and trying each in turn costs more than many an
answer. Protocols do not share first segments, so a dictionary finds the few that can match.
"""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

__all__ = ["Index"]

CHOSEN = "dovetail.route"


class Index(BaseRoute):
    """Many routes as one.

    Args:
        routes: in order; of those that match, the first wins, as in Starlette.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self.routes = list(routes)
        heads = {_head(route) for route in self.routes} - {None}
        self._anywhere = [route for route in self.routes if _head(route) is None]
        self._below = {
            head: [route for route in self.routes if _head(route) in (head, None)] for head in heads
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return the first full match, else the first that only the method keeps from matching."""
        parts = scope.get("path", "").split("/", 2)
        head = parts[1] if len(parts) > 1 else ""
        partial: tuple[Match, Scope] = (Match.NONE, {})
        for route in self._below.get(head, self._anywhere):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, {**child, CHOSEN: route}
            if match is Match.PARTIAL and partial[0] is Match.NONE:
                partial = match, {**child, CHOSEN: route}
        return partial

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the route that matched."""
        route: BaseRoute = scope[CHOSEN]
        await route.handle(scope, receive, send)


def _head(route: BaseRoute) -> str | None:
    """Return the first segment of a route's path; None where it is a parameter or unknown."""
    if not isinstance(route, Route | Mount):
        return None
    parts = route.path.split("/", 2)
    head = parts[1] if len(parts) > 1 else ""
    return None if "{" in head or (isinstance(route, Mount) and not head) else head
