"""Rows of views: named selections of a project's tasks."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import metadata

__all__ = ["add", "change", "find", "list_some", "order", "remove", "reset", "views"]

views = sa.Table(
    "views",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project_id", sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    sa.Column("user_id", sa.Integer),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    sa.Column("data", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)


def add(c: Connection, values: dict[str, Any]) -> int:
    """Make a view, the last of its project, and return its id."""
    mine = views.c.project_id == values["project_id"]
    count = c.execute(sa.select(sa.func.count()).select_from(views).where(mine)).scalar_one()
    row = {"position": count, **values}
    return int(c.execute(sa.insert(views).values(row)).inserted_primary_key[0])  # type: ignore[index]


def find(c: Connection, number: int) -> Row[Any] | None:
    """Return a view."""
    return c.execute(sa.select(views).where(views.c.id == number)).first()


def list_some(c: Connection, project: int | None) -> Sequence[Row[Any]]:
    """Return the views of a project, or all, in their order."""
    query = sa.select(views).order_by(views.c.position, views.c.id)
    if project is not None:
        query = query.where(views.c.project_id == project)
    return c.execute(query).all()


def change(c: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a view."""
    c.execute(sa.update(views).where(views.c.id == number).values(values))


def order(c: Connection, project: int, numbers: Sequence[int]) -> None:
    """Put views of a project in order."""
    for position, number in enumerate(numbers):
        mine = (views.c.id == number) & (views.c.project_id == project)
        c.execute(sa.update(views).where(mine).values(position=position))


def remove(c: Connection, number: int) -> bool:
    """Delete a view."""
    return bool(c.execute(sa.delete(views).where(views.c.id == number)).rowcount)


def reset(c: Connection, project: int) -> None:
    """Delete all views of a project."""
    c.execute(sa.delete(views).where(views.c.project_id == project))
