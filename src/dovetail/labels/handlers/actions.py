"""Actions of Label Studio's data manager on selected tasks."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import FieldError
from dovetail.labels.handlers.backends import Backends
from dovetail.labels.handlers.fields import Fields
from dovetail.labels.handlers.filters import Query
from dovetail.labels.handlers.projects import Projects, options_of
from dovetail.labels.handlers.reading import annotation_row
from dovetail.labels.handlers.tasks import Tasks
from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import bulk
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import tasks as task_rows

__all__ = ["Actions", "Outcome"]

LISTED = (
    ("retrieve_tasks_predictions", "Retrieve Predictions", 90),
    ("predictions_to_annotations", "Create Annotations From Predictions", 91),
    ("delete_tasks", "Delete Tasks", 100),
    ("delete_tasks_annotations", "Delete Annotations", 101),
    ("delete_tasks_predictions", "Delete Predictions", 102),
)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an action did."""

    processed_items: int
    detail: str


class Actions:
    """Actions.

    Args:
        backend: the surroundings.
        projects: where.
        tasks: selects and deletes them.
        backends: asked for predictions.
    """

    def __init__(
        self, backend: Backend, projects: Projects, tasks: Tasks, backends: Backends
    ) -> None:
        self._backend, self._projects = backend, projects
        self._tasks, self._backends = tasks, backends
        self._known: dict[str, Callable[[int, Sequence[int], int], Outcome]] = {
            "retrieve_tasks_predictions": self._retrieve,
            "predictions_to_annotations": self._adopt,
            "delete_tasks": self._delete_tasks,
            "delete_tasks_annotations": self._delete_annotations,
            "delete_tasks_predictions": self._delete_predictions,
        }

    def listed(self) -> list[dict[str, Any]]:
        """Return what can be done."""
        return [
            {
                "id": name, "title": title, "order": order, "experimental": False,
                "permission": "tasks.change", "hidden": False,
                "dialog": {"title": title, "text": f"{title}: the selected tasks.",
                           "type": "confirm"},
            }
            for name, title, order in LISTED
        ]  # fmt: skip

    def run(self, name: str, project: int, query: Query, user: int) -> Outcome:
        """Do something with selected tasks.

        Args:
            name: what.
            project: whose tasks.
            query: which of them.
            user: who does it.

        Raises:
            AbsentError: there is no such project.
            FieldError: nobody knows the action, or the query cannot be read.
        """
        act = self._known.get(name)
        if act is None:
            raise FieldError(
                f"there is no action {name!r}", "id", fix=f"use one of {', '.join(self._known)}"
            )
        self._projects.row(project)
        return act(project, self._tasks.select(project, query), user)

    def _retrieve(self, project: int, numbers: Sequence[int], _: int) -> Outcome:
        saved = 0
        for one in self._backends.all_of(project):
            saved += self._backends.predict(one.id, numbers)
        return Outcome(processed_items=len(numbers), detail=f"Retrieved {saved} predictions")

    def _delete_tasks(self, project: int, numbers: Sequence[int], _: int) -> Outcome:
        gone = self._tasks.remove_many(project, numbers)
        return Outcome(processed_items=gone, detail=f"Deleted {gone} tasks")

    def _delete_annotations(self, project: int, numbers: Sequence[int], _: int) -> Outcome:
        now = self._backend.now()

        def write(c: Connection) -> list[int]:
            task_rows.hold(c, numbers)
            gone = bulk.drop_annotations(c, project, numbers, now)
            if gone:
                self._backend.record(c, "ANNOTATIONS_DELETED", project, gone)
            return gone

        gone = self._backend.database.write(write)
        self._backend.changed(Changed("ANNOTATIONS_DELETED", project, gone))
        return Outcome(processed_items=len(numbers), detail=f"Deleted {len(gone)} annotations")

    def _delete_predictions(self, project: int, numbers: Sequence[int], _: int) -> Outcome:
        def write(c: Connection) -> int:
            task_rows.hold(c, numbers)
            return bulk.drop_predictions(c, project, numbers)

        gone = self._backend.database.write(write)
        return Outcome(processed_items=len(numbers), detail=f"Deleted {gone} predictions")

    def _adopt(self, project: int, numbers: Sequence[int], user: int) -> Outcome:
        """Make each task's newest prediction, of the shown version, an annotation of the caller."""
        now = self._backend.now()
        named = options_of(self._projects.row(project)).get("model_version") or ""
        version = self._backend.shown_version(project, named)

        def write(c: Connection) -> list[int]:
            task_rows.hold(c, numbers)
            said = prediction_rows.for_tasks(c, numbers, version=version)
            made = []
            for task, several in said.items():
                newest = several[-1]
                row = annotation_row(Fields({"result": msgspec.Raw(newest.result)}), now)
                row |= {
                    "task_id": task, "project_id": project, "completed_by": user,
                    "parent_prediction": newest.id, "last_action": "prediction",
                    "bulk_created": True, "updated_by": user,
                }  # fmt: skip
                made.append(annotation_rows.add(c, row))
            bulk.recount_tasks(c, project, list(said), now)
            for number in made:
                self._backend.record(c, "ANNOTATION_CREATED", project, [number])
            return made

        made = self._backend.database.write(write)
        self._backend.changed(Changed("ANNOTATIONS_CREATED", project, made))
        return Outcome(processed_items=len(numbers), detail=f"Created {len(made)} annotations")
