"""Values that several servers share in PostgreSQL.

A change is one transaction. Changes of one source come one after the other, by a lock that ends
with the transaction, so that what a change rests on is still there when it is made.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from dovetail.base.errors import UnavailableError
from dovetail.base.sql import Database
from dovetail.features.errors import StoreLostError
from dovetail.features.online.states import Change, Merge

__all__ = ["PostgresStates"]

T = TypeVar("T")
METADATA = sa.MetaData()
STATES = sa.Table(
    "states",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)
IDS = sa.Table(
    "ids",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("known_us", sa.BigInteger, nullable=False),
)
READ = "SELECT name, packed FROM states WHERE name = ANY(%s)"
SEEN = "SELECT id FROM ids WHERE source = %s AND id = ANY(%s)"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
WRITE = """
INSERT INTO states SELECT * FROM unnest(%s::text[], %s::bytea[])
ON CONFLICT (name) DO UPDATE SET packed = excluded.packed
"""
NOTE = "INSERT INTO ids SELECT %s, * FROM unnest(%s::text[], %s::bigint[])"
DROP = "DELETE FROM states WHERE name = ANY(%s)"
WALK = """
SELECT name FROM states WHERE name > %s AND starts_with(name, %s) ORDER BY name LIMIT 1000
"""
FORGET = "DELETE FROM ids WHERE source = %s AND known_us < %s"


class PostgresStates:
    """Two tables of a PostgreSQL database.

    Args:
        url: `postgresql://user@host/database`. It may be away; it is opened when it is first asked.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: Database | None = None
        self._opening = threading.Lock()

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """Return values by name; see `States`."""

        def work(cursor: Any) -> list[bytes | None]:
            found = dict(cursor.execute(READ, (list(names),)).fetchall())
            return [found.get(name) for name in names]

        return self._run(work, write=False)

    def change(self, source: str, ids: Sequence[str], names: Sequence[str], merge: Merge) -> Change:
        """Change values; see `States`."""

        def work(cursor: Any) -> Change:
            cursor.execute(LOCK, (f"dovetail features {source}",))
            held = dict(cursor.execute(READ, (list(names),)).fetchall())
            seen = cursor.execute(SEEN, (source, list(ids))).fetchall() if ids else []
            change = merge({one for (one,) in seen}, {name: held.get(name) for name in names})
            if gone := [name for name, value in change.values.items() if value is None]:
                cursor.execute(DROP, (gone,))
            if ordered := sorted((n, v) for n, v in change.values.items() if v is not None):
                cursor.execute(WRITE, ([n for n, _ in ordered], [v for _, v in ordered]))
            if change.ids:
                cursor.execute(NOTE, (source, list(change.ids), list(change.ids.values())))
            return change

        return self._run(work, write=True)

    def names(self, prefix: str) -> Iterator[list[str]]:
        """Walk the names that begin with a prefix; see `States`."""
        last = ""
        while names := self._after(last, prefix):
            yield names
            last = names[-1]

    def _after(self, last: str, prefix: str) -> list[str]:
        def work(cursor: Any) -> list[str]:
            return [name for (name,) in cursor.execute(WALK, (last, prefix)).fetchall()]

        return self._run(work, write=False)

    def forget(self, source: str, before: int) -> None:
        """Drop old ids; see `States`."""
        self._run(lambda cursor: cursor.execute(FORGET, (source, before)), write=True)

    def close(self) -> None:
        """Let go of connections."""
        if self._opened is not None:
            self._opened.close()

    def _run(self, work: Callable[[Any], T], *, write: bool) -> T:
        def with_cursor(connection: Any) -> T:
            with connection.connection.driver_connection.cursor() as cursor:
                return work(cursor)

        psycopg = _psycopg()
        lost: tuple[Any, ...] = (
            sa.exc.OperationalError,
            sa.exc.InterfaceError,
            sa.exc.TimeoutError,
        )
        lost += (psycopg.OperationalError, psycopg.InterfaceError, UnavailableError)
        try:
            database = self._database()
            return database.write(with_cursor) if write else database.read(with_cursor)
        except lost as error:
            raise StoreLostError(
                "The online store in PostgreSQL does not answer",
                why=str(error).strip().splitlines()[0],
                fix="Come again; rows that were not acknowledged may be sent again",
            ) from error

    def _database(self) -> Database:
        with self._opening:
            if self._opened is None:
                self._opened = Database(self._url, METADATA, name="features_online")
            return self._opened


def _psycopg() -> Any:
    from dovetail.base.extras import require

    return require("psycopg", extra="postgres", feature="an online store in PostgreSQL")
