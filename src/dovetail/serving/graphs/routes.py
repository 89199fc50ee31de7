"""The admin API of graphs over HTTP: a thin skin on `graphs.desk`."""

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.serving.graphs.desk import GraphDesk
from dovetail.serving.graphs.document import Graph
from dovetail.serving.routing.routes import actor_of, answer, read

__all__ = ["make_graph_routes"]


def make_graph_routes(desk: GraphDesk) -> list[BaseRoute]:
    """Return the routes.

    Args:
        desk: the graphs.
    """

    def listed(_: Request) -> Response:
        """List the graphs of models."""
        return answer({"graphs": desk.list()})

    def get(request: Request) -> Response:
        """Return a graph."""
        return answer(desk.get(request.path_params["graph"]))

    async def put(request: Request) -> Response:
        """Serve a graph of models under a name: sequence, switch, ensemble, splitter."""
        name, actor = request.path_params["graph"], actor_of(request)
        graph = read(await request.body(), Graph)
        return answer(await anyio.to_thread.run_sync(desk.put, name, graph, actor))

    def delete(request: Request) -> Response:
        """Serve a graph no longer."""
        desk.delete(request.path_params["graph"])
        return answer({})

    path = "/v2/graphs/{graph}"
    return [
        Route("/v2/graphs", listed, methods=["GET"]),
        Route(path, get, methods=["GET"]),
        Route(path, put, methods=["PUT"]),
        Route(path, delete, methods=["DELETE"]),
    ]
