"""One task with everything that was said of it."""

from typing import Any

import msgspec
from msgspec import Raw
from sqlalchemy.engine import Connection, Row
from starlette.requests import Request

from dovetail.labels.errors import AbsentError
from dovetail.labels.handlers import Handlers
from dovetail.labels.people.access import Access, ProjectRole
from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import listing
from dovetail.labels.store import predictions as prediction_rows
from dovetail.labels.store import tasks as task_rows
from dovetail.labels.ui.reading import Reading, reading

__all__ = ["Said", "TaskPage", "task_page"]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An annotation or a prediction of the task.

    Attributes:
        id: its number.
        kind: `annotation` or `prediction`.
        by: the annotator, or the model's version.
        at: when it was said, or changed last.
        seconds: how long it took.
        score: how sure the model was.
        skipped: whether the task was skipped.
        gold: whether it is ground truth.
        reading: what is shown of it.
    """

    id: int
    kind: str
    by: str
    at: str
    seconds: float | None = None
    score: float | None = None
    skipped: bool = False
    gold: bool = False
    reading: Reading


class TaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of a task shows; `role` is what the reader is in its project."""

    id: int
    inner_id: int
    project: int
    project_title: str
    role: ProjectRole | None
    item: Reading
    annotations: list[Said]
    predictions: list[Said]
    previous: int | None
    next: int | None


def task_page(handlers: Handlers, access: Access, request: Request) -> TaskPage:
    """One task, what people and models said of it, and its neighbours.

    Raises:
        AbsentError: there is no such task.
    """
    number = request.path_params["task"]

    def read(c: Connection) -> tuple[Any, ...]:
        row = task_rows.find(c, number)
        if row is None:
            raise AbsentError("task", number)
        said = annotation_rows.for_tasks(c, [number]).get(number, [])
        predicted = prediction_rows.for_tasks(c, [number]).get(number, [])
        return row, said, predicted, listing.neighbours(c, row.project_id, number)

    row, said, predicted, (before, after) = handlers.backend.database.read(read)
    project = handlers.projects.row(row.project_id)
    config = project.label_config
    return TaskPage(
        id=number,
        inner_id=row.inner_id,
        project=row.project_id,
        project_title=project.title,
        role=access.role(request.state.principal, row.project_id),
        item=reading(config, Raw(row.data)),
        annotations=[_annotation(handlers, one, config) for one in said],
        predictions=[_prediction(one, config) for one in predicted],
        previous=before,
        next=after,
    )


_NO_DATA: dict[str, Any] = {}


def _annotation(handlers: Handlers, row: Row[Any], config: str) -> Said:
    return Said(
        id=row.id,
        kind="annotation",
        by=handlers.users.name_of(row.completed_by) if row.completed_by else "unknown",
        at=row.updated_at,
        seconds=row.lead_time,
        skipped=row.was_cancelled,
        gold=row.ground_truth,
        reading=reading(config, _NO_DATA, Raw(row.result)),
    )


def _prediction(row: Row[Any], config: str) -> Said:
    return Said(
        id=row.id,
        kind="prediction",
        by=row.model_version or "a model",
        at=row.updated_at,
        score=row.score,
        reading=reading(config, _NO_DATA, Raw(row.result)),
    )
