"""Alerts: raised once, kept until somebody resolves them, told to whoever listens.

At most one alert of a kind is active for a model version, so evidence that stays does not repeat
itself every day. Whatever is done with an alert is recorded with who and when, in the transaction
that does it and that notes whom to tell (`deliveries.py`).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.ids import new_id
from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.monitoring.deliveries import Deliveries
from dovetail.monitoring.errors import AlertUnknownError
from dovetail.wire.monitoring import Alert, AlertChange

Status = Literal["open", "acknowledged", "resolved"]
STATUSES = ("open", "acknowledged", "resolved")
Decide = Callable[[Alert], tuple[Alert | None, list[str]]]
"""Gives what becomes of a finding, None for no alert, and whom to tell."""


def _keep_all(alert: Alert) -> tuple[Alert | None, list[str]]:
    return alert, []


class Alerts:
    """The alerts in a database.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        decide: What becomes of findings; all are kept and nobody is told if not given.
    """

    def __init__(self, database: Database, decide: Decide = _keep_all) -> None:
        self._database, self._decide = database, decide
        self.deliveries = Deliveries(database)

    def raise_in(self, connection: Connection, alert: Alert) -> Alert | None:
        """Raise an alert within a transaction.

        Returns:
            The alert; None where one of its kind is active already, or where the rules want none.
        """
        decided, receivers = self._decide(alert)
        if decided is None:
            return None
        made = msgspec.structs.replace(decided, id=new_id())
        statement = (
            insert(t.alerts, self._database.dialect)
            .values(**_row(made), id=made.id)
            .on_conflict_do_nothing()
            .returning(t.alerts.c.id)
        )
        if connection.execute(statement).first() is None:
            return None
        self.deliveries.begin_in(connection, made.id, receivers)
        return made

    def get(self, alert_id: str) -> Alert:
        """Return an alert.

        Raises:
            AlertUnknownError: There is none with this id.
        """
        return self._database.read(lambda c: self.get_in(c, alert_id))

    def get_in(self, connection: Connection, alert_id: str) -> Alert:
        """Return an alert within a transaction.

        Raises:
            AlertUnknownError: There is none with this id.
        """
        c = t.alerts.c
        body = connection.scalar(sa.select(c.body).where(c.id == alert_id))
        if body is None:
            raise AlertUnknownError(alert_id)
        return msgspec.json.decode(body, type=Alert)

    def change_in(
        self,
        connection: Connection,
        alert_id: str,
        status: Status,
        by: str,
        at: datetime,
        reason: str = "",
    ) -> tuple[Alert, Alert]:
        """Acknowledge or resolve an alert within a transaction; what is resolved stays so.

        Returns:
            The alert as it was and as it is.

        Raises:
            AlertUnknownError: There is none with this id.
        """
        alert = self.get_in(connection, alert_id)
        if alert.status in ("resolved", status):
            return alert, alert
        changed = msgspec.structs.replace(
            alert,
            status=status,
            changed=at.isoformat(timespec="seconds"),
            changed_by=by,
            reason=reason or None,
        )
        self._write(connection, changed, status, reason)
        if status == "resolved":
            self.deliveries.change_in(connection, alert_id)
        else:
            self._told_later(connection, changed)
        return alert, changed

    def silence_in(
        self,
        connection: Connection,
        alert_id: str,
        until: datetime,
        by: str,
        at: datetime,
        reason: str,
    ) -> Alert:
        """Tell nobody of an active alert until a moment, within a transaction.

        Raises:
            AlertUnknownError: There is none with this id.
        """
        alert = self.get_in(connection, alert_id)
        if alert.status == "resolved":
            return alert
        changed = msgspec.structs.replace(
            alert,
            silenced_until=until.isoformat(timespec="seconds"),
            changed=at.isoformat(timespec="seconds"),
            changed_by=by,
            reason=reason,
        )
        self._write(connection, changed, "silenced", reason)
        self._told_later(connection, changed)
        return changed

    def _told_later(self, connection: Connection, alert: Alert) -> None:
        """Tell of a change, but not before a silence ends."""
        until = alert.silenced_until
        due_ms = int(datetime.fromisoformat(until).timestamp() * 1000) if until else 0
        self.deliveries.change_in(connection, alert.id, due_ms)

    def _write(self, connection: Connection, alert: Alert, action: str, reason: str) -> None:
        here = t.alerts.c.id == alert.id
        connection.execute(sa.update(t.alerts).where(here).values(**_row(alert)))
        change = {
            "alert": alert.id,
            "at": alert.changed,
            "by": alert.changed_by,
            "action": action,
            "reason": reason,
            "until": alert.silenced_until if action == "silenced" else None,
        }
        connection.execute(sa.insert(t.alert_changes).values(change))

    def history(self, alert_id: str) -> list[AlertChange]:
        """What was done with an alert, oldest first.

        Raises:
            AlertUnknownError: There is none with this id.
        """
        c = t.alert_changes.c
        query = sa.select(c["at"], c.by, c.action, c.reason, c.until)
        query = query.where(c.alert == alert_id).order_by(c.id)

        def work(connection: Connection) -> list[AlertChange]:
            self.get_in(connection, alert_id)
            rows = connection.execute(query).mappings()
            return [AlertChange(**row) for row in rows]

        return self._database.read(work)

    def done(self, model: str, limit: int = 50) -> list[tuple[Alert, AlertChange]]:
        """What was done with the alerts of a model, newest first.

        Args:
            model: The model.
            limit: At most so many.
        """
        c, a = t.alert_changes.c, t.alerts.c
        query = (
            sa.select(a.body, c["at"], c.by, c.action, c.reason, c.until)
            .join(t.alerts, a.id == c.alert)
            .where(a.model == model)
            .order_by(c.id.desc())
            .limit(limit)
        )
        rows = self._database.read(lambda x: list(x.execute(query).mappings()))
        return [
            (
                msgspec.json.decode(row["body"], type=Alert),
                AlertChange(**{name: value for name, value in row.items() if name != "body"}),
            )
            for row in rows
        ]

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

    def is_active(self, model: str, version: str, kind: str) -> bool:
        """Whether there is an active alert of a kind for a version."""
        c = t.alerts.c
        query = sa.select(c.id).where(c.model == model, c.version == version, c.kind == kind)
        query = query.where(c.status != "resolved").limit(1)
        return self._database.read(lambda x: x.scalar(query)) is not None

    def active(self) -> dict[tuple[str, str], int]:
        """How many alerts are active, by model and kind."""
        c = t.alerts.c
        query = sa.select(c.model, c.kind, sa.func.count()).where(c.status != "resolved")
        rows = self._database.read(lambda x: x.execute(query.group_by(c.model, c.kind)).all())
        return {(model, kind): number for model, kind, number in rows}


def _row(alert: Alert) -> dict[str, object]:
    return {
        "model": alert.model,
        "version": alert.version or "",
        "kind": alert.kind,
        "status": alert.status,
        "severity": alert.severity,
        "body": msgspec.json.encode(alert),
    }
