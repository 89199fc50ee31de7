"""The record: one hash-chained log, and what is read from it.

Nothing is kept twice. Evidence, approvals and the history of an alias are entries of the chain,
found by subject: `model/version` or `model@alias`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dovetail.base.chain import Chain, Entry, chain_table
from dovetail.base.clock import Clock
from dovetail.base.sql import Database

__all__ = ["Record"]

metadata = sa.MetaData()
record = chain_table("governance_record", metadata)
ALL = 1_000_000


class Record:
    """Appends to and reads the record.

    Args:
        url: the database.
        clock: dates the entries.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._database = Database(url, metadata, name="governance")
        self._chain = Chain(self._database, record)
        self._clock = clock

    def append(
        self,
        *,
        actor: str,
        kind: str,
        subject: str,
        body: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        """Append one entry durably; dated now unless `at` says otherwise."""
        when = at or self._clock.now()
        return self._chain.append(actor=actor, kind=kind, subject=subject, body=body, at=when)

    def append_once(
        self, *, actor: str, kind: str, subject: str, body: Mapping[str, Any], at: datetime | None
    ) -> Entry:
        """Append unless the newest entry of this kind and subject already says the same."""
        when = at or self._clock.now()

        def append(connection: sa.Connection) -> Entry:
            newest = self._chain.newest_in(connection, kind=kind, subject=subject)
            if newest is not None and newest.body == body and newest.actor == actor:
                return newest
            return self._chain.append_in(
                connection, actor=actor, kind=kind, subject=subject, body=body, at=when
            )

        return self._database.write(append)

    def entries(
        self,
        *,
        subject: str | None = None,
        kind: str | None = None,
        limit: int = ALL,
        before: int | None = None,
    ) -> Sequence[Entry]:
        """Return entries, newest first."""
        return self._chain.entries(subject=subject, kind=kind, limit=limit, before=before)

    def alias_at(self, model: str, alias: str, at: datetime | None) -> Entry | None:
        """Return the change that was in force at an instant; None if there was none yet.

        Args:
            model: the registered model.
            alias: the alias.
            at: the instant; None means now.
        """
        for entry in self.entries(subject=f"{model}@{alias}"):
            if entry.kind in ("alias.set", "alias.delete") and _not_after(entry, at):
                return entry
        return None

    def subjects(self, matches: Callable[[str], bool]) -> list[str]:
        """Return the distinct subjects that match, sorted."""
        query = sa.select(record.c.subject).distinct().order_by(record.c.subject)
        found = self._database.read(lambda c: [row.subject for row in c.execute(query)])
        return [subject for subject in found if matches(subject)]

    def verify(self) -> int:
        """Check the whole chain and return its length.

        Raises:
            IntegrityError: an entry was changed, removed or reordered.
        """
        return self._chain.verify()

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def _not_after(entry: Entry, at: datetime | None) -> bool:
    effective = datetime.fromisoformat(entry.body.get("effective", entry.at))
    return at is None or effective <= at
