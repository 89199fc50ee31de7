"""An append-only, hash-chained log in a table.

Each entry's hash covers its content and the hash before it, so a changed, removed or reordered
entry is found by `Chain.verify`. The audit log of `dovetail.web` and the record of
`dovetail.governance` are both chains.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.errors import IntegrityError
from dovetail.base.sql import Database

__all__ = ["Chain", "Entry", "chain_table"]

GENESIS = "0" * 64


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a chain.

    Attributes:
        number: position, from 1 without gaps.
        at: when it was appended, RFC 3339 in UTC.
        actor: who did it.
        kind: what was done, for example `alias.set`.
        subject: to which thing.
        body: the facts, as JSON.
        previous: hash of the entry before, hex SHA-256.
        hash: hash of this entry, hex SHA-256.
    """

    number: int
    at: str
    actor: str
    kind: str
    subject: str
    body: dict[str, Any]
    previous: str
    hash: str


def chain_table(name: str, metadata: sa.MetaData) -> sa.Table:
    """Define the table of a chain in a piece's metadata."""
    return sa.Table(
        name,
        metadata,
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False, index=True),
        sa.Column("subject", sa.Text, nullable=False, index=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


class Chain:
    """Appends to and checks one chain.

    Args:
        database: where the table lives.
        table: made by `chain_table`.
    """

    def __init__(self, database: Database, table: sa.Table) -> None:
        self._database, self._table = database, table

    def append(
        self,
        *,
        actor: str,
        kind: str,
        subject: str,
        body: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        """Append one entry durably and return it."""
        return self._database.write(
            lambda connection: self.append_in(
                connection, actor=actor, kind=kind, subject=subject, body=body, at=at
            )
        )

    def append_in(
        self,
        connection: Connection,
        *,
        actor: str,
        kind: str,
        subject: str,
        body: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        """Append inside the caller's transaction, so that act and record are one."""
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text(f'LOCK TABLE "{self._table.name}" IN EXCLUSIVE MODE'))
        last = connection.execute(
            sa.select(self._table.c.number, self._table.c.hash)
            .order_by(self._table.c.number.desc())
            .limit(1)
        ).first()
        number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
        stamp = (at or datetime.now(UTC)).astimezone(UTC).isoformat()
        text = msgspec.json.encode(dict(body), order="sorted").decode()
        row = {
            "number": number,
            "at": stamp,
            "actor": actor,
            "kind": kind,
            "subject": subject,
            "body": text,
            "previous": previous,
        }
        row["hash"] = _digest(row)
        connection.execute(sa.insert(self._table).values(row))
        return _entry(row)

    def newest_in(self, connection: Connection, *, kind: str, subject: str) -> Entry | None:
        """Return the newest entry of a kind about a subject, inside the caller's transaction."""
        query = (
            sa.select(self._table)
            .where(self._table.c.kind == kind, self._table.c.subject == subject)
            .order_by(self._table.c.number.desc())
            .limit(1)
        )
        row = connection.execute(query).mappings().first()
        return None if row is None else _entry(dict(row))

    def entries(
        self,
        *,
        subject: str | None = None,
        kind: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[Entry]:
        """Return entries, newest first.

        Args:
            subject: only those about this thing.
            kind: only those of this kind.
            limit: at most this many.
            before: only entries with a smaller number, for paging.
        """
        query = sa.select(self._table).order_by(self._table.c.number.desc()).limit(limit)
        if subject is not None:
            query = query.where(self._table.c.subject == subject)
        if kind is not None:
            query = query.where(self._table.c.kind == kind)
        if before is not None:
            query = query.where(self._table.c.number < before)
        return self._database.read(
            lambda c: [_entry(dict(row)) for row in c.execute(query).mappings()]
        )

    def verify(self) -> int:
        """Check every entry against its hash and its predecessor.

        Returns:
            How many entries there are.

        Raises:
            IntegrityError: the first entry that was changed, removed or reordered.
        """

        def check(connection: Connection) -> int:
            previous, count = GENESIS, 0
            query = sa.select(self._table).order_by(self._table.c.number)
            for row in connection.execute(query).mappings():
                count += 1
                intact = row["number"] == count and row["previous"] == previous
                if not intact or row["hash"] != _digest(dict(row)):
                    raise IntegrityError(
                        f"entry {count} of {self._table.name} is not what was recorded",
                        why="an entry was changed, removed or reordered after it was written",
                    )
                previous = row["hash"]
            return count

        return self._database.read(check)


def _digest(row: Mapping[str, Any]) -> str:
    fields = ("number", "at", "actor", "kind", "subject", "body", "previous")
    content = msgspec.json.encode([row[field] for field in fields])
    return hashlib.sha256(content).hexdigest()


def _entry(row: Mapping[str, Any]) -> Entry:
    values = {**row, "body": msgspec.json.decode(row["body"])}
    return Entry(**values)
