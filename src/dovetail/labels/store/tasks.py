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
    "find_for",
    "find_many",
    "first_inner_id",
    "flags",
    "held_flags",
    "hold",
    "page",
    "page_ids",
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
_USER: sa.BindParameter[int] = sa.bindparam("user")
_HAS_DRAFTS = (
    sa.exists().where(drafts.c.task_id == tasks.c.id, drafts.c.user_id == _USER).label("has_drafts")
)
_FOR_USER: sa.Select[Any] = sa.select(tasks, _HAS_DRAFTS)
_FIND_FOR = _FOR_USER.where(tasks.c.id == _NUMBER)
_IDS = (  # only an index is read to get to a page, however far it is
    sa.select(tasks.c.id)
    .where(tasks.c.project_id == sa.bindparam("project"), tasks.c.id > sa.bindparam("after"))
    .order_by(tasks.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer, literal_execute=True))
    .offset(sa.bindparam("offset", type_=sa.Integer))
)
_PAGE = _FOR_USER.where(tasks.c.id.in_(_IDS.correlate(None))).order_by(tasks.c.id)


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


def find_for(c: Connection, number: int, user: int) -> Row[Any] | None:
    """Return a task, and as `has_drafts` whether a user has drafts of it."""
    return c.execute(_FIND_FOR, {"number": number, "user": user}).first()


def find_many(c: Connection, numbers: Sequence[int], user: int | None = None) -> list[Row[Any]]:
    """Return tasks in the order of their ids given; with a user as `find_for` does."""
    query: sa.Select[Any] = sa.select(tasks) if user is None else _FOR_USER
    known = {} if user is None else {"user": user}
    found = {}
    for part in _parts(numbers):
        for row in c.execute(query.where(tasks.c.id.in_(part)), known):
            found[row.id] = row
    return [found[number] for number in numbers if number in found]


def page(
    c: Connection, project: int, user: int, *, after: int, limit: int, offset: int
) -> list[Row[Any]]:
    """Return a page of all tasks of a project, as `find_for` does.

    Args:
        c: a connection.
        project: whose.
        user: whose drafts.
        after: the id before the first that counts.
        limit: how many at most.
        offset: how many of those that count are passed over.
    """
    values = {"project": project, "user": user, "after": after, "limit": limit, "offset": offset}
    return list(c.execute(_PAGE, values))


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
