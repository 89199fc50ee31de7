"""Snapshots of projects: which there are; their files lie in the artifact store."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import metadata, projects

__all__ = [
    "abandoned",
    "add",
    "begin",
    "begun",
    "end",
    "find",
    "hold",
    "latest",
    "listed",
    "snapshots",
]

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project_id", sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.UniqueConstraint("project_id", "name", "version"),
    sqlite_autoincrement=True,
)

begun = sa.Table(
    "snapshots_begun",
    metadata,
    sa.Column("folder", sa.String(255), primary_key=True),
    sa.Column("begun_at", sa.String(32), nullable=False),
)


def begin(c: Connection, folder: str, now: str) -> None:
    """Write down where files of a snapshot are about to be written."""
    c.execute(sa.insert(begun).values(folder=folder, begun_at=now))


def end(c: Connection, folder: str) -> None:
    """Say that the files of a folder are a snapshot's now, or gone."""
    c.execute(sa.delete(begun).where(begun.c.folder == folder))


def abandoned(c: Connection, before: str = "") -> list[str]:
    """The folders that were begun, before a time if one is given, and never ended."""
    chosen = sa.select(begun.c.folder).order_by(begun.c.folder)
    if before:
        chosen = chosen.where(begun.c.begun_at < before)
    return [row[0] for row in c.execute(chosen)]


def hold(c: Connection, project: int) -> bool:
    """Keep others from adding snapshots of a project until the transaction ends.

    Returns:
        Whether there is such a project.
    """
    of = sa.select(projects.c.id).where(projects.c.id == project)
    return c.scalar(of.with_for_update()) is not None  # on SQLite there is one writer anyway


def add(c: Connection, values: dict[str, Any]) -> Row[Any]:
    """Write down a snapshot as the next version of its name and return it."""
    of = (snapshots.c.project_id == values["project_id"]) & (snapshots.c.name == values["name"])
    last = c.scalar(sa.select(sa.func.max(snapshots.c.version)).where(of))
    made = c.execute(sa.insert(snapshots).values(**values, version=(last or 0) + 1))
    assert made.inserted_primary_key is not None
    row = c.execute(sa.select(snapshots).where(snapshots.c.id == made.inserted_primary_key[0]))
    return row.one()


def listed(c: Connection, project: int, name: str = "") -> list[Row[Any]]:
    """The snapshots of a project, of one name or all, newest first."""
    chosen = sa.select(snapshots).where(snapshots.c.project_id == project)
    if name:
        chosen = chosen.where(snapshots.c.name == name)
    return list(c.execute(chosen.order_by(snapshots.c.id.desc())))


def latest(c: Connection, project: int, name: str, version: int | None = None) -> Row[Any] | None:
    """The newest snapshot of a name, or one version of it."""
    of = (snapshots.c.project_id == project) & (snapshots.c.name == name)
    if version is not None:
        of = of & (snapshots.c.version == version)
    chosen = sa.select(snapshots).where(of).order_by(snapshots.c.version.desc())
    return c.execute(chosen.limit(1)).first()


def find(c: Connection, project: int, number: int) -> Row[Any] | None:
    """The snapshot of a number, if it is of that project."""
    of = (snapshots.c.project_id == project) & (snapshots.c.id == number)
    return c.execute(sa.select(snapshots).where(of)).first()
