"""Files of runs, models and versions by name, on the paths that MLflow's own pages use."""

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers import files
from dovetail.tracking.paths import safe_path
from dovetail.tracking.places import Place
from dovetail.tracking.routes.outgoing import FileResponse
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.validation import missing
from dovetail.wire.mlflow import AJAX_PREFIX

__all__ = ["file_routes"]


def file_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes; they come before the protocol's, which take all below their prefix."""
    read, backend = operations.read, operations.backend

    def of_run(request: Request) -> Response:
        """Download a file of a run."""
        path, run_id = _path(request, "path"), _run(request)
        place = read(lambda c: files.place_of_run(backend, c, run_id))
        return _send(place, path)

    def of_version(request: Request) -> Response:
        """Download a file of a registered version."""
        asked = request.query_params
        path = _path(request, "path")
        name, version = asked.get("name", ""), asked.get("version", "")
        place = read(lambda c: files.place_of_version(backend, c, name, version))
        return _send(place, path)

    def of_model(request: Request) -> Response:
        """Download a file of a logged model."""
        path, model_id = _path(request, "artifact_file_path"), request.path_params["model_id"]
        place = read(lambda c: files.place_of_model(backend, c, model_id))
        return _send(place, path)

    def store(run_id: str, path: str, body: bytes) -> None:
        place = read(lambda c: files.place_of_run(backend, c, run_id))
        files.upload(place, path, body)

    async def upload(request: Request) -> Response:
        """Store a file of at most 10 MB with a run; larger ones go to the artifact proxy."""
        asked = request.query_params
        run_id, path = asked.get("run_uuid"), asked.get("path")
        if not run_id:
            raise InvalidParameterError("Request must specify run_uuid.")
        if not path:
            raise InvalidParameterError("Request must specify path.")
        safe_path(path)
        body = await _body(request)
        if not body:
            raise InvalidParameterError("Request must specify data.")
        await anyio.to_thread.run_sync(store, run_id, path, body)
        return Response(b"{}", media_type="application/json")

    return [
        Route("/get-artifact", of_run, methods=["GET"]),
        Route("/model-versions/get-artifact", of_version, methods=["GET"]),
        Route(
            f"{AJAX_PREFIX}/logged-models/{{model_id}}/artifacts/files", of_model, methods=["GET"]
        ),
        Route(f"{AJAX_PREFIX}/upload-artifact", upload, methods=["POST"]),
    ]


def _run(request: Request) -> str:
    asked = request.query_params
    run_id = asked.get("run_id") or asked.get("run_uuid")
    if not run_id:
        raise missing("run_id")
    return run_id


def _path(request: Request, parameter: str) -> str:
    path = request.query_params.get(parameter)
    if not path:
        raise missing(parameter)
    return safe_path(path)


def _send(place: Place, path: str) -> Response:
    return FileResponse(place.store, lambda: files.locate(place, path))


async def _body(request: Request) -> bytes:
    """Return the body, read no further than what may be stored."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > files.MAX_UPLOAD:
            raise files.too_large()
        chunks.append(chunk)
    return b"".join(chunks)
