"""The admin API of routing over HTTP: a thin skin on `routing.handlers`."""

from typing import Any, TypeVar

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.base.errors import InvalidInputError
from dovetail.serving.errors import BadRequestError
from dovetail.serving.routing.document import Routing
from dovetail.serving.routing.handlers import RoutingHandlers
from dovetail.serving.routing.messages import Alias, Feedback
from dovetail.wire.open_inference import Traffic

__all__ = ["actor_of", "answer", "make_routing_routes", "read"]

T = TypeVar("T")


def make_routing_routes(handlers: RoutingHandlers) -> list[BaseRoute]:
    """Return the routes.

    Args:
        handlers: what answers.
    """
    skin, model = _Skin(handlers), "/v2/models/{model}"
    routing, alias = f"{model}/routing", f"{model}/aliases/{{alias}}"
    return [
        Route(f"{model}/traffic", skin.traffic, methods=["GET"]),
        Route(f"{model}/traffic", skin.put_traffic, methods=["PUT"]),
        Route(routing, skin.routing, methods=["GET"]),
        Route(routing, skin.put_routing, methods=["PUT"]),
        Route(routing, skin.delete_routing, methods=["DELETE"]),
        Route(f"{routing}/rollback", skin.rollback, methods=["POST"]),
        Route(f"{routing}/history", skin.history, methods=["GET"]),
        Route(f"{routing}/shadow", skin.shadow, methods=["GET"]),
        Route(f"{routing}/arms", skin.arms, methods=["GET"]),
        Route(f"{model}/feedback", skin.feedback, methods=["POST"]),
        Route(f"{model}/aliases", skin.aliases, methods=["GET"]),
        Route(alias, skin.put_alias, methods=["PUT"]),
        Route(alias, skin.delete_alias, methods=["DELETE"]),
    ]


class _Skin:
    """Reads requests and writes answers; plain functions run in the thread pool.

    Args:
        handlers: what answers.
    """

    def __init__(self, handlers: RoutingHandlers) -> None:
        self._handlers = handlers

    def traffic(self, request: Request) -> Response:
        """Return how unversioned requests are divided."""
        return answer(self._handlers.traffic(_model(request)))

    async def put_traffic(self, request: Request) -> Response:
        """Divide unversioned requests by weights: the simple form of a rule."""
        return await self._do(request, Traffic, self._handlers.put_traffic)

    def routing(self, request: Request) -> Response:
        """Return the rule and the aliases that are in force."""
        return answer(self._handlers.routing(_model(request)))

    async def put_routing(self, request: Request) -> Response:
        """Put a rule in force: fixed, split, experiment or bandit; overrides, shadow."""
        return await self._do(request, Routing, self._handlers.put_routing)

    def delete_routing(self, request: Request) -> Response:
        """End the rule: the version with the largest share answers everything."""
        return answer(self._handlers.delete_routing(_model(request), actor_of(request)))

    def rollback(self, request: Request) -> Response:
        """Go back to the rule, and the versions, that were in force before."""
        return answer(self._handlers.rollback(_model(request), actor_of(request)))

    def history(self, request: Request) -> Response:
        """Return what was in force, newest first; `limit` entries, 100 by default."""
        limit = request.query_params.get("limit", "100")
        if not limit.isdecimal():
            raise InvalidInputError(f"limit {limit!r} is not a number")
        return answer(self._handlers.history(_model(request), int(limit)))

    def shadow(self, request: Request) -> Response:
        """Return how the shadow's answers compare with the live ones."""
        return answer(self._handlers.shadow(_model(request)))

    def arms(self, request: Request) -> Response:
        """Return how the versions of an experiment or a bandit do."""
        return answer(self._handlers.arms(_model(request)))

    async def feedback(self, request: Request) -> Response:
        """Take in what came of a request: its id and a reward."""
        asked = read(await request.body(), Feedback)
        done = await anyio.to_thread.run_sync(self._handlers.feedback, _model(request), asked)
        return answer(done)

    def aliases(self, request: Request) -> Response:
        """Return the aliases of a model's versions."""
        return answer({"aliases": self._handlers.aliases(_model(request))})

    async def put_alias(self, request: Request) -> Response:
        """Let an alias stand for a version, wherever a version may be named."""
        asked = read(await request.body(), Alias)
        name, actor = request.path_params["alias"], actor_of(request)
        done = await anyio.to_thread.run_sync(
            self._handlers.put_alias, _model(request), name, asked, actor
        )
        return answer(done)

    def delete_alias(self, request: Request) -> Response:
        """Forget an alias."""
        name, actor = request.path_params["alias"], actor_of(request)
        return answer(self._handlers.delete_alias(_model(request), name, actor))

    async def _do(self, request: Request, kind: type[T], fn: Any) -> Response:
        asked = read(await request.body(), kind)
        return answer(await anyio.to_thread.run_sync(fn, _model(request), asked, actor_of(request)))


def actor_of(request: Request) -> str:
    """Return who is asking."""
    principal = getattr(request.state, "principal", None)
    return principal.name if principal is not None else ""


def read(body: bytes, kind: type[T]) -> T:
    """Read a message strictly: a word that is not known is a mistake.

    Raises:
        BadRequestError: the body is not one.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError("the body is not valid", why=str(error)) from error
    except RecursionError as error:
        raise BadRequestError("the body is nested too deeply") from error


def answer(value: Any) -> Response:
    """Write a message."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def _model(request: Request) -> str:
    name: str = request.path_params["model"]
    return name
