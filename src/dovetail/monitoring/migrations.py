"""How a store of an earlier version becomes one of this version."""

from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.base.migrations import Migration
from dovetail.monitoring import tables as t
from dovetail.wire.monitoring import Alert

__all__ = ["MIGRATIONS"]


def _add_deliveries(ops: Any) -> None:
    """Add the tables that are new; a row for each receiver takes the place of one mark."""
    connection = ops.get_bind()
    t.metadata.create_all(connection)
    connection.execute(
        sa.text(
            "INSERT INTO deliveries (alert, receiver, revision, due_ms, tries) "
            "SELECT id, 'webhook', 1, 0, 0 FROM alerts WHERE unsent"
        )
    )
    ops.drop_column("alerts", "unsent")


def _add_standings(ops: Any) -> None:
    """Add the tables that are new; an alert's severity gets a column, to order models by."""
    connection = ops.get_bind()
    t.metadata.create_all(connection)
    known = {column["name"] for column in sa.inspect(connection).get_columns("alerts")}
    if "severity" not in known:
        ops.add_column("alerts", sa.Column("severity", sa.String(8), server_default="warn"))
    alarms = [
        row.id
        for row in connection.execute(sa.select(t.alerts.c.id, t.alerts.c.body))
        if msgspec.json.decode(row.body, type=Alert).severity == "alarm"
    ]
    for alert_id in alarms:
        mine = t.alerts.c.id == alert_id
        connection.execute(sa.update(t.alerts).where(mine).values(severity="alarm"))


def _add_classes(ops: Any) -> None:
    """Add what models of several classes answer, and outcomes that are names."""
    connection = ops.get_bind()
    t.metadata.create_all(connection)
    known = sa.inspect(connection)
    for table, column in ((t.inferences, "shares"), (t.outcomes, "texts")):
        if column not in {one["name"] for one in known.get_columns(table.name)}:
            ops.add_column(table.name, sa.Column(column, sa.LargeBinary))


def _add_sources(ops: Any) -> None:
    """Add the table of how far other tables were read."""
    t.metadata.create_all(ops.get_bind())


def _add_names(ops: Any) -> None:
    """Add the classes that models name which state no probabilities."""
    connection = ops.get_bind()
    t.metadata.create_all(connection)
    known = {one["name"] for one in sa.inspect(connection).get_columns(t.inferences.name)}
    if "names" not in known:
        ops.add_column(t.inferences.name, sa.Column("names", sa.LargeBinary))


MIGRATIONS = (
    Migration("receivers of alerts, and what was done with alerts", _add_deliveries),
    Migration("how models stand, and whether their feeds are silent", _add_standings),
    Migration("probabilities of classes, and outcomes that are names", _add_classes),
    Migration("how far tables were read", _add_sources),
    Migration("classes that are answered by name", _add_names),
)
