"""Webhooks in the database: who wants to hear of what."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import MissingResourceError
from dovetail.tracking.store.webhooks_schema import deliveries, webhook_events, webhooks
from dovetail.wire.mlflow import Webhook, WebhookEvent

__all__ = ["ACTIVE", "change", "create", "delete", "entities", "find", "get", "subscribers"]

ACTIVE = "ACTIVE"
_subscribers = (
    sa.select(webhook_events.c.webhook_id, webhook_events.c.entity, webhook_events.c.action)
    .join(webhooks, webhooks.c.webhook_id == webhook_events.c.webhook_id)
    .where(
        webhook_events.c.entity.in_(sa.bindparam("entities", expanding=True)),
        webhook_events.c.action == sa.bindparam("action"),
        webhooks.c.status == ACTIVE,
    )
)


def create(
    connection: Connection, values: Mapping[str, Any], events: Sequence[WebhookEvent]
) -> None:
    """Insert a webhook with its events."""
    connection.execute(sa.insert(webhooks).values(**values))
    _add_events(connection, values["webhook_id"], events)


def _add_events(connection: Connection, webhook: str, events: Sequence[WebhookEvent]) -> None:
    rows = [
        {"webhook_id": webhook, "entity": one.entity, "action": one.action}
        for one in dict.fromkeys(events)
    ]
    connection.execute(sa.insert(webhook_events), rows)


def get(connection: Connection, webhook: str) -> Row[Any]:
    """Return the row of a webhook.

    Raises:
        MissingResourceError: there is none.
    """
    which = sa.select(webhooks).where(webhooks.c.webhook_id == webhook)
    row = connection.execute(which).first()
    if row is None:
        raise MissingResourceError(f"Webhook with ID {webhook} not found.")
    return row


def change(
    connection: Connection,
    webhook: str,
    values: Mapping[str, Any],
    events: Sequence[WebhookEvent] = (),
) -> None:
    """Change columns of a webhook, and its events if any are given."""
    which = webhooks.c.webhook_id == webhook
    connection.execute(sa.update(webhooks).where(which).values(**values))
    if events:
        connection.execute(sa.delete(webhook_events).where(webhook_events.c.webhook_id == webhook))
        _add_events(connection, webhook, events)


def delete(connection: Connection, webhook: str) -> None:
    """Remove a webhook with all its deliveries."""
    get(connection, webhook)
    for table in (deliveries, webhook_events, webhooks):
        connection.execute(sa.delete(table).where(table.c.webhook_id == webhook))


def find(connection: Connection, window: tuple[int, int]) -> list[Row[Any]]:
    """Return rows of webhooks, newest first.

    Args:
        connection: where to read.
        window: offset and limit.
    """
    order = (webhooks.c.creation_timestamp.desc(), webhooks.c.webhook_id)
    query = sa.select(webhooks).order_by(*order).offset(window[0]).limit(window[1])
    return list(connection.execute(query))


def entities(connection: Connection, rows: Sequence[Row[Any]]) -> list[Webhook]:
    """Return rows of webhooks as they are seen from outside."""
    order = (webhook_events.c.entity, webhook_events.c.action)
    wanted = webhook_events.c.webhook_id.in_([row.webhook_id for row in rows])
    events: dict[str, list[WebhookEvent]] = {}
    for one in connection.execute(sa.select(webhook_events).where(wanted).order_by(*order)):
        events.setdefault(one.webhook_id, []).append(WebhookEvent(one.entity, one.action))
    return [
        Webhook(
            webhook_id=row.webhook_id,
            name=row.name,
            description=row.description or None,
            url=row.url,
            events=tuple(events.get(row.webhook_id, ())),
            status=row.status,
            creation_timestamp=row.creation_timestamp,
            last_updated_timestamp=row.last_updated_timestamp,
        )
        for row in rows
    ]


def subscribers(
    connection: Connection, wanted: Sequence[str], action: str
) -> list[tuple[str, WebhookEvent]]:
    """Return the active webhooks that hear of an action, each with the event that it asked for.

    Args:
        connection: where to read.
        wanted: entities.
        action: what happens to one of them.
    """
    given = {"entities": wanted, "action": action}
    return [
        (row.webhook_id, WebhookEvent(row.entity, row.action))
        for row in connection.execute(_subscribers, given)
    ]
