"""The tables of the labelling server and the statements on them, on SQLite and PostgreSQL.

Every function takes the connection of a transaction that its caller holds; nothing here knows
HTTP, users' rights or Label Studio's words.
"""

from collections.abc import Sequence

from dovetail.base.migrations import Migration
from dovetail.base.sql import Database
from dovetail.labels.store import snapshots, uploads
from dovetail.labels.store.tables import metadata

__all__ = ["NAME", "open_store"]

_ELSEWHERE = (snapshots, uploads)  # modules that add tables to the same metadata

NAME = "labels"
MIGRATIONS: Sequence[Migration] = ()


def open_store(url: str) -> Database:
    """Open the database of the labelling server.

    Raises:
        UnavailableError: it does not answer.
    """
    return Database(url, metadata, name=NAME, migrations=MIGRATIONS)
