"""The tables of webhooks: where events go, which events, and the deliveries themselves.

A delivery is written in the transaction of the change that it tells of, so that neither exists
without the other, and stays until it is delivered or given up. `due` is when to try next; while an
attempt is under way it is when that attempt counts as lost.
"""

import sqlalchemy as sa

from dovetail.tracking.store.schema import metadata

__all__ = ["deliveries", "webhook_events", "webhooks"]

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("webhook_id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("secret", sa.Text),
    sa.Column("creation_timestamp", sa.BigInteger, nullable=False),
    sa.Column("last_updated_timestamp", sa.BigInteger, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)

webhook_events = sa.Table(
    "webhook_events",
    metadata,
    sa.Column("webhook_id", sa.ForeignKey("webhooks.webhook_id"), nullable=False),
    sa.Column("entity", sa.String(32), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.PrimaryKeyConstraint("webhook_id", "entity", "action"),
    sa.Index("webhook_events_of", "entity", "action"),
)

deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("delivery_id", sa.String(36), nullable=False, unique=True),
    sa.Column("webhook_id", sa.ForeignKey("webhooks.webhook_id"), nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("is_test", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("took", sa.Integer),
    sa.Column("finished", sa.BigInteger),
    sa.Index("webhook_deliveries_due", "state", "due"),
    sa.Index("webhook_deliveries_newest", "webhook_id", "id"),
)
