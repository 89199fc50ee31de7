"""How a tracking store made by an earlier version gets what later ones added.

Tables that came later live in schema modules of their own, on the same `metadata`; a fresh store
has them all from the start, an older one gets them by the step that is listed here.
"""

from typing import Any

import sqlalchemy as sa

from dovetail.base.clock import SystemClock, now_ms
from dovetail.base.migrations import Migration
from dovetail.tracking.store import (
    history,
    retention_schema,
    sizes_schema,
    tidy_schema,
    traces_schema,
)
from dovetail.tracking.store import webhooks_schema as webhooks
from dovetail.tracking.store.history_schema import registry_history
from dovetail.tracking.store.moves_schema import moved, moves
from dovetail.tracking.store.rollup_schema import blocks, rollups
from dovetail.tracking.store.table_schema import INDEXES

__all__ = ["MIGRATIONS"]


def _new_tables(name: str, *tables: sa.Table) -> Migration:
    """Return the step that adds tables, with their indexes."""

    def upgrade(operations: Any) -> None:
        for table in tables:
            table.create(operations.get_bind(), checkfirst=True)

    return Migration(name, upgrade)


def _with_history(operations: Any) -> None:
    """Add the history of the registry; it begins with what there is now."""
    connection = operations.get_bind()
    registry_history.create(connection, checkfirst=True)
    history.begin_known(connection, history.Change(now_ms(SystemClock())))


def _new_indexes(name: str, *indexes: sa.Index) -> Migration:
    """Return the step that adds indexes, each where its database has it."""

    def upgrade(operations: Any) -> None:
        connection = operations.get_bind()
        for index in indexes:
            if index.info.get("only", connection.dialect.name) == connection.dialect.name:
                connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    return Migration(name, upgrade)


MIGRATIONS: tuple[Migration, ...] = (
    Migration("history of the registry", _with_history),
    _new_tables("webhooks", webhooks.webhooks, webhooks.webhook_events, webhooks.deliveries),
    _new_tables("what is removed for good", *tidy_schema.TABLES),
    _new_tables("moves", moves, moved),
    _new_tables("traces", *traces_schema.TABLES),
    _new_tables("rollups of metrics", rollups, blocks),
    _new_indexes("indexes for the table of runs", *INDEXES),
    _new_tables("retention rules", *retention_schema.TABLES),
    _new_tables("sizes of experiments", sizes_schema.experiment_sizes),
)
"""All steps ever, oldest first; a step that has shipped never changes."""
