"""HTTP skin of Label Studio's export snapshots: `/api/projects/{project}/exports`."""

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from dovetail.labels.errors import FieldError
from dovetail.labels.exports.files import ExportFiles, MakeExport
from dovetail.labels.routes.kit import Call, Kit, json_response

__all__ = ["export_file_routes"]


def export_file_routes(files: ExportFiles, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api = _Exports(files)
    every = "/api/projects/{project:int}/exports"
    one = every + "/{export:int}"
    return [
        kit.route("GET", every, api.list),
        kit.route("POST", every, api.make),
        kit.route("GET", one, api.get),
        kit.route("DELETE", one, api.remove),
        kit.route("POST", f"{one}/convert", api.convert),
        kit.route("GET", f"{one}/download", api.download),
    ]


class _Exports:
    """The answers."""

    def __init__(self, files: ExportFiles) -> None:
        self._files = files

    def list(self, call: Call) -> Response:
        """The newest exports of a project."""
        return json_response(self._files.listed(call.path("project")))

    def make(self, call: Call) -> Response:
        """Make an export with filters on tasks and annotations; it is complete at once."""
        made = self._files.make(call.path("project"), call.read(MakeExport), call.user)
        return json_response(made, 201)

    def get(self, call: Call) -> Response:
        """One export."""
        return json_response(self._files.get(call.path("project"), call.path("export")))

    def remove(self, call: Call) -> Response:
        """Delete an export."""
        self._files.remove(call.path("project"), call.path("export"))
        return Response(status_code=204)

    def convert(self, call: Call) -> Response:
        """Ask for an export in a format; it is made when it is fetched."""
        value = call.value()
        name = value.get("export_type") if isinstance(value, dict) else None
        if not isinstance(name, str):
            raise FieldError("This field is required", "export_type")
        made = self._files.convert(call.path("project"), call.path("export"), name)
        return json_response(made)

    def download(self, call: Call) -> Response:
        """The file of an export, in the format that `exportType` names."""
        made = self._files.download(
            call.path("project"),
            call.path("export"),
            call.query("exportType") or "JSON",
            resources=call.flag("download_resources"),
        )
        headers = {
            "Content-Disposition": f'attachment; filename="{made.name}"',
            "filename": made.name,
        }
        return StreamingResponse(made.parts, headers=headers, media_type=made.media_type)
