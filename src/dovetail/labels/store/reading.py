"""Tasks as models are sent them: data, and what was said of it."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.engine import Connection

from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import tasks as task_rows
from dovetail.wire.label_studio.backend import Annotation, Task

__all__ = ["tasks_for_models"]


def tasks_for_models(c: Connection, numbers: Sequence[int]) -> list[Task]:
    """Return tasks with their annotations, in the order of the ids; those that exist."""
    said = annotation_rows.for_tasks(c, numbers)
    return [
        Task(
            id=row.id,
            data=msgspec.json.decode(row.data),
            meta=msgspec.json.decode(row.meta) or None,
            project=row.project_id,
            annotations=[
                Annotation(
                    id=one.id,
                    result=msgspec.json.decode(one.result),
                    task=row.id,
                    completed_by=one.completed_by,
                    was_cancelled=one.was_cancelled,
                    ground_truth=one.ground_truth,
                    lead_time=one.lead_time,
                )
                for one in said.get(row.id, ())
            ],
        )
        for row in task_rows.find_many(c, numbers)
    ]
