"""The loop over HTTP: its state and its history."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.loop.handlers import state_of
from dovetail.loop.store import LoopStore

__all__ = ["routes"]


def routes(store: LoopStore) -> list[BaseRoute]:
    """Return the routes."""

    def state(_: Request) -> Response:
        """Say where the loop stands."""
        return _json(state_of(store))

    def history(_: Request) -> Response:
        """Return everything that happened, oldest first."""
        return _json(store.history())

    return [Route("/loop/state", state), Route("/loop/history", history)]


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
