"""What each receiver still has to be told, kept beside the alerts until it is told.

A row for an alert and a receiver is written in the transaction that raises the alert, and bumped in
the one that changes it. It goes on being due, at growing pauses, until the receiver took the latest
state, however long it is away and through every restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.wire.monitoring import Alert

__all__ = ["Deliveries", "Delivery"]

_FIRST_MS, _LONGEST_MS = 5_000, 600_000


@dataclass(frozen=True)
class Delivery:
    """One state of one alert for one receiver.

    Attributes:
        alert: The alert as it is.
        receiver: Who is to be told.
        revision: Which state this is; a later one is due on its own.
        tries: How many attempts at this state have failed.
    """

    alert: Alert
    receiver: str
    revision: int
    tries: int


class Deliveries:
    """The deliveries in a database.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_in(self, connection: Connection, alert_id: str, receivers: Sequence[str]) -> None:
        """Note, within a transaction, who is to be told of a new alert."""
        rows = [
            {"alert": alert_id, "receiver": name, "revision": 1, "due_ms": 0, "tries": 0}
            for name in dict.fromkeys(receivers)
        ]
        if rows:
            statement = insert(t.deliveries, self._database.dialect).on_conflict_do_nothing()
            connection.execute(statement, rows)

    def change_in(self, connection: Connection, alert_id: str, due_ms: int = 0) -> None:
        """Note, within a transaction, that an alert has changed, to be told from a moment on."""
        c = t.deliveries.c
        statement = sa.update(t.deliveries).where(c.alert == alert_id)
        connection.execute(statement.values(revision=c.revision + 1, due_ms=due_ms, tries=0))

    def due(self, now_ms: int, receivers: Sequence[str], limit: int = 100) -> list[Delivery]:
        """What is due to any of the receivers, what has waited longest first."""
        c, a = t.deliveries.c, t.alerts.c
        query = (
            sa.select(a.body, c.receiver, c.revision, c.tries)
            .join(t.alerts, a.id == c.alert)
            .where(c.due_ms <= now_ms, c.receiver.in_(receivers))
            .order_by(c.due_ms, c.alert)
            .limit(limit)
        )
        rows = self._database.read(lambda x: x.execute(query).all())
        return [
            Delivery(msgspec.json.decode(body, type=Alert), receiver, revision, tries)
            for body, receiver, revision, tries in rows
        ]

    def next_ms(self, receivers: Sequence[str]) -> int | None:
        """When the next one is due; None for never."""
        c = t.deliveries.c
        query = sa.select(sa.func.min(c.due_ms)).where(c.receiver.in_(receivers))
        found: int | None = self._database.read(lambda x: x.scalar(query))
        return found

    def told(self, delivery: Delivery, again_ms: int | None) -> None:
        """Note that a receiver has this state; it is told again at a moment, if ever."""
        self._set(delivery, due_ms=again_ms, tries=0)

    def failed(self, delivery: Delivery, now_ms: int) -> None:
        """Note that a receiver did not take it."""
        pause = min(_FIRST_MS << min(delivery.tries, 10), _LONGEST_MS)
        self._set(delivery, due_ms=now_ms + pause, tries=delivery.tries + 1)

    def hurry(self) -> None:
        """Let everything that failed before be due now."""
        statement = sa.update(t.deliveries).where(t.deliveries.c.tries > 0)
        self._database.write(lambda x: x.execute(statement.values(due_ms=0)))

    def _set(self, delivery: Delivery, *, due_ms: int | None, tries: int) -> None:
        c = t.deliveries.c
        here = (
            (c.alert == delivery.alert.id)
            & (c.receiver == delivery.receiver)
            & (c.revision == delivery.revision)
        )
        statement = sa.update(t.deliveries).where(here).values(due_ms=due_ms, tries=tries)
        self._database.write(lambda x: x.execute(statement))
