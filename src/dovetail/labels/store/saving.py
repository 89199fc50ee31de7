"""What saving an annotation writes, in as few statements as the database can.

To SQLite a statement is a call. To PostgreSQL it is a message to another process and one back, so
there a statement writes several tables. Both count a task's annotations in a statement of its own,
after the task is held: it sees what another, for whom this one waited, has written.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store import projects as project_rows
from dovetail.labels.store.annotations import drop_drafts, dropping_new
from dovetail.labels.store.tables import annotations, tasks
from dovetail.labels.store.tasks import Flags

__all__ = ["add", "refresh"]

# What every save does is built once: SQLAlchemy takes longer to build a statement than to run it.
_ADD = sa.insert(annotations).returning(annotations)
_NEW = {
    c.name: sa.bindparam(f"new_{c.name}", type_=c.type) for c in annotations.c if c.name != "id"
}
_ADD_AND_DROP = _ADD.values(_NEW).add_cte(dropping_new().cte("dropped"))
_NUMBER: sa.BindParameter[int] = sa.bindparam("number")
_COUNT = sa.select(
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(sa.cast(annotations.c.was_cancelled, sa.Integer)), 0),
).where(annotations.c.task_id == _NUMBER)
_REFRESH = (
    sa.update(tasks)
    .where(tasks.c.id == _NUMBER)
    .values(
        total_annotations=sa.bindparam("done"),
        cancelled_annotations=sa.bindparam("cancelled"),
        is_labeled=sa.bindparam("finished"),
        updated_at=sa.bindparam("now"),
        updated_by=sa.func.coalesce(sa.bindparam("user", type_=sa.Integer), tasks.c.updated_by),
    )
)
_REFRESH_ALL = sa.text(
    """
    WITH said AS (
        SELECT count(*) AS every, count(*) FILTER (WHERE was_cancelled) AS cancelled
        FROM annotations WHERE task_id = :number
    ), task AS (
        UPDATE tasks SET
            total_annotations = said.every - said.cancelled,
            cancelled_annotations = said.cancelled,
            is_labeled = said.every - (CASE WHEN :skips_count THEN 0 ELSE said.cancelled END)
                >= :overlap,
            updated_at = :now, updated_by = coalesce(:user, updated_by)
        FROM said WHERE id = :number
        RETURNING is_labeled, total_annotations
    )
    UPDATE counts SET
        finished = finished + task.is_labeled::integer - :was_finished,
        annotated = annotated + (task.total_annotations > 0)::integer - :was_annotated,
        annotations = annotations + :annotations,
        cancelled = counts.cancelled + :cancelled,
        ground_truth = ground_truth + :ground_truth
    FROM task WHERE project_id = :project
    """
).bindparams(
    sa.bindparam("skips_count", type_=sa.Boolean),
    sa.bindparam("now", type_=sa.String),
    *(
        sa.bindparam(name, type_=sa.Integer)
        for name in (
            "number", "overlap", "user", "was_finished", "was_annotated", "annotations",
            "cancelled", "ground_truth", "project",
        )
    ),
)  # fmt: skip


def add(c: Connection, values: dict[str, Any], user: int) -> Row[Any]:
    """Write an annotation, drop what its author had begun on the task, and return the row.

    Args:
        c: a transaction.
        values: of every column but the id.
        user: whose drafts.
    """
    task = values["task_id"]
    if c.dialect.name == "postgresql":
        new = {f"new_{name}": value for name, value in values.items()}
        return c.execute(_ADD_AND_DROP, {**new, "task": task, "user": user}).one()
    row = c.execute(_ADD, values).one()
    drop_drafts(c, task, user)
    return row


def refresh(
    c: Connection,
    number: int,
    before: Flags,
    *,
    user: int | None,
    now: str,
    annotations: int = 0,
    cancelled: int = 0,
    ground_truth: int = 0,
) -> None:
    """Count a task's annotations again, and carry the difference to its project.

    Args:
        c: the transaction that holds the task.
        number: the task.
        before: where it stood.
        user: who changed what is said of it; None for nobody.
        now: what time it is.
        annotations: how many the project has more.
        cancelled: of which skipped.
        ground_truth: of which gold.
    """
    by = {"annotations": annotations, "cancelled": cancelled, "ground_truth": ground_truth}
    skips_count = before.skip_queue == "IGNORE_SKIPPED"
    if c.dialect.name == "postgresql":
        values = {
            "number": number,
            "project": before.project_id,
            "skips_count": skips_count,
            "overlap": before.overlap,
            "was_finished": int(before.is_labeled),
            "was_annotated": int(before.total_annotations > 0),
            "now": now,
            "user": user,
        }
        c.execute(_REFRESH_ALL, {**values, **by})
        return
    every, skipped = c.execute(_COUNT, {"number": number}).one()
    done = every - skipped
    is_labeled = (every if skips_count else done) >= before.overlap
    values = {"done": done, "cancelled": skipped, "finished": is_labeled, "now": now, "user": user}
    c.execute(_REFRESH, {"number": number, **values})
    project_rows.bump(
        c,
        before.project_id,
        finished=int(is_labeled) - int(before.is_labeled),
        annotated=int(done > 0) - int(before.total_annotations > 0),
        **by,
    )
