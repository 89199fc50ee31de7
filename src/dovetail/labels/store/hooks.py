"""Rows of webhooks, and of what is to be told to them.

A delivery is written in the transaction of the change, so that a change that is undone tells
nothing, and one that was acknowledged is told of even if the server dies before it was.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.labels.store.tables import metadata

__all__ = [
    "active",
    "add",
    "change",
    "claim",
    "deliveries",
    "find",
    "hooks",
    "list_some",
    "next_due",
    "put_off",
    "queue",
    "remove",
    "settle",
]

hooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("project_id", sa.ForeignKey("projects.id", ondelete="CASCADE")),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("send_payload", sa.Boolean, nullable=False),
    sa.Column("send_for_all_actions", sa.Boolean, nullable=False),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("secrets", sa.Text, nullable=False, comment="headers and secret, sealed"),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("updated_at", sa.String(32), nullable=False),
    sqlite_autoincrement=True,
)

deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("webhook_id", sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    sa.Column("project_id", sa.Integer),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("numbers", sa.Text, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)


def add(c: Connection, values: dict[str, Any]) -> int:
    """Make a webhook and return its id."""
    return int(c.execute(sa.insert(hooks).values(values)).inserted_primary_key[0])  # type: ignore[index]


def find(c: Connection, number: int) -> Row[Any] | None:
    """Return a webhook."""
    return c.execute(sa.select(hooks).where(hooks.c.id == number)).first()


def list_some(c: Connection, project: int | None) -> Sequence[Row[Any]]:
    """Return the webhooks of a project, or all."""
    query = sa.select(hooks).order_by(hooks.c.id)
    if project is not None:
        query = query.where(hooks.c.project_id == project)
    return c.execute(query).all()


def active(c: Connection) -> Sequence[Row[Any]]:
    """Return what decides who is told: id, project, actions."""
    wanted = (hooks.c.id, hooks.c.project_id, hooks.c.send_for_all_actions, hooks.c.actions)
    query: sa.Select[Any] = sa.select(*wanted).where(hooks.c.is_active.is_(True))
    return c.execute(query).all()


def change(c: Connection, number: int, values: dict[str, Any]) -> None:
    """Change a webhook."""
    c.execute(sa.update(hooks).where(hooks.c.id == number).values(values))


def remove(c: Connection, number: int) -> bool:
    """Delete a webhook and what it would have been told."""
    c.execute(sa.delete(deliveries).where(deliveries.c.webhook_id == number))
    return bool(c.execute(sa.delete(hooks).where(hooks.c.id == number)).rowcount)


def queue(c: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write what is to be told."""
    c.execute(sa.insert(deliveries), list(rows))


def next_due(c: Connection, busy: Sequence[int] = ()) -> int | None:
    """Return when the next delivery is due, in milliseconds; None where there is none."""
    query = sa.select(sa.func.min(deliveries.c.due_ms))
    found = c.execute(query.where(deliveries.c.webhook_id.not_in(busy)) if busy else query).scalar()
    return None if found is None else int(found)


def claim(
    c: Connection, now_ms: int, until_ms: int, limit: int, busy: Sequence[int] = ()
) -> list[tuple[Row[Any], Row[Any]]]:
    """Take what is due, so that no other server does, and return each with its webhook.

    Args:
        c: a transaction.
        now_ms: what time it is.
        until_ms: when it is due again, should this server die.
        limit: how many at most.
        busy: webhooks that are being called now.
    """
    query = sa.select(deliveries).where(deliveries.c.due_ms <= now_ms)
    if busy:
        query = query.where(deliveries.c.webhook_id.not_in(busy))
    query = query.order_by(deliveries.c.due_ms, deliveries.c.id).limit(limit)
    found = c.execute(query.with_for_update(skip_locked=True)).all()
    if not found:
        return []
    numbers = [row.id for row in found]
    c.execute(sa.update(deliveries).where(deliveries.c.id.in_(numbers)).values(due_ms=until_ms))
    owners = {
        row.id: row
        for row in c.execute(
            sa.select(hooks).where(hooks.c.id.in_({row.webhook_id for row in found}))
        )
    }
    return [(row, owners[row.webhook_id]) for row in found if row.webhook_id in owners]


def settle(c: Connection, number: int) -> None:
    """Forget a delivery that was made, or given up."""
    c.execute(sa.delete(deliveries).where(deliveries.c.id == number))


def put_off(c: Connection, number: int, attempts: int, due_ms: int) -> None:
    """Try again later."""
    values = {"attempts": attempts, "due_ms": due_ms}
    c.execute(sa.update(deliveries).where(deliveries.c.id == number).values(values))
