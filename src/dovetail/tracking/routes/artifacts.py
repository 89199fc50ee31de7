"""The artifact proxy: files streamed in and out, never held in memory."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import artifacts
from dovetail.tracking.routes.incoming import receive_into
from dovetail.tracking.routes.outgoing import FileResponse
from dovetail.wire.mlflow import ARTIFACTS_PREFIX, ListProxied, encode, from_query

__all__ = ["AJAX", "FileRoute", "artifact_routes", "done"]

AJAX = "/ajax-api/2.0/mlflow-artifacts/artifacts"
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class FileRoute(Route):
    """A path whose files are answered without a framework in between.

    Args:
        path: with a parameter `path`.
        app: answers.
        methods: of the requests that it takes.
    """

    def __init__(self, path: str, app: App, *, methods: list[str]) -> None:
        super().__init__(path, app, methods=methods)
        self.app = app


def artifact_routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of the artifact proxy."""

    def list_folder(request: Request) -> Response:
        """List a folder behind the proxy."""
        pairs = parse_qsl(request.scope["query_string"].decode())
        found = artifacts.list_folder(backend, from_query(pairs, ListProxied))
        return Response(encode(found), media_type="application/json")

    async def download(scope: Scope, receive: Receive, send: Send) -> None:
        """Download a file, or the part that a Range header asks for."""
        path = scope["path_params"]["path"]
        answer = FileResponse(backend.artifacts, lambda: artifacts.locate(backend, path))
        await answer(scope, receive, send)

    async def upload(scope: Scope, receive: Receive, send: Send) -> None:
        """Upload a file; it appears whole or not at all."""
        path = scope["path_params"]["path"]
        await receive_into(lambda: artifacts.create(backend, path), receive)
        await done()(scope, receive, send)

    def delete(request: Request) -> Response:
        """Remove a file or a folder."""
        artifacts.delete(backend, request.path_params["path"])
        return done()

    routes: list[BaseRoute] = []
    for prefix in (ARTIFACTS_PREFIX, AJAX):
        routes += [
            Route(prefix, list_folder, methods=["GET"]),
            FileRoute(f"{prefix}/{{path:path}}", download, methods=["GET"]),
            FileRoute(f"{prefix}/{{path:path}}", upload, methods=["PUT"]),
            Route(f"{prefix}/{{path:path}}", delete, methods=["DELETE"]),
        ]
    return routes


def done() -> Response:
    """Say that it was done, as MLflow does."""
    return Response(b"{}", media_type="application/json")
