"""Files in and out: uploads, what tasks show of them, exports in every format."""

import re
from email.utils import formatdate
from pathlib import PurePosixPath

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from dovetail.labels.errors import FieldError, TasksError
from dovetail.labels.formats.multipart import is_form, parts_of
from dovetail.labels.formats.pictures_in import MEDIA
from dovetail.labels.handlers import Handlers
from dovetail.labels.routes.kit import Call, Kit, json_response, number_of

__all__ = ["file_routes", "load_files", "sends_files"]

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
# What a stranger uploaded is shown, never run: no scripts, no forms, no guessing of its type.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def file_routes(handlers: Handlers, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api = _Files(handlers)
    one = "/api/projects/{project:int}"
    return [
        kit.route("GET", f"{one}/export", api.export),
        kit.route("GET", f"{one}/export/formats", api.formats),
        kit.route("GET", f"{one}/file-uploads", api.listed),
        kit.route("DELETE", f"{one}/file-uploads", api.remove),
        kit.route("GET", "/data/upload/{project:int}/{name}", api.show),
    ]


def sends_files(call: Call) -> bool:
    """Whether an import is a form with files."""
    return is_form(call.request.headers.get("content-type", ""))


def load_files(handlers: Handlers, call: Call) -> Response:
    """Import the files of a form; what lists tasks is read, pictures and the like become tasks."""
    parts = parts_of(call.request.headers["content-type"], call.body)
    files = [(PurePosixPath(one.filename).name, one.content) for one in parts if one.filename]
    if not files:
        raise TasksError("there is no file in the form", fix="send one: curl -F file=@tasks.csv")
    names = call.query("preannotated_from_fields")
    report = handlers.uploads.load(
        call.path("project"),
        files,
        call.user,
        wants_ids=call.flag("return_task_ids"),
        commits=call.flag("commit_to_project", default=True),
        preannotated=[name for name in names.split(",") if name],
    )
    return json_response(report, 201)


class _Files:
    """The answers."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def export(self, call: Call) -> Response:
        """Everything of a project as a file; `exportType` says in which format."""
        kind = call.query("exportType") or call.query("export_type") or "JSON"
        chosen = call.request.query_params.getlist("ids[]")
        made = self._handlers.converting.export(
            call.path("project"),
            kind,
            every=call.flag("download_all_tasks"),
            resources=call.flag("download_resources", default=True),
            chosen=[number_of(text, "ids[]") for text in chosen],
        )
        headers = {
            "Content-Disposition": f'attachment; filename="{made.name}"',
            "filename": made.name,
        }
        return StreamingResponse(made.parts, media_type=made.media_type, headers=headers)

    def formats(self, call: Call) -> Response:
        """The formats, those first that the project can be exported in."""
        return json_response(self._handlers.converting.formats(call.path("project")))

    def listed(self, call: Call) -> Response:
        """The files that were uploaded to a project."""
        return json_response(self._handlers.uploads.listed(call.path("project")))

    def remove(self, call: Call) -> Response:
        """Delete uploaded files, those that `file_upload_ids` lists or all; their tasks stay."""
        said = call.value() if call.body else {}
        numbers = said.get("file_upload_ids") if isinstance(said, dict) else None
        is_list = isinstance(numbers, list) and all(type(one) is int for one in numbers)
        if not isinstance(said, dict) or not (numbers is None or is_list):
            raise FieldError(
                "file_upload_ids is no list of integers",
                "file_upload_ids",
                fix='send {"file_upload_ids": [1, 2]}, or leave it out for all',
            )
        deleted = self._handlers.uploads.remove(call.path("project"), numbers)
        return json_response({"deleted": deleted})

    def show(self, call: Call) -> Response:
        """A picture, sound or film that was uploaded, or the part that a Range header asks for."""
        path = f"{call.path('project')}/{call.request.path_params['name']}"
        uploads = self._handlers.uploads
        found = uploads.stat(path)
        headers = {
            **_SAFE,
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, max-age=86400, immutable",
            "ETag": f'"{found.etag}"',
            "Last-Modified": formatdate(found.modified, usegmt=True),
        }
        if call.request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        start, end, status = 0, found.size, 200
        asked = _RANGE.fullmatch(call.request.headers.get("range", ""))
        if asked and (asked[1] or asked[2]):
            first, last = asked[1], asked[2]
            start = int(first) if first else max(0, found.size - int(last))
            end = min(found.size, int(last) + 1) if first and last else found.size
            if start >= found.size or end <= start:
                size = {"Content-Range": f"bytes */{found.size}"}
                return Response(status_code=416, headers={**headers, **size})
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
            status = 206
        headers["Content-Length"] = str(end - start)
        kind = MEDIA.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")
        parts = uploads.open(path, start, end)
        return StreamingResponse(parts, status, headers, media_type=kind)
