"""Label Studio's export snapshots: files that are made once and fetched in any format."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import metadata, tasks

__all__ = ["add", "add_format", "exports", "find", "formats_of", "labeled", "listed", "remove"]

SHOWN = 100  # newest ones, as Label Studio lists

exports = sa.Table(
    "exports",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column(
        "project_id", sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("md5", sa.String(32), nullable=False),
    sa.Column("task_number", sa.Integer, nullable=False),
    sa.Column("created_by", sa.Integer, nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("finished_at", sa.String(32), nullable=False),
    sqlite_autoincrement=True,
)
formats = sa.Table(
    "export_formats",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column(
        "export_id", sa.ForeignKey("exports.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("export_type", sa.String(64), nullable=False),
    sqlite_autoincrement=True,
)


def add(c: Connection, values: dict[str, Any]) -> Row[Any]:
    """Write down an export and return it."""
    made = c.execute(sa.insert(exports).values(**values))
    assert made.inserted_primary_key is not None
    return c.execute(sa.select(exports).where(exports.c.id == made.inserted_primary_key[0])).one()


def add_format(c: Connection, export: int, export_type: str) -> int:
    """Write down that an export is there in a format, and return that one's number."""
    of = (formats.c.export_id == export) & (formats.c.export_type == export_type)
    known = c.scalar(sa.select(formats.c.id).where(of))
    if known is not None:
        return int(known)
    made = c.execute(sa.insert(formats).values(export_id=export, export_type=export_type))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def find(c: Connection, project: int, number: int) -> Row[Any] | None:
    """One export of a project."""
    of = (exports.c.project_id == project) & (exports.c.id == number)
    return c.execute(sa.select(exports).where(of)).first()


def listed(c: Connection, project: int) -> list[Row[Any]]:
    """The newest exports of a project."""
    of = sa.select(exports).where(exports.c.project_id == project)
    return list(c.execute(of.order_by(exports.c.id.desc()).limit(SHOWN)))


def formats_of(c: Connection, numbers: list[int]) -> dict[int, list[Row[Any]]]:
    """The formats that exports are there in."""
    found: dict[int, list[Row[Any]]] = {}
    chosen = sa.select(formats).where(formats.c.export_id.in_(numbers)).order_by(formats.c.id)
    for row in c.execute(chosen):
        found.setdefault(row.export_id, []).append(row)
    return found


def labeled(c: Connection, project: int) -> frozenset[int]:
    """The tasks of a project that have enough annotations."""
    of = (tasks.c.project_id == project) & tasks.c.is_labeled
    return frozenset(c.scalars(sa.select(tasks.c.id).where(of)))


def remove(c: Connection, number: int) -> None:
    """Forget an export."""
    c.execute(sa.delete(formats).where(formats.c.export_id == number))
    c.execute(sa.delete(exports).where(exports.c.id == number))
