"""Rows of annotations and drafts."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import annotations, drafts

__all__ = [
    "add",
    "add_draft",
    "change",
    "change_draft",
    "drafts_of",
    "drop_drafts",
    "dropping_new",
    "find",
    "find_draft",
    "find_unique",
    "for_tasks",
    "remove",
    "remove_draft",
]


# What every save does is built once: SQLAlchemy takes longer to build a statement than to run it.
_NUMBER: sa.BindParameter[int] = sa.bindparam("number")
_ADD = sa.insert(annotations)
_FIND = sa.select(annotations).where(annotations.c.id == _NUMBER)
_MINE = (drafts.c.task_id == sa.bindparam("task")) & (drafts.c.user_id == sa.bindparam("user"))
_DROP_NEW = sa.delete(drafts).where(_MINE, drafts.c.annotation_id.is_(None))
_DROP = sa.delete(drafts).where(_MINE, drafts.c.annotation_id == _NUMBER)


def dropping_new() -> sa.Delete:
    """Return what deletes what `user` had begun on `task` anew."""
    return _DROP_NEW


def add(c: Connection, values: dict[str, Any]) -> int:
    """Write an annotation and return its id."""
    return int(c.execute(_ADD, values).inserted_primary_key[0])  # type: ignore[index]


def find(c: Connection, number: int) -> Row[Any] | None:
    """Return an annotation."""
    return c.execute(_FIND, {"number": number}).first()


def find_unique(c: Connection, unique_id: str) -> Row[Any] | None:
    """Return the annotation that its author gave this id."""
    query = sa.select(annotations).where(annotations.c.unique_id == unique_id)
    return c.execute(query).first()


def for_tasks(c: Connection, tasks: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Return annotations by task, oldest first."""
    found: dict[int, list[Row[Any]]] = {}
    for start in range(0, len(tasks), 5000):
        part = tasks[start : start + 5000]
        query = sa.select(annotations).where(annotations.c.task_id.in_(part))
        for row in c.execute(query.order_by(annotations.c.id)):
            found.setdefault(row.task_id, []).append(row)
    return found


def change(c: Connection, number: int, values: dict[str, Any]) -> None:
    """Change an annotation."""
    c.execute(sa.update(annotations).where(annotations.c.id == number).values(values))


def remove(c: Connection, number: int) -> None:
    """Delete an annotation and the drafts of changes to it."""
    c.execute(sa.delete(drafts).where(drafts.c.annotation_id == number))
    c.execute(sa.delete(annotations).where(annotations.c.id == number))


def add_draft(c: Connection, values: dict[str, Any]) -> int:
    """Write a draft and return its id."""
    return int(c.execute(sa.insert(drafts).values(values)).inserted_primary_key[0])  # type: ignore[index]


def find_draft(c: Connection, number: int) -> Row[Any] | None:
    """Return a draft."""
    return c.execute(sa.select(drafts).where(drafts.c.id == number)).first()


def drafts_of(
    c: Connection, tasks: Sequence[int], *, user: int | None = None, annotation: int | None = None
) -> dict[int, list[Row[Any]]]:
    """Return drafts by task, oldest first.

    Args:
        c: a connection.
        tasks: ids.
        user: whose; None for everybody's.
        annotation: of changes to which annotation; None for all.
    """
    wanted = []
    if user is not None:
        wanted.append(drafts.c.user_id == user)
    if annotation is not None:
        wanted.append(drafts.c.annotation_id == annotation)
    found: dict[int, list[Row[Any]]] = {}
    for start in range(0, len(tasks), 5000):
        part = tasks[start : start + 5000]
        query = sa.select(drafts).where(drafts.c.task_id.in_(part), *wanted)
        for row in c.execute(query.order_by(drafts.c.id)):
            found.setdefault(row.task_id, []).append(row)
    return found


def change_draft(c: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a draft."""
    c.execute(sa.update(drafts).where(drafts.c.id == number).values(values))


def remove_draft(c: Connection, number: int) -> bool:
    """Delete a draft."""
    return bool(c.execute(sa.delete(drafts).where(drafts.c.id == number)).rowcount)


def drop_drafts(c: Connection, task: int, user: int, annotation: int | None = None) -> None:
    """Delete what a user had begun on a task, or on an annotation of it."""
    if annotation is None:
        c.execute(_DROP_NEW, {"task": task, "user": user})
    else:
        c.execute(_DROP, {"task": task, "user": user, "number": annotation})
