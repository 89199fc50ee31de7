"""The tables of the labelling server and the statements on them, on SQLite and PostgreSQL.

Every function takes the connection of a transaction that its caller holds; nothing here knows
HTTP, users' rights or Label Studio's words.
"""

from collections.abc import Sequence
from typing import Any

from dovetail.base.migrations import Migration
from dovetail.base.sql import Database
from dovetail.labels.store import backends, exports, hooks, snapshots, uploads, views
from dovetail.labels.store.tables import POSTGRES_INDEXES, metadata

__all__ = ["NAME", "open_store"]

NAME = "labels"
# Modules that add tables to the same metadata.
_ELSEWHERE = (backends, exports, hooks, snapshots, uploads, views)


def _make_missing(operations: Any) -> None:
    metadata.create_all(operations.get_bind())


def _index_next(operations: Any) -> None:
    bind = operations.get_bind()
    if bind.dialect.name == "postgresql":
        for index in POSTGRES_INDEXES:
            index.create(bind, checkfirst=True)


MIGRATIONS: Sequence[Migration] = (
    Migration("tables of webhooks, views, ML backends, uploads and snapshots", _make_missing),
    Migration("tables of exports", _make_missing),
    Migration("folders of snapshots that are being made", _make_missing),
    Migration("indexes by which PostgreSQL finds the next task", _index_next),
)


def open_store(url: str) -> Database:
    """Open the database of the labelling server.

    Raises:
        UnavailableError: it does not answer.
    """
    return Database(url, metadata, name=NAME, migrations=MIGRATIONS)
