"""Which models there are and how they stand, over HTTP, a page of them at a time."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.handlers import MODELS, Monitoring
from dovetail.monitoring.standing import ORDERS

__all__ = ["number", "standing_routes"]


def standing_routes(monitoring: Monitoring) -> list[BaseRoute]:
    """The routes."""

    def models(request: Request) -> Response:
        """List models by name, at most 1,000; `search` for a part of it, go on `after` a name."""
        query = request.query_params
        limit = number(request, "limit", MODELS, MODELS)
        found = monitoring.models(query.get("search", ""), query.get("after", ""), limit)
        return Response(msgspec.json.encode(found), media_type="application/json")

    def standings(request: Request) -> Response:
        """Return how models stand, those that need somebody first, from what is noted of each."""
        query = request.query_params
        order = query.get("sort") or "need"
        if order.removeprefix("-") not in ORDERS:
            raise InvalidInputError(
                f"models cannot be sorted by '{order}'", fix=f"use one of {', '.join(ORDERS)}"
            )
        found = monitoring.standings.find(
            search=query.get("search", ""),
            order=order,
            limit=number(request, "limit", 50, MODELS),
            offset=number(request, "offset", 0, 10_000_000),
        )
        return Response(msgspec.json.encode(found), media_type="application/json")

    def feed(request: Request) -> Response:
        """Return when something last arrived of a model, and when silence will mean something."""
        found = monitoring.feed(request.path_params["name"])
        return Response(msgspec.json.encode(found), media_type="application/json")

    return [
        Route("/monitoring/models/{name:path}/feed", feed, methods=["GET"]),
        Route("/monitoring/models", models, methods=["GET"]),
        Route("/monitoring/standings", standings, methods=["GET"]),
    ]


def number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of a query.

    Raises:
        InvalidInputError: It is none, or out of bounds.
    """
    text = request.query_params.get(name) or str(default)
    if not text.isdecimal() or not 0 <= int(text) <= most:
        raise InvalidInputError(f"{name} is '{text}'", fix=f"give a number from 0 to {most:,}")
    return int(text)
