"""How a store of an earlier version becomes one of this version."""

from typing import Any

import sqlalchemy as sa

from dovetail.base.migrations import Migration
from dovetail.monitoring import tables as t

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


MIGRATIONS = (Migration("receivers of alerts, and what was done with alerts", _add_deliveries),)
