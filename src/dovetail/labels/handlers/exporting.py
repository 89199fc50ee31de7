"""Exports: everything of a project, as JSON that imports again without loss."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy.engine import Connection

from dovetail.labels.backend import Backend
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.handlers.shapes import exported_task_json
from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import tasks as task_rows

__all__ = ["Exporting"]

CHUNK = 2000


class Exporting:
    """Exports.

    Args:
        backend: the surroundings.
        projects: of what.
    """

    def __init__(self, backend: Backend, projects: Projects) -> None:
        self._backend, self._projects = backend, projects

    def stream(self, project: int, *, every: bool = False) -> Iterator[bytes]:
        """Return an export in Label Studio's JSON, piece by piece, from one snapshot.

        Args:
            project: which.
            every: whether with tasks that nobody annotated.

        Raises:
            AbsentError: there is no such project.
        """
        self._projects.row(project)
        return self._pieces(project, every=every)

    def tasks(self, c: Connection, project: int, *, every: bool = False) -> Iterator[list[bytes]]:
        """Return the tasks of a project as JSON, in chunks, for other formats and snapshots."""
        after = 0
        while True:
            found = task_rows.walk(c, project, after, CHUNK)
            if not found:
                return
            after = found[-1].id
            yield self._chunk(c, found, every=every)

    def _chunk(self, c: Connection, found: list[Any], *, every: bool) -> list[bytes]:
        kept = [r for r in found if every or r.total_annotations or r.cancelled_annotations]
        annotated = [r.id for r in kept if r.total_annotations or r.cancelled_annotations]
        annotations = annotation_rows.for_tasks(c, annotated) if annotated else {}
        predicted = [r.id for r in kept if r.total_predictions]
        predictions = prediction_rows.ids_for_tasks(c, predicted) if predicted else {}
        drafts = annotation_rows.drafts_of(c, [r.id for r in kept])
        return [
            exported_task_json(
                row,
                annotations.get(row.id, ()),
                predictions.get(row.id, ()),
                [one.id for one in drafts.get(row.id, ())],
            )
            for row in kept
        ]

    def _pieces(self, project: int, *, every: bool) -> Iterator[bytes]:
        is_first = True
        yield b"["
        with self._backend.database.reading() as c:
            for chunk in self.tasks(c, project, every=every):
                if chunk:
                    yield (b"" if is_first else b",") + b",".join(chunk)
                    is_first = False
        yield b"]"
