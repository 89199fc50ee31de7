"""The table of a project's tasks, filtered, ordered and paged by the database.

Only the columns before a task's data are read to find a page, so a hundred thousand tasks of any
size cost what a hundred thousand small ones do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import tasks

__all__ = ["COLUMNS", "SHOWS", "count", "neighbours", "page"]

SHOWS: Mapping[str, Sequence[Any]] = {
    "all": (),
    "open": (tasks.c.is_labeled.is_(False),),
    "finished": (tasks.c.is_labeled.is_(True),),
    "answered": (tasks.c.total_annotations > 0,),
    "several": (tasks.c.total_annotations > 1,),
    "skipped": (tasks.c.cancelled_annotations > 0,),
    "predicted": (tasks.c.total_predictions > 0,),
}
"""Which tasks a reader may ask for, by name."""
COLUMNS: Mapping[str, Any] = {
    "id": tasks.c.id,
    "annotations": tasks.c.total_annotations,
    "skipped": tasks.c.cancelled_annotations,
    "predictions": tasks.c.total_predictions,
    "score": tasks.c.predictions_score,
    "updated": tasks.c.updated_at,
}
"""What they may be ordered by."""
_LONG = 20_000
_BEGIN = 400


def _wanted(project: int, show: str, ask: str) -> list[Any]:
    found = [tasks.c.project_id == project, *SHOWS[show]]
    if ask:
        found.append(tasks.c.data.icontains(ask, autoescape=True))
    return found


def count(c: Connection, project: int, *, show: str, ask: str) -> int:
    """Return how many tasks a reader asks for."""
    query = sa.select(sa.func.count()).select_from(tasks).where(*_wanted(project, show, ask))
    return int(c.execute(query).scalar_one())


def page(
    c: Connection,
    project: int,
    *,
    show: str,
    ask: str,
    by: str,
    descending: bool,
    limit: int,
    offset: int,
) -> list[Row[Any]]:
    """Return one page: the columns of a task without its long ones.

    Args:
        c: a connection.
        project: whose tasks.
        show: a key of `SHOWS`.
        ask: text that the data must hold; empty for any.
        by: a key of `COLUMNS`.
        descending: whether the largest come first.
        limit: tasks of the page.
        offset: tasks before it.

    Returns:
        Rows with `data`, the whole JSON where it is short, else `begin`, its first characters.
    """
    order = COLUMNS[by].desc().nulls_last() if descending else COLUMNS[by].asc().nulls_last()
    if by == "id":
        order = tasks.c.id.desc() if descending else tasks.c.id.asc()
    ids = (
        sa.select(tasks.c.id)
        .where(*_wanted(project, show, ask))
        .order_by(order, tasks.c.id)
        .limit(limit)
        .offset(offset)
    )
    found = [row[0] for row in c.execute(ids)]
    short = sa.func.length(tasks.c.data) <= _LONG
    query = sa.select(
        tasks.c.id,
        tasks.c.inner_id,
        tasks.c.is_labeled,
        tasks.c.total_annotations,
        tasks.c.cancelled_annotations,
        tasks.c.total_predictions,
        tasks.c.predictions_score,
        tasks.c.comment_count,
        tasks.c.updated_at,
        sa.case((short, tasks.c.data)).label("data"),
        sa.func.substr(tasks.c.data, 1, _BEGIN).label("begin"),
    ).where(tasks.c.id.in_(found))
    rows: dict[int, Any] = {row.id: row for row in c.execute(query)}
    return [rows[number] for number in found if number in rows]


def neighbours(c: Connection, project: int, number: int) -> tuple[int | None, int | None]:
    """Return the ids of the tasks before and after one in its project."""
    own = tasks.c.project_id == project
    before = sa.select(sa.func.max(tasks.c.id)).where(own, tasks.c.id < number)
    after = sa.select(sa.func.min(tasks.c.id)).where(own, tasks.c.id > number)
    return c.execute(before).scalar(), c.execute(after).scalar()
