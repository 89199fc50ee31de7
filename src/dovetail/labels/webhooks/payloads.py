"""The bodies of webhooks, as Label Studio writes them.

They are written when they are sent, so that an import of many tasks costs a row and not a copy.
What was deleted meanwhile is told of by its id.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw
from sqlalchemy.engine import Connection, Row

from dovetail.labels.handlers.projects import Projects
from dovetail.labels.handlers.shapes import exported_annotation_json, joined, task_columns
from dovetail.labels.store import annotations as annotation_rows
from dovetail.labels.store import projects as project_rows
from dovetail.labels.store import tasks as task_rows
from dovetail.wire.label_studio.connected import HookTask
from dovetail.wire.label_studio.entities import spliced

__all__ = ["body_of", "project_json"]


def body_of(
    c: Connection, projects: Projects, action: str, project: int, numbers: Sequence[int]
) -> bytes:
    """Return the body that tells of a change.

    Args:
        c: a connection.
        projects: shows them.
        action: what happened.
        project: where.
        numbers: to what.
    """
    told: dict[str, Any] = {"action": action}
    if action == "PROJECT_DELETED":
        return msgspec.json.encode({**told, "project": {"id": project}})
    row = project_rows.find(c, project)
    if row is not None:
        told["project"] = Raw(project_json(projects, row))
    if action == "TASKS_CREATED":
        found = task_rows.find_many(c, numbers)
        told["tasks"] = Raw(joined(task_json(one) for one in found))
    elif action in ("TASKS_DELETED", "ANNOTATIONS_DELETED"):
        key = action.partition("_")[0].lower()
        told[key] = [{"id": number} for number in numbers]
    elif action in ("ANNOTATION_CREATED", "ANNOTATION_UPDATED"):
        told |= _annotation(c, numbers[0])
    return msgspec.json.encode(told)


def _annotation(c: Connection, number: int) -> dict[str, Any]:
    row = annotation_rows.find(c, number)
    if row is None:
        return {"annotation": {"id": number}}
    task = task_rows.find(c, row.task_id)
    told: dict[str, Any] = {"annotation": Raw(exported_annotation_json(row))}
    if task is not None:
        told["task"] = Raw(task_json(task))
    return told


def project_json(projects: Projects, row: Row[Any]) -> bytes:
    """Return a project as webhooks show it: its maker is a number."""
    shown = msgspec.json.decode(msgspec.json.encode(projects.shown(row)))
    return msgspec.json.encode({**shown, "created_by": row.created_by})


def task_json(row: Row[Any]) -> bytes:
    """Return a task as webhooks show it."""
    shown = HookTask(
        is_labeled=row.is_labeled,
        allow_skip=row.allow_skip,
        overlap=row.overlap,
        updated_by=row.updated_by,
        **task_columns(row),
    )
    return spliced(shown, row.extra)
