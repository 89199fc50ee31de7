"""What clients ask of the server itself: is it there, which version, what can it do."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from dovetail.tracking.backend import Backend
from dovetail.wire.mlflow import SERVER_INFO, ServerInfo, encode

__all__ = ["MLFLOW_VERSION", "server_routes"]

MLFLOW_VERSION = "3.17.2"


async def _health(_: Request) -> Response:
    """Say that the server is there."""
    return PlainTextResponse("OK")


async def _version(_: Request) -> Response:
    """Say which version of MLflow's protocol is spoken."""
    return PlainTextResponse(MLFLOW_VERSION)


async def _single_slash(request: Request) -> Response:
    """Send on a client whose address of this server ends in a slash, as MLflow's server does."""
    path, query = quote(request.scope["path"].lstrip("/")), request.url.query
    return RedirectResponse(f"/{path}{'?' if query else ''}{query}", status_code=308)


def server_routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes about the server itself."""
    transfers = backend.transfers
    in_parts = backend.serves_artifacts and transfers is not None and transfers.advertised

    async def info(_: Request) -> Response:
        """Say what the server can do."""
        found = ServerInfo(
            store_type="SqlStore",
            multipart_uploads_enabled=in_parts,
            multipart_downloads_enabled=in_parts,
        )
        return Response(encode(found), media_type="application/json")

    return [
        Route("/health", _health, methods=["GET"]),
        Route("/version", _version, methods=["GET"]),
        Route(SERVER_INFO, info, methods=["GET"]),
        Route("/ajax-api/3.0/mlflow/server-info", info, methods=["GET"]),
        Route("//{path:path}", _single_slash, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
