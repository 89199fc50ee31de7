"""Deliveries of webhooks in the database: a queue that outlives the process.

Several servers may share one PostgreSQL: a delivery is claimed before it is sent, and a claim that
was not settled in time, because its server died, is void.
"""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store.webhooks import ACTIVE
from dovetail.tracking.store.webhooks_schema import deliveries, webhooks

__all__ = [
    "DELIVERED",
    "FAILED",
    "MOST_WAITING",
    "add",
    "cancel",
    "claim",
    "failing",
    "newest",
    "next_due",
    "prune",
    "reclaim",
    "record_test",
    "retry",
    "settle",
]

WAITING, SENDING, DELIVERED, FAILED = "waiting", "sending", "delivered", "failed"
OPEN = (WAITING, SENDING)
MOST_WAITING = 10_000
KEPT = 1000
_d = deliveries
_backlog = sa.select(sa.func.count()).select_from(
    sa.select(_d.c.id)
    .where(_d.c.webhook_id == sa.bindparam("webhook"), _d.c.state == WAITING)
    .limit(MOST_WAITING)
    .subquery()
)


def add(
    connection: Connection, webhook: str, event: str, delivery_id: str, body: str, now: int
) -> None:
    """Put a delivery into the queue; where that is full it counts as failed at once."""
    full = (connection.scalar(_backlog, {"webhook": webhook}) or 0) >= MOST_WAITING
    connection.execute(
        sa.insert(_d).values(
            delivery_id=delivery_id,
            webhook_id=webhook,
            event=event,
            is_test=False,
            body=body,
            created=now,
            state=FAILED if full else WAITING,
            due=0,  # at once, whatever clock `now` is told by
            attempts=0,
            error=f"{MOST_WAITING} deliveries were waiting already" if full else None,
            finished=now if full else None,
        )
    )


def record_test(connection: Connection, values: dict[str, Any]) -> None:
    """Note a test that was sent."""
    connection.execute(sa.insert(_d).values(**values, is_test=True, attempts=1))


def claim(
    connection: Connection, now: int, until: int, limit: int, busy: Collection[str]
) -> list[Row[Any]]:
    """Take due deliveries for sending, with their webhooks.

    Args:
        connection: a connection in a transaction.
        now: milliseconds since 1970, as all times here.
        until: when the claim is void.
        limit: how many at most.
        busy: webhooks that shall get no more for now.
    """
    query = (
        sa.select(_d, webhooks.c.url, webhooks.c.secret, webhooks.c.name)
        .join(webhooks, webhooks.c.webhook_id == _d.c.webhook_id)
        .where(_d.c.state.in_(OPEN), _d.c.due <= now, _d.c.webhook_id.not_in(list(busy)))
        .where(webhooks.c.status == ACTIVE)
        .order_by(_d.c.due, _d.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=_d)
    )
    rows = list(connection.execute(query))
    if rows:
        taken = _d.c.id.in_([row.id for row in rows])
        connection.execute(
            sa.update(_d).where(taken).values(state=SENDING, due=until, attempts=_d.c.attempts + 1)
        )
    return rows


def settle(connection: Connection, delivery: int, **values: Any) -> None:
    """Write what became of an attempt, unless the delivery was settled or removed meanwhile."""
    which = (_d.c.id == delivery) & (_d.c.state == SENDING)
    connection.execute(sa.update(_d).where(which).values(**values))


def retry(connection: Connection, delivery: int, due: int, **values: Any) -> None:
    """Put a delivery back until it is due again."""
    settle(connection, delivery, state=WAITING, due=due, **values)


def cancel(connection: Connection, webhook: str, why: str, now: int) -> None:
    """Give up every open delivery of a webhook."""
    which = (_d.c.webhook_id == webhook) & _d.c.state.in_(OPEN)
    connection.execute(sa.update(_d).where(which).values(state=FAILED, error=why, finished=now))


def reclaim(connection: Connection, now: int, which: Sequence[int] | None = None) -> None:
    """Make claims void, so that the deliveries are due.

    Args:
        connection: a connection in a transaction.
        now: milliseconds since 1970.
        which: only these; all of them only where one process has the database for itself.
    """
    left = _d.c.state == SENDING
    if which is not None:
        left &= _d.c.id.in_(which)
    connection.execute(sa.update(_d).where(left).values(state=WAITING, due=now))


def next_due(connection: Connection, busy: Collection[str]) -> int | None:
    """Return when the next open delivery is due, or None."""
    query = (
        sa.select(sa.func.min(_d.c.due))
        .join(webhooks, webhooks.c.webhook_id == _d.c.webhook_id)
        .where(_d.c.state.in_(OPEN), webhooks.c.status == ACTIVE)
        .where(_d.c.webhook_id.not_in(list(busy)))
    )
    due: int | None = connection.scalar(query)
    return due


def prune(connection: Connection, webhook: str) -> None:
    """Forget all but the newest thousand settled deliveries of a webhook."""
    own = (_d.c.webhook_id == webhook) & _d.c.state.not_in(OPEN)
    oldest = (
        sa.select(_d.c.id).where(own).order_by(_d.c.id.desc()).offset(KEPT).limit(1)
    ).scalar_subquery()
    connection.execute(sa.delete(_d).where(own, _d.c.id <= oldest))


def newest(connection: Connection, webhook: str | None, limit: int) -> list[Row[Any]]:
    """Return the newest deliveries with the names of their webhooks.

    Args:
        connection: where to read.
        webhook: only of this one.
        limit: how many at most.
    """
    columns = [c for c in _d.c if c.name != "body"]
    query = sa.select(*columns, webhooks.c.name).join(
        webhooks, webhooks.c.webhook_id == _d.c.webhook_id
    )
    if webhook:
        query = query.where(_d.c.webhook_id == webhook)
    return list(connection.execute(query.order_by(_d.c.id.desc()).limit(limit)))


def failing(connection: Connection) -> list[Row[Any]]:
    """Return name, error and number of attempts of active webhooks whose last delivery failed."""
    newest_settled = (
        sa.select(sa.func.max(_d.c.id))
        .where(_d.c.state.not_in(OPEN))
        .group_by(_d.c.webhook_id)
        .scalar_subquery()
    )
    query = (
        sa.select(webhooks.c.name, _d.c.error, _d.c.attempts)
        .join(webhooks, webhooks.c.webhook_id == _d.c.webhook_id)
        .where(_d.c.id.in_(newest_settled), _d.c.state == FAILED, webhooks.c.status == ACTIVE)
        .order_by(webhooks.c.name)
    )
    return list(connection.execute(query))
