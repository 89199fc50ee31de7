"""Files that came with an import: what they were called, and where those lie that tasks show."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import metadata

__all__ = ["add", "find", "listed", "remove", "uploads"]

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column(
        "project_id", sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("path", sa.Text),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Integer, nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sqlite_autoincrement=True,
)


def add(c: Connection, rows: list[dict[str, Any]]) -> list[int]:
    """Write down files and return their numbers, in their order."""
    made = (c.execute(sa.insert(uploads).values(**row)).inserted_primary_key for row in rows)
    return [int(key[0]) for key in made if key is not None]


def find(c: Connection, number: int) -> Row[Any] | None:
    """One file."""
    return c.execute(sa.select(uploads).where(uploads.c.id == number)).first()


def listed(c: Connection, project: int) -> list[Row[Any]]:
    """The files of a project, oldest first."""
    of = sa.select(uploads).where(uploads.c.project_id == project).order_by(uploads.c.id)
    return list(c.execute(of))


def remove(c: Connection, numbers: list[int]) -> None:
    """Forget files."""
    c.execute(sa.delete(uploads).where(uploads.c.id.in_(numbers)))
