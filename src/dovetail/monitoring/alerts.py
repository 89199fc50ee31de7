"""Alerts: raised once, kept until somebody resolves them, told to whoever listens.

At most one alert of a kind is active for a model version, so evidence that stays does not repeat
itself every day. Each change of an alert leaves as a CloudEvent from `outbox.py`.
"""

from datetime import datetime
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.ids import new_id
from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.monitoring.errors import AlertUnknownError
from dovetail.wire.monitoring import Alert

Status = Literal["open", "acknowledged", "resolved"]
STATUSES = ("open", "acknowledged", "resolved")


class Alerts:
    """The alerts in a database.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        told: Whether there is a webhook that wants to be told.
    """

    def __init__(self, database: Database, *, told: bool = False) -> None:
        self._database, self._told = database, told

    def raise_in(self, connection: Connection, alert: Alert) -> Alert | None:
        """Raise an alert within a transaction; None where one of its kind is active already."""
        made = msgspec.structs.replace(alert, id=new_id())
        statement = (
            insert(t.alerts, self._database.dialect)
            .values(**self._row(made), id=made.id)
            .on_conflict_do_nothing()
            .returning(t.alerts.c.id)
        )
        return made if connection.execute(statement).first() is not None else None

    def change_in(
        self, connection: Connection, alert_id: str, status: Status, by: str, at: datetime
    ) -> tuple[Alert, Alert]:
        """Acknowledge or resolve an alert within a transaction; what is resolved stays so.

        Returns:
            The alert as it was and as it is.

        Raises:
            AlertUnknownError: There is none with this id.
        """
        c = t.alerts.c
        body = connection.scalar(sa.select(c.body).where(c.id == alert_id))
        if body is None:
            raise AlertUnknownError(alert_id)
        alert = msgspec.json.decode(body, type=Alert)
        if alert.status in ("resolved", status):
            return alert, alert
        changed = msgspec.structs.replace(
            alert, status=status, changed=at.isoformat(timespec="seconds"), changed_by=by
        )
        connection.execute(sa.update(t.alerts).where(c.id == alert_id).values(**self._row(changed)))
        return alert, changed

    def find(self, *, status: str = "", model: str = "", limit: int = 500) -> list[Alert]:
        """The alerts, newest first.

        Args:
            status: Only those; "active" for all that are not resolved, "" for all.
            model: Only those of one model.
            limit: At most so many.
        """
        c = t.alerts.c
        query = sa.select(c.body).order_by(c.id.desc()).limit(limit)
        if status == "active":
            query = query.where(c.status != "resolved")
        elif status:
            query = query.where(c.status == status)
        if model:
            query = query.where(c.model == model)
        bodies = self._database.read(lambda x: list(x.execute(query).scalars()))
        return [msgspec.json.decode(body, type=Alert) for body in bodies]

    def unsent(self, limit: int = 50) -> list[Alert]:
        """The alerts whose latest state the webhook has not taken yet, oldest first."""
        c = t.alerts.c
        query = sa.select(c.body).where(c.unsent).order_by(c.id).limit(limit)
        bodies = self._database.read(lambda x: list(x.execute(query).scalars()))
        return [msgspec.json.decode(body, type=Alert) for body in bodies]

    def sent(self, alert: Alert) -> None:
        """Note that the webhook has this state of an alert."""
        here = (t.alerts.c.id == alert.id) & (t.alerts.c.status == alert.status)
        statement = sa.update(t.alerts).where(here).values(unsent=False)
        self._database.write(lambda c: c.execute(statement))

    def _row(self, alert: Alert) -> dict[str, object]:
        return {
            "model": alert.model,
            "version": alert.version or "",
            "kind": alert.kind,
            "status": alert.status,
            "body": msgspec.json.encode(alert),
            "unsent": self._told,
        }
