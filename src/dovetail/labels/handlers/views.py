"""Views and columns of Label Studio's data manager."""

from typing import Any

import msgspec
from sqlalchemy.engine import Connection, Row

from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.handlers.filters import Filters, Query
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.store import projects as project_rows
from dovetail.labels.store import views as rows

__all__ = ["View", "Views"]

COLUMNS = (
    ("id", "ID", "Number"), ("inner_id", "Inner ID", "Number"),
    ("completed_at", "Completed", "Datetime"),
    ("total_annotations", "Total annotations per task", "Number"),
    ("cancelled_annotations", "Cancelled annotations per task", "Number"),
    ("total_predictions", "Total predictions per task", "Number"),
    ("annotators", "Annotated by", "List"),
    ("annotations_results", "Annotation results", "String"),
    ("annotations_ids", "Annotation IDs", "String"),
    ("predictions_score", "Prediction score", "Number"),
    ("predictions_model_versions", "Prediction model versions", "String"),
    ("predictions_results", "Prediction results", "String"),
    ("file_upload", "Upload filename", "String"),
    ("created_at", "Created at", "Datetime"), ("updated_at", "Updated at", "Datetime"),
    ("updated_by", "Updated by", "List"), ("avg_lead_time", "Lead Time", "Number"),
)  # fmt: skip
SHOWN = frozenset({"id", "completed_at", "total_annotations", "cancelled_annotations",
                   "total_predictions", "annotators"})  # fmt: skip
KINDS = {"Image": "Image", "Audio": "Audio", "AudioPlus": "Audio", "Video": "Video",
         "Text": "String", "HyperText": "HyperText", "TimeSeries": "TimeSeries"}  # fmt: skip


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A named selection.

    Attributes:
        data: JSON object as a client gave it: title, filters, ordering and how it is shown.
    """

    id: int
    project: int
    user: int | None
    order: int
    data: msgspec.Raw


class _Selection(msgspec.Struct, frozen=True, kw_only=True):
    filters: Filters | None = None
    ordering: list[str] | None = None


class Views:
    """Views.

    Args:
        backend: the surroundings.
        projects: whose tasks they select.
    """

    def __init__(self, backend: Backend, projects: Projects) -> None:
        self._backend, self._projects = backend, projects

    def all_of(self, project: int | None) -> list[View]:
        """Return the views of a project, or all."""
        found = self._backend.database.read(lambda c: rows.list_some(c, project))
        return [_shown(row) for row in found]

    def get(self, number: int) -> View:
        """Return a view.

        Raises:
            AbsentError: there is none.
        """
        return _shown(self._row(number))

    def create(self, project: int, data: str, user: int) -> View:
        """Make a view.

        Raises:
            AbsentError: there is no such project.
            FieldError: its filters cannot be read.
        """
        _selection(data)

        def write(c: Connection) -> int:
            if not project_rows.identify(c, project):
                raise AbsentError("project", project)
            return rows.add(c, {"project_id": project, "user_id": user, "data": data})

        return self.get(self._backend.database.write(write))

    def change(self, number: int, data: str) -> View:
        """Change what a view selects.

        Raises:
            AbsentError: there is none.
            FieldError: its filters cannot be read.
        """
        self._row(number)
        _selection(data)
        self._backend.database.write(lambda c: rows.change(c, number, {"data": data}))
        return self.get(number)

    def remove(self, number: int) -> None:
        """Delete a view.

        Raises:
            AbsentError: there is none.
        """
        if not self._backend.database.write(lambda c: rows.remove(c, number)):
            raise AbsentError("view", number)

    def reset(self, project: int) -> None:
        """Delete all views of a project."""
        self._backend.database.write(lambda c: rows.reset(c, project))

    def order(self, project: int, numbers: list[int]) -> None:
        """Put the views of a project in order."""
        self._backend.database.write(lambda c: rows.order(c, project, numbers))

    def query(self, number: int) -> tuple[int, Query]:
        """Return the project of a view, and which tasks it selects.

        Raises:
            AbsentError: there is none.
        """
        row = self._row(number)
        found = _selection(row.data)
        return row.project_id, Query(filters=found.filters, ordering=found.ordering)

    def columns(self, project: int) -> dict[str, list[dict[str, Any]]]:
        """Return what tasks of a project can be filtered and ordered by."""
        config = self._projects.config(project)
        kinds = {item.field: KINDS.get(item.tag, "Unknown") for item in config.objects.values()}
        listed = [_column(name, title, kind) for name, title, kind in COLUMNS]
        parent = {**_column("data", "data", "List"), "children": list(kinds)}
        own = [
            {**_column(f"data.{name}", name, kind), "id": name, "parent": "data"}
            for name, kind in kinds.items()
            if name
        ]
        return {"columns": [*listed, parent, *own]}

    def _row(self, number: int) -> Row[Any]:
        row = self._backend.database.read(lambda c: rows.find(c, number))
        if row is None:
            raise AbsentError("view", number)
        return row


def _shown(row: Row[Any]) -> View:
    return View(
        id=row.id,
        project=row.project_id,
        user=row.user_id,
        order=row.position,
        data=msgspec.Raw(row.data),
    )


def _selection(data: str) -> _Selection:
    try:
        return msgspec.json.decode(data, type=_Selection)
    except msgspec.ValidationError as error:
        raise FieldError(f"the view cannot be read: {error}", "data") from error


def _column(name: str, title: str, kind: str) -> dict[str, Any]:
    shown = name in SHOWN or name.startswith("data.")
    return {
        "id": name, "title": title, "type": kind, "target": "tasks", "help": "",
        "visibility_defaults": {"explore": shown, "labeling": name in ("id", "data")},
    }  # fmt: skip
