"""The table of what happened to models, versions, stages and aliases, oldest first.

Rows are only ever added. They carry names, not keys, because a name is what a program loads by:
the last row of `flights`, alias `champion`, not later than an instant says what
`models:/flights@champion` meant then, whatever was renamed or deleted since.
"""

import sqlalchemy as sa

from dovetail.tracking.store.schema import metadata

__all__ = ["registry_history"]

registry_history = sa.Table(
    "registry_history",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("topic", sa.String(8), nullable=False),
    sa.Column("subject", sa.String(256), nullable=False),
    sa.Column("before", sa.String(256)),
    sa.Column("after", sa.String(256)),
    sa.Column("cause", sa.String(16), nullable=False),
    sa.Index("registry_history_subject", "name", "topic", "subject", "id"),
    sa.Index("registry_history_name", "name", "id"),
    sqlite_autoincrement=True,
)
