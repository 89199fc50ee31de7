"""Tables that remember moves from and to other stores, so that one that was cut short goes on.

`moves` has one row for each pair of a direction and another store; `moved` one for each thing that
is whole at the other end, with its name there and the checksums of what was sent.
"""

import sqlalchemy as sa

from dovetail.tracking.store.schema import metadata

__all__ = ["moved", "moves"]

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

moves = sa.Table(
    "moves",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("direction", sa.String(8), nullable=False),
    sa.Column("other", sa.Text, nullable=False),
    sa.Column("pass", sa.Integer, nullable=False),
    sa.Column("finished", sa.Boolean, nullable=False),
    sa.UniqueConstraint("direction", "other"),
)

moved = sa.Table(
    "moved",
    metadata,
    sa.Column("move", _Id, sa.ForeignKey("moves.id"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("item", sa.String(500), nullable=False),
    sa.Column("experiment", sa.String(40), nullable=False),
    sa.Column("target", sa.String(500), nullable=False),
    sa.Column("pass", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("move", "kind", "item"),
    sa.Index("moved_experiment", "move", "experiment", "kind"),
)
