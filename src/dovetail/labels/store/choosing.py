"""Which tasks an annotator may still get."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import PLACE, annotations, tasks

__all__ = ["bounds", "is_open", "open_tasks"]


# Built once, as everybody asks for the next task all the time. The limit is a part of the statement
# on PostgreSQL, which plans for a tenth of all tasks where it does not know that a few are wanted.
_PROJECT: sa.BindParameter[int] = sa.bindparam("project")
_USER: sa.BindParameter[int] = sa.bindparam("user")
_LIMIT = sa.bindparam("limit", type_=sa.Integer, literal_execute=True)


def _left_for(dialect: str, *, requeues_own: bool) -> list[Any]:
    mine = [annotations.c.task_id == tasks.c.id, annotations.c.completed_by == _USER]
    if requeues_own:  # what the annotator skipped comes back to them
        mine.append(annotations.c.was_cancelled.is_(False))
    has_none: Any = ~sa.exists().where(*mine)
    if dialect == "postgresql":
        # It would join all that the annotator has ever said; and where it expects this to leave
        # one task of a project, it would rather sort them all than look for it in order.
        one: Any = sa.select(sa.literal_column("1")).where(*mine).limit(1).scalar_subquery()
        has_none = sa.func.coalesce(one, sa.literal_column("0")) != sa.literal_column("1")
    return [tasks.c.project_id == _PROJECT, tasks.c.is_labeled.is_(False), has_none]


def _open(dialect: str, *, requeues_own: bool, by_score: bool) -> sa.Select[Any]:
    query: sa.Select[Any] = sa.select(tasks.c.id, tasks.c.overlap, tasks.c.total_annotations)
    query = query.where(*_left_for(dialect, requeues_own=requeues_own)).limit(_LIMIT)
    if by_score:
        return query.order_by(tasks.c.predictions_score, tasks.c.id)
    place = _PLACES[dialect]
    return query.where(place >= sa.bindparam("after", type_=sa.Integer)).order_by(place)


_KINDS = (False, True)
_PLACES: dict[str, Any] = {"sqlite": tasks.c.id, "postgresql": PLACE}
_OPEN = {
    (dialect, own, by): _open(dialect, requeues_own=own, by_score=by)
    for dialect in _PLACES
    for own in _KINDS
    for by in _KINDS
}
_IS_OPEN = {
    (dialect, own): sa.select(tasks.c.id).where(
        *_left_for(dialect, requeues_own=own), tasks.c.id == sa.bindparam("task")
    )
    for dialect in _PLACES
    for own in _KINDS
}


def _bounds(place: Any) -> sa.Select[Any]:
    wanted = (tasks.c.project_id == _PROJECT) & tasks.c.is_labeled.is_(False)
    ends = (sa.select(end(place)).where(wanted) for end in (sa.func.min, sa.func.max))
    return sa.select(*(end.scalar_subquery() for end in ends))


_BOUNDS = {dialect: _bounds(place) for dialect, place in _PLACES.items()}


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
    values = {"project": project, "user": user, "limit": limit}
    if not by_score:
        values["after"] = after
    return c.execute(_OPEN[c.dialect.name, requeues_own, by_score], values).all()


def is_open(c: Connection, project: int, user: int, task: int, *, requeues_own: bool) -> bool:
    """Tell whether a task may go to a user."""
    values = {"project": project, "user": user, "task": task}
    return c.execute(_IS_OPEN[c.dialect.name, requeues_own], values).first() is not None


def bounds(c: Connection, project: int) -> tuple[int, int]:
    """Return the lowest and highest id of the open tasks of a project."""
    low, high = c.execute(_BOUNDS[c.dialect.name], {"project": project}).one()
    return int(low or 0), int(high or 0)
