"""Rows of tasks: read in pages, written in batches."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store import projects as project_rows
from dovetail.labels.store.tables import annotations, counts, drafts, predictions, projects, tasks

__all__ = [
    "Flags",
    "change",
    "find",
    "find_many",
    "first_inner_id",
    "flags",
    "held_flags",
    "hold",
    "page_ids",
    "refresh",
    "remove",
    "totals",
    "walk",
]

Flags = Row[Any]
"""Of a task: project_id, is_labeled, total_annotations, skip_queue, maximum_annotations."""


# What every save does is built once: SQLAlchemy takes longer to build a statement than to run it.
_NUMBER: sa.BindParameter[int] = sa.bindparam("number")
_FLAGS: sa.Select[Any] = (
    sa.select(
        tasks.c.project_id,
        tasks.c.is_labeled,
        tasks.c.total_annotations,
        tasks.c.overlap,
        projects.c.skip_queue,
    )
    .join(projects, projects.c.id == tasks.c.project_id)
    .where(tasks.c.id == _NUMBER)
)
_HELD = _FLAGS.with_for_update(of=tasks, key_share=True)
_FIND = sa.select(tasks).where(tasks.c.id == _NUMBER)
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


def flags(c: Connection, number: int) -> Flags | None:
    """Return where a task stands; None where there is no such task."""
    return c.execute(_FLAGS, {"number": number}).first()


def held_flags(c: Connection, number: int) -> Flags | None:
    """Like `flags`, and nobody else counts what is said of the task until the transaction ends."""
    return c.execute(_HELD, {"number": number}).first()


def hold(c: Connection, numbers: Sequence[int]) -> None:
    """Let nobody else count what is said of tasks until the transaction ends."""
    if c.dialect.name != "postgresql":
        return  # SQLite has one writer
    for part in _parts(numbers):
        query = sa.select(tasks.c.id).where(tasks.c.id.in_(part)).order_by(tasks.c.id)
        c.execute(query.with_for_update(key_share=True)).all()


def find(c: Connection, number: int) -> Row[Any] | None:
    """Return a task."""
    return c.execute(_FIND, {"number": number}).first()


def find_many(c: Connection, numbers: Sequence[int]) -> list[Row[Any]]:
    """Return tasks in the order of their ids given."""
    found = {}
    for part in _parts(numbers):
        for row in c.execute(sa.select(tasks).where(tasks.c.id.in_(part))):
            found[row.id] = row
    return [found[number] for number in numbers if number in found]


def _parts(numbers: Sequence[int], size: int = 5000) -> Iterable[Sequence[int]]:
    return (numbers[i : i + size] for i in range(0, len(numbers), size))


def page_ids(
    c: Connection,
    where: Sequence[Any],
    order: Sequence[Any],
    *,
    limit: int,
    offset: int,
) -> list[int]:
    """Return the ids of one page; only an index is read to get there, where one fits."""
    query = sa.select(tasks.c.id).where(*where).order_by(*order, tasks.c.id)
    return [row[0] for row in c.execute(query.limit(limit).offset(offset))]


def totals(c: Connection, where: Sequence[Any]) -> tuple[int, int, int]:
    """Return how many tasks there are, with how many annotations and predictions."""
    row = c.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(tasks.c.total_annotations), 0),
            sa.func.coalesce(sa.func.sum(tasks.c.total_predictions), 0),
        ).where(*where)
    ).one()
    return int(row[0]), int(row[1]), int(row[2])


def walk(c: Connection, project: int, after: int, limit: int) -> list[Row[Any]]:
    """Return the next tasks of a project after an id."""
    query = sa.select(tasks).where(tasks.c.project_id == project, tasks.c.id > after)
    return list(c.execute(query.order_by(tasks.c.id).limit(limit)))


def first_inner_id(c: Connection, project: int, count: int) -> int | None:
    """Take numbers within a project and return the first; None where there is no project."""
    last = c.execute(
        sa.update(counts)
        .where(counts.c.project_id == project)
        .values(last_inner_id=counts.c.last_inner_id + count)
        .returning(counts.c.last_inner_id)
    ).scalar()
    return None if last is None else int(last) - count + 1


def change(c: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a task."""
    c.execute(sa.update(tasks).where(tasks.c.id == number).values(values))


def refresh(c: Connection, number: int, before: Flags, *, user: int | None, now: str) -> None:
    """Count a task's annotations again, and carry the difference to its project."""
    row = c.execute(_COUNT, {"number": number}).one()
    everything, cancelled = int(row[0]), int(row[1])
    done = everything - cancelled
    counted = everything if before.skip_queue == "IGNORE_SKIPPED" else done
    is_labeled = counted >= before.overlap
    c.execute(
        _REFRESH,
        {
            "number": number,
            "done": done,
            "cancelled": cancelled,
            "finished": is_labeled,
            "now": now,
            "user": user,
        },
    )
    project_rows.bump(
        c,
        before.project_id,
        finished=int(is_labeled) - int(before.is_labeled),
        annotated=int(done > 0) - int(before.total_annotations > 0),
    )


def remove(c: Connection, project: int, numbers: Sequence[int]) -> int:
    """Delete tasks of a project and return how many there were."""
    gone = 0
    for part in _parts(numbers):
        for table in (annotations, predictions, drafts):
            c.execute(sa.delete(table).where(table.c.task_id.in_(part)))
        wanted = (tasks.c.project_id == project) & tasks.c.id.in_(part)
        gone += c.execute(sa.delete(tasks).where(wanted)).rowcount
    if gone:
        project_rows.recount(c, project)
    return gone
