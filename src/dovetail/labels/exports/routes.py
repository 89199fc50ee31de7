"""HTTP skin of snapshots: `/api/labels/projects/{project}/snapshots`."""

from typing import get_args

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from dovetail.base.errors import InvalidInputError
from dovetail.labels.exports.handlers import Snapshots
from dovetail.labels.exports.making import LABELS, TASKS
from dovetail.labels.exports.tables import MEDIA_TYPES
from dovetail.labels.routes.kit import Call, Kit, json_response
from dovetail.wire.labels import MakeSnapshot, TableFormat

__all__ = ["snapshot_routes"]

_LINES = "application/x-ndjson"


def snapshot_routes(snapshots: Snapshots, kit: Kit) -> list[BaseRoute]:
    """Return the routes."""
    api = _Snapshots(snapshots)
    every = "/api/labels/projects/{project:int}/snapshots"
    one = every + "/{reference}"
    return [
        kit.route("GET", every, api.list),
        kit.route("POST", every, api.make),
        kit.route("GET", one, api.get),
        kit.route("GET", f"{one}/labels", api.labels),
        kit.route("GET", f"{one}/tasks", api.tasks),
        kit.route("GET", f"{one}/table", api.table),
        kit.route("GET", f"{one}/verify", api.verify),
        kit.route("GET", one + "/diff/{other}", api.diff),
    ]


class _Snapshots:
    """The answers."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def list(self, call: Call) -> Response:
        """The snapshots of a project, newest first; `name` keeps those of one name."""
        return json_response(self._snapshots.listed(call.path("project"), call.query("name")))

    def make(self, call: Call) -> Response:
        """Make a snapshot; 200 and the last one where nothing changed since."""
        asked = call.read(MakeSnapshot)
        made, is_new = self._snapshots.make(call.path("project"), asked, call.principal.name)
        return json_response(made, 201 if is_new else 200)

    def get(self, call: Call) -> Response:
        """One snapshot: by name for the newest, as `name@version`, or by number."""
        return json_response(self._snapshots.get(call.path("project"), _reference(call)))

    def labels(self, call: Call) -> Response:
        """The labels, a JSON document a line, each with the answers that it rests on."""
        return self._file(call, LABELS)

    def tasks(self, call: Call) -> Response:
        """The tasks with all annotations, a JSON document a line, as Label Studio exports them."""
        return self._file(call, TASKS)

    def _file(self, call: Call, name: str) -> Response:
        found = self._snapshots.get(call.path("project"), _reference(call))
        parts = self._snapshots.file(found.project, str(found.id), name)
        return StreamingResponse(parts, headers=_attached(found.reference, name), media_type=_LINES)

    def table(self, call: Call) -> Response:
        """A row a task with its data and labels; `format` is parquet, csv or jsonl."""
        kind = call.query("format", "parquet")
        for known in get_args(TableFormat):
            if kind == known:
                found = self._snapshots.get(call.path("project"), _reference(call))
                parts = self._snapshots.table(found.project, str(found.id), known)
                headers = _attached(found.reference, f"table.{known}")
                return StreamingResponse(parts, headers=headers, media_type=MEDIA_TYPES[known])
        raise InvalidInputError(
            f"there is no table format {kind!r}", fix=f"take one of {', '.join(MEDIA_TYPES)}"
        )

    def verify(self, call: Call) -> Response:
        """Whether a snapshot is still what it was when it was made."""
        return json_response(self._snapshots.verify(call.path("project"), _reference(call)))

    def diff(self, call: Call) -> Response:
        """What changed from one snapshot to another."""
        other = call.request.path_params["other"]
        return json_response(self._snapshots.diff(call.path("project"), _reference(call), other))


def _reference(call: Call) -> str:
    return str(call.request.path_params["reference"])


def _attached(reference: str, name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{reference}-{name}"'}
