"""Where the pages of files live.

The path of a file is part of its page's address, so that it can be linked to; as a file may itself
be called `x.json`, the JSON twin of a page has the path in its query.
"""

from collections.abc import Callable
from urllib.parse import urlencode

import msgspec
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from dovetail.tracking.errors import MissingResourceError
from dovetail.tracking.paths import safe_path
from dovetail.tracking.places import place_of
from dovetail.tracking.previews import SANDBOX, Source, media_type
from dovetail.tracking.previews.images import LARGEST
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.ui.files.listing import FilesView, files_view, located
from dovetail.tracking.ui.files.owners import Owner, of_model, of_run, of_version
from dovetail.web import pages

__all__ = ["file_routes"]

Find = Callable[[Connection, Request], Owner]


def _run(c: Connection, request: Request) -> Owner:
    return of_run(c, request.path_params["run_id"])


def _model(c: Connection, request: Request) -> Owner:
    return of_model(c, request.path_params["model_id"])


def _version(c: Connection, request: Request) -> Owner:
    return of_version(c, request.path_params["name"], request.path_params["version"])


OWNERS: tuple[tuple[str, Find], ...] = (
    ("/tracking/runs/{run_id}", _run),
    ("/tracking/logged-models/{model_id}", _model),
    ("/tracking/models/{name}/versions/{version}", _version),
)


def file_routes(operations: Operations) -> list[BaseRoute]:
    """Return the routes of files of runs, logged models and versions."""
    return [route for prefix, find in OWNERS for route in _routes(operations, prefix, find)]


def _routes(operations: Operations, prefix: str, find: Find) -> list[BaseRoute]:
    backend = operations.backend

    def owner_of(request: Request) -> Owner:
        return operations.database.read(lambda c: find(c, request))

    def twin(request: Request) -> Response:
        """Data of the page of a file or folder; `path` says which."""
        path = request.query_params.get("path", "")
        found = files_view(backend, owner_of(request), path, request)
        return Response(msgspec.json.encode(found), media_type="application/json")

    def page(request: Request) -> Response:
        """Page: a folder or a file, with what can be seen of it without loading it."""
        path = request.path_params.get("path", "")
        return _page(request, files_view(backend, owner_of(request), path, request))

    def image(request: Request) -> Response:
        """Serve a picture for the page of its file, and nothing that is no picture."""
        place = place_of(backend, owner_of(request).root)
        found = located(place, safe_path(request.path_params["path"]).strip("/"))
        if found is None or found.is_dir or found.size > LARGEST:
            raise MissingResourceError("There is no picture here.")
        source = Source(place.store, found.path, found.size)
        kind = media_type(source)
        if kind is None:
            raise MissingResourceError("The file is no picture.")
        headers = {
            "Content-Security-Policy": SANDBOX,
            "X-Content-Type-Options": "nosniff",
            "Content-Length": str(found.size),
            "Cache-Control": "private, max-age=60",
        }
        body = place.store.open(found.path, 0, found.size)
        return StreamingResponse(body, headers=headers, media_type=kind)

    return [
        Route(f"{prefix}/files.json", twin, methods=["GET"]),
        Route(f"{prefix}/files", page, methods=["GET"]),
        Route(f"{prefix}/files/{{path:path}}", page, methods=["GET"]),
        Route(f"{prefix}/image/{{path:path}}", image, methods=["GET"]),
    ]


def _page(request: Request, view: FilesView) -> Response:
    kept = [pair for pair in request.query_params.multi_items() if pair[0] != "path"]
    query = urlencode([*([("path", view.path)] if view.path else []), *kept])
    twin = f"{view.owner.href}/files.json" + (f"?{query}" if query else "")
    return pages.render(
        request,
        "tracking/files.html",
        title=view.path.rsplit("/", 1)[-1] or f"Files of {view.owner.title}",
        twin=twin,
        view=view,
    )
