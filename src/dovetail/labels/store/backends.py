"""Rows of connected ML backends."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import metadata, predictions, tasks

__all__ = ["add", "backends", "change", "find", "list_some", "remove", "without_version"]

backends = sa.Table(
    "ml_backends",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project_id", sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("description", sa.Text),
    sa.Column("is_interactive", sa.Boolean, nullable=False),
    sa.Column("auth_method", sa.String(16), nullable=False),
    sa.Column("basic_auth_user", sa.Text),
    sa.Column("basic_auth_pass", sa.Text, comment="sealed"),
    sa.Column("extra_params", sa.Text, nullable=False),
    sa.Column("timeout", sa.Float, nullable=False),
    sa.Column("auto_update", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(2), nullable=False),
    sa.Column("error_message", sa.Text),
    sa.Column("model_version", sa.Text),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("updated_at", sa.String(32), nullable=False),
    sqlite_autoincrement=True,
)


def add(c: Connection, values: dict[str, Any]) -> int:
    """Connect a backend and return its id."""
    return int(c.execute(sa.insert(backends).values(values)).inserted_primary_key[0])  # type: ignore[index]


def find(c: Connection, number: int) -> Row[Any] | None:
    """Return a backend."""
    return c.execute(sa.select(backends).where(backends.c.id == number)).first()


def list_some(c: Connection, project: int | None) -> Sequence[Row[Any]]:
    """Return the backends of a project, or all."""
    query = sa.select(backends).order_by(backends.c.id)
    if project is not None:
        query = query.where(backends.c.project_id == project)
    return c.execute(query).all()


def change(c: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a backend."""
    c.execute(sa.update(backends).where(backends.c.id == number).values(values))


def remove(c: Connection, number: int) -> bool:
    """Disconnect a backend; what it predicted stays."""
    return bool(c.execute(sa.delete(backends).where(backends.c.id == number)).rowcount)


def without_version(c: Connection, numbers: Sequence[int], version: str) -> list[int]:
    """Return the tasks, of those given, that have no prediction of a model version yet."""
    has = sa.exists().where(
        predictions.c.task_id == tasks.c.id, predictions.c.model_version == version
    )
    kept: list[int] = []
    for start in range(0, len(numbers), 5000):
        part = numbers[start : start + 5000]
        query = sa.select(tasks.c.id).where(tasks.c.id.in_(part), ~has).order_by(tasks.c.id)
        kept += [int(row[0]) for row in c.execute(query)]
    return kept
