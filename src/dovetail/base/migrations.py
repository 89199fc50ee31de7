"""Schema revisions: how a store made by an older version becomes one of this version.

A fresh store is made straight from the tables and marked with the newest revision. An older one
runs the missing steps through Alembic's operations, inside the transaction that records them.
Alembic is imported only then, because a server starts faster without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.errors import ConflictError

__all__ = ["Migration", "prepare"]

_ledger = sa.MetaData()
_revisions = sa.Table(
    "schema_revisions",
    _ledger,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
)
_LOCK = 0x646F7665


@dataclass(frozen=True)
class Migration:
    """One step from a revision to the next.

    Attributes:
        name: what the step does, in a few words.
        upgrade: makes the change with an `alembic.operations.Operations`.
    """

    name: str
    upgrade: Callable[[Any], None]


def prepare(
    connection: Connection, metadata: sa.MetaData, name: str, migrations: Sequence[Migration]
) -> None:
    """Bring a store to the newest revision, inside the caller's transaction.

    Args:
        connection: an open connection in a transaction.
        metadata: the tables of the newest revision.
        name: whose tables they are.
        migrations: all steps ever, oldest first; the revision is how many have run.

    Raises:
        ConflictError: the store is newer than this software.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    _ledger.create_all(connection)
    known = _revisions.c.name == name
    revision = connection.scalar(sa.select(_revisions.c.revision).where(known))
    newest = len(migrations)
    if revision is None:
        metadata.create_all(connection)
        connection.execute(sa.insert(_revisions).values(name=name, revision=newest))
        return
    if revision > newest:
        raise ConflictError(
            f"the store of {name} is at revision {revision}, this version knows {newest}",
            why="a newer version has opened it",
            fix="upgrade dovetail, or give another store",
        )
    if revision < newest:
        _upgrade(connection, migrations[revision:])
        connection.execute(sa.update(_revisions).where(known).values(revision=newest))


def _upgrade(connection: Connection, steps: Sequence[Migration]) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    operations = Operations(MigrationContext.configure(connection))
    for step in steps:
        step.upgrade(operations)
