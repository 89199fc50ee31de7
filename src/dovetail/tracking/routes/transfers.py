"""Routes of large files: uploads in parts, URLs to download from, and what signed URLs lead to."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from dovetail.base.artifacts import PartWriter
from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.handlers import artifacts, transfers
from dovetail.tracking.routes.artifacts import FileRoute
from dovetail.tracking.routes.incoming import receive_into
from dovetail.tracking.routes.outgoing import FileResponse
from dovetail.tracking.routes.protocol import read_body
from dovetail.tracking.routes.threads import FILES
from dovetail.tracking.transfers import SIGNED, Grant, OwnTransfers
from dovetail.wire.mlflow import (
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CreateMultipartUpload,
    InvalidRequest,
    decode,
    encode,
)

__all__ = ["OPEN", "transfer_routes"]

PREFIXES = ("/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts")
OPEN = f"{SIGNED}/.*"
Q = TypeVar("Q", bound=msgspec.Struct)


def transfer_routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of large files."""

    async def begin(request: Request) -> Response:
        """Begin an upload in parts; the answer says where they go."""
        asked = await _asked(request, CreateMultipartUpload)
        base = str(request.base_url)
        return await _answer(lambda: transfers.begin(backend, base, _folder(request), asked))

    async def complete(request: Request) -> Response:
        """Put the parts of an upload together."""
        asked = await _asked(request, CompleteMultipartUpload)
        return await _answer(lambda: transfers.complete(backend, _folder(request), asked))

    async def abort(request: Request) -> Response:
        """Throw an upload in parts away."""
        asked = await _asked(request, AbortMultipartUpload)
        return await _answer(lambda: transfers.abort(backend, _folder(request), asked))

    def presigned(request: Request) -> Response:
        """Say where a file can be fetched in ranges, without a token."""
        found = transfers.presigned(backend, str(request.base_url), _folder(request))
        return Response(encode(found), media_type="application/json")

    routes: list[BaseRoute] = []
    for prefix in PREFIXES:
        routes += [
            Route(f"{prefix}/mpu/create/{{path:path}}", begin, methods=["POST"]),
            Route(f"{prefix}/mpu/complete/{{path:path}}", complete, methods=["POST"]),
            Route(f"{prefix}/mpu/abort/{{path:path}}", abort, methods=["POST"]),
            Route(f"{prefix}/presigned/{{path:path}}", presigned, methods=["GET"]),
        ]
    if isinstance(backend.transfers, OwnTransfers):
        routes += _signed(backend, backend.transfers)
    return routes


def _signed(backend: Backend, own: OwnTransfers) -> list[BaseRoute]:
    def granted(scope: Scope) -> Grant:
        query = QueryParams(scope["query_string"])
        return own.granted(scope["path_params"]["path"], query)

    async def download(scope: Scope, receive: Receive, send: Send) -> None:
        """Download a file by a signed URL."""
        grant = granted(scope)
        if grant.upload:
            raise InvalidParameterError("The URL takes a part of an upload, by PUT.")
        answer = FileResponse(backend.artifacts, lambda: artifacts.locate(backend, grant.path))
        await answer(scope, receive, send)

    async def part(scope: Scope, receive: Receive, send: Send) -> None:
        """Upload a part of a file by a signed URL; its ETag is asked for at the end."""
        grant = granted(scope)
        if not grant.upload:
            raise InvalidParameterError("The URL gives a file, by GET.")
        etag = await receive_into(lambda: _begun(own, grant, _length(scope)), receive)
        await Response(headers={"ETag": f'"{etag}"'})(scope, receive, send)

    path = f"{SIGNED}/{{path:path}}"
    return [
        FileRoute(path, download, methods=["GET"]),
        FileRoute(path, part, methods=["PUT"]),
    ]


def _begun(own: OwnTransfers, grant: Grant, length: int | None) -> PartWriter:
    try:
        return own.local.write(grant.path, grant.upload, grant.number, length)
    except NotFoundError as error:
        raise MissingResourceError(str(error)) from error
    except InvalidInputError as error:
        raise InvalidParameterError(str(error)) from error


def _length(scope: Scope) -> int | None:
    """Return the announced length of a body; the server has checked that it is a number."""
    found = [value for key, value in scope["headers"] if key == b"content-length"]
    return int(found[0]) if found else None


def _folder(request: Request) -> str:
    return str(request.path_params["path"])


async def _asked(request: Request, kind: type[Q]) -> Q:
    try:
        return decode(await read_body(request.receive) or b"{}", kind)
    except InvalidRequest as error:
        raise InvalidParameterError(error.message) from error


async def _answer(work: Callable[[], msgspec.Struct]) -> Response:
    body = await asyncio.get_running_loop().run_in_executor(FILES, work)
    return Response(encode(body), media_type="application/json")
