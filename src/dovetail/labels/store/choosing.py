"""Which tasks an annotator may still get."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import annotations, tasks

__all__ = ["bounds", "is_open", "open_tasks"]


def _left_for(project: int, user: int, *, requeues_own: bool) -> list[Any]:
    mine = [annotations.c.task_id == tasks.c.id, annotations.c.completed_by == user]
    if requeues_own:  # what the annotator skipped comes back to them
        mine.append(annotations.c.was_cancelled.is_(False))
    return [
        tasks.c.project_id == project,
        tasks.c.is_labeled.is_(False),
        ~sa.exists().where(*mine),
    ]


def open_tasks(
    c: Connection,
    project: int,
    user: int,
    *,
    requeues_own: bool,
    by_score: bool,
    after: int,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return tasks that lack answers and have none of this user: id, overlap, total_annotations.

    Args:
        c: a connection.
        project: in which.
        user: who annotates.
        requeues_own: whether what the user skipped counts as open.
        by_score: the least sure prediction first, instead of by id.
        after: the first id that is looked at, where they go by id.
        limit: how many at most.
    """
    query: sa.Select[Any] = sa.select(tasks.c.id, tasks.c.overlap, tasks.c.total_annotations)
    query = query.where(*_left_for(project, user, requeues_own=requeues_own)).limit(limit)
    if by_score:
        return c.execute(query.order_by(tasks.c.predictions_score, tasks.c.id)).all()
    return c.execute(query.where(tasks.c.id >= after).order_by(tasks.c.id)).all()


def is_open(c: Connection, project: int, user: int, task: int, *, requeues_own: bool) -> bool:
    """Tell whether a task may go to a user."""
    query = sa.select(tasks.c.id).where(
        *_left_for(project, user, requeues_own=requeues_own), tasks.c.id == task
    )
    return c.execute(query).first() is not None


def bounds(c: Connection, project: int) -> tuple[int, int]:
    """Return the lowest and highest id of the open tasks of a project."""
    wanted = (tasks.c.project_id == project) & tasks.c.is_labeled.is_(False)
    low = c.execute(sa.select(sa.func.min(tasks.c.id)).where(wanted)).scalar()
    high = c.execute(sa.select(sa.func.max(tasks.c.id)).where(wanted)).scalar()
    return int(low or 0), int(high or 0)
