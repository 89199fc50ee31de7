"""How people join the labelling server: what the piece has to call, and nothing more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Raw
from starlette.routing import BaseRoute

from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.fields import Fields
from dovetail.labels.people.comment_routes import comment_routes
from dovetail.labels.people.people import People
from dovetail.labels.people.routes import people_routes
from dovetail.labels.people.rules import OWN_PATHS
from dovetail.labels.people.tables import NAME
from dovetail.labels.routes.kit import Kit
from dovetail.web.piece import Context

__all__ = ["Joined", "joined"]


@dataclass(frozen=True)
class Joined:
    """What people add to the piece.

    Attributes:
        people: The use cases.
        routes: Routes of their own.
        reads: Paths whose changes need no editor's token, because `before` decides.
        before: Puts the guard before all routes of the piece; these must be all of them.
        start: To be called once the server listens.
        stop: To be called before the databases close.
    """

    people: People
    routes: Sequence[BaseRoute]
    reads: Sequence[str]
    before: Callable[[Sequence[BaseRoute]], list[BaseRoute]]
    start: Callable[[], None]
    stop: Callable[[], None]


def joined(context: Context, handlers: Handlers) -> Joined:
    """Build what people add to the labelling server.

    Args:
        context: What the piece was given.
        handlers: The server's use cases.
    """

    def save(user: int, task: int, result: bytes, is_truth: bool) -> int:
        given = {"result": Raw(result), "ground_truth": Raw(b"true" if is_truth else b"false")}
        made = handlers.annotations.create(task, Fields(given), user)
        return int(msgspec.json.decode(made)["id"])

    url = context.database_url(NAME)
    people = People(url, handlers.backend, handlers.users, context.tokens, save)
    kit = Kit(handlers)
    routes = [*people_routes(people, kit), *comment_routes(people.room, people.comments, kit)]
    return Joined(people, routes, OWN_PATHS, people.guard.before, people.start, people.stop)
