"""Files that came with an import: what they were called, and where those lie that tasks show."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import metadata, tasks

__all__ = ["add", "find", "listed", "take_out", "uploads"]

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column(
        "project_id", sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column(
        "path", sa.Text, comment="where it lies; with a dot last, how all that it brought begins"
    ),
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


def take_out(c: Connection, project: int, numbers: list[int] | None) -> list[Row[Any]]:
    """Forget files of a project, or all, and return them; their tasks stay, and name none."""
    gone = [row for row in listed(c, project) if numbers is None or row.id in numbers]
    ids = [row.id for row in gone]
    for start in range(0, len(ids), 5000):
        c.execute(sa.delete(uploads).where(uploads.c.id.in_(ids[start : start + 5000])))
    left = {row.name for row in listed(c, project)}
    names = sorted({row.name for row in gone} - left)
    for start in range(0, len(names), 5000):
        named = tasks.c.file_upload.in_(names[start : start + 5000])
        mine = tasks.c.project_id == project
        c.execute(sa.update(tasks).where(mine, named).values(file_upload=None))
    return gone
