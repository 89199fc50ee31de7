"""A change is acknowledged once every worker holds it."""

import re
from collections.abc import Sequence

import anyio.to_thread
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dovetail.serving.workers.fleet import Fleet

__all__ = ["settled"]

_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def settled(routes: Sequence[BaseRoute], fleet: Fleet, reads: Sequence[str]) -> Sequence[BaseRoute]:
    """Have answers to changes wait for the other workers, if there are any.

    Args:
        routes: of the server.
        fleet: its workers.
        reads: regular expressions of paths whose POST only reads.
    """
    if fleet.shares:
        only_read = re.compile("|".join(f"(?:{one})$" for one in reads))
        for route in routes:
            if isinstance(route, Route) and _CHANGES & (route.methods or set()):
                route.app = _Settled(route.app, fleet, only_read)
    return routes


class _Settled:
    """An ASGI application whose successful answers wait.

    Args:
        app: the application.
        fleet: the workers.
        reads: paths of which nothing is to be waited for.
    """

    def __init__(self, app: ASGIApp, fleet: Fleet, reads: re.Pattern[str]) -> None:
        self._app, self._fleet, self._reads = app, fleet, reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in _CHANGES or self._reads.match(scope["path"]):
            await self._app(scope, receive, send)
            return

        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        if answer and answer[0]["status"] < 400:
            await anyio.to_thread.run_sync(self._fleet.settle)
        for message in answer:
            await send(message)
