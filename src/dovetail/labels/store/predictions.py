"""Rows of predictions; a task carries their number and mean score."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store import projects as project_rows
from dovetail.labels.store.tables import predictions, tasks

__all__ = ["add", "change", "find", "for_tasks", "ids_for_tasks", "list_some", "refresh", "remove"]


def add(c: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write predictions; `refresh` afterwards."""
    if rows:
        c.execute(sa.insert(predictions), list(rows))


def find(c: Connection, number: int) -> Row[Any] | None:
    """Return a prediction."""
    return c.execute(sa.select(predictions).where(predictions.c.id == number)).first()


def for_tasks(
    c: Connection, numbers: Sequence[int], *, version: str = ""
) -> dict[int, list[Row[Any]]]:
    """Return predictions by task, oldest first.

    Args:
        c: a connection.
        numbers: of tasks.
        version: of the model; all where it is empty.
    """
    found: dict[int, list[Row[Any]]] = {}
    wanted = [predictions.c.model_version == version] if version else []
    for start in range(0, len(numbers), 5000):
        part = numbers[start : start + 5000]
        query = sa.select(predictions).where(predictions.c.task_id.in_(part), *wanted)
        for row in c.execute(query.order_by(predictions.c.id)):
            found.setdefault(row.task_id, []).append(row)
    return found


def ids_for_tasks(c: Connection, numbers: Sequence[int]) -> dict[int, list[int]]:
    """Return the ids of predictions by task."""
    found: dict[int, list[int]] = {}
    for start in range(0, len(numbers), 5000):
        part = numbers[start : start + 5000]
        query = sa.select(predictions.c.task_id, predictions.c.id)
        for task, number in c.execute(
            query.where(predictions.c.task_id.in_(part)).order_by(predictions.c.id)
        ):
            found.setdefault(task, []).append(number)
    return found


def list_some(
    c: Connection, *, task: int | None, project: int | None, limit: int
) -> list[Row[Any]]:
    """Return predictions of a task, a project or all."""
    query = sa.select(predictions)
    if task is not None:
        query = query.where(predictions.c.task_id == task)
    if project is not None:
        query = query.where(predictions.c.project_id == project)
    return list(c.execute(query.order_by(predictions.c.id).limit(limit)))


def change(c: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a prediction; `refresh` afterwards."""
    c.execute(sa.update(predictions).where(predictions.c.id == number).values(values))


def remove(c: Connection, number: int) -> None:
    """Delete a prediction; `refresh` afterwards."""
    c.execute(sa.delete(predictions).where(predictions.c.id == number))


def refresh(c: Connection, project: int, numbers: Sequence[int], *, by: int) -> None:
    """Count the predictions of tasks again, and carry the difference to the project.

    Args:
        c: the transaction.
        project: of the tasks.
        numbers: of the tasks.
        by: how many predictions there are more than before.
    """
    for start in range(0, len(numbers), 5000):
        part = numbers[start : start + 5000]
        mine = predictions.c.task_id == tasks.c.id
        c.execute(
            sa.update(tasks)
            .where(tasks.c.id.in_(part))
            .values(
                total_predictions=sa.select(sa.func.count()).where(mine).scalar_subquery(),
                predictions_score=sa.select(sa.func.avg(predictions.c.score))
                .where(mine)
                .scalar_subquery(),
            )
        )
    project_rows.bump(c, project, predictions=by)
