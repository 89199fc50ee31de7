"""Changes to what was said of many tasks at once."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.labels.store import projects as project_rows
from dovetail.labels.store.tables import annotations, drafts, predictions, projects, tasks

__all__ = ["drop_annotations", "drop_predictions", "recount_tasks"]

PART = 5000


def drop_annotations(c: Connection, project: int, numbers: Sequence[int], now: str) -> list[int]:
    """Delete the annotations and drafts of tasks and return the ids of the annotations."""
    gone: list[int] = []
    for start in range(0, len(numbers), PART):
        part = numbers[start : start + PART]
        mine = annotations.c.task_id.in_(part) & (annotations.c.project_id == project)
        gone += [row[0] for row in c.execute(sa.select(annotations.c.id).where(mine))]
        c.execute(sa.delete(annotations).where(mine))
        c.execute(sa.delete(drafts).where(drafts.c.task_id.in_(part)))
    recount_tasks(c, project, numbers, now)
    return gone


def drop_predictions(c: Connection, project: int, numbers: Sequence[int]) -> int:
    """Delete the predictions of tasks and return how many there were."""
    gone = 0
    for start in range(0, len(numbers), PART):
        part = numbers[start : start + PART]
        mine = predictions.c.task_id.in_(part) & (predictions.c.project_id == project)
        gone += c.execute(sa.delete(predictions).where(mine)).rowcount
        c.execute(
            sa.update(tasks)
            .where(tasks.c.id.in_(part))
            .values(total_predictions=0, predictions_score=None)
        )
    project_rows.recount(c, project)
    return gone


def recount_tasks(c: Connection, project: int, numbers: Sequence[int], now: str) -> None:
    """Count the annotations of tasks again, and those of their project."""
    mine = annotations.c.task_id == tasks.c.id
    done = (
        sa.select(sa.func.count())
        .where(mine, annotations.c.was_cancelled.is_(False))
        .scalar_subquery()
    )
    skipped = (
        sa.select(sa.func.count())
        .where(mine, annotations.c.was_cancelled.is_(True))
        .scalar_subquery()
    )
    queue = c.execute(sa.select(projects.c.skip_queue).where(projects.c.id == project)).scalar_one()
    counted = done + skipped if queue == "IGNORE_SKIPPED" else done
    for start in range(0, len(numbers), PART):
        part = numbers[start : start + PART]
        c.execute(
            sa.update(tasks)
            .where(tasks.c.id.in_(part), tasks.c.project_id == project)
            .values(
                total_annotations=done,
                cancelled_annotations=skipped,
                is_labeled=counted >= tasks.c.overlap,
                updated_at=now,
            )
        )
    project_rows.recount(c, project)
