"""The table of how large each experiment was when it was last measured."""

import sqlalchemy as sa

from dovetail.tracking.store.schema import metadata

__all__ = ["experiment_sizes"]

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

experiment_sizes = sa.Table(
    "experiment_sizes",
    metadata,
    sa.Column("experiment_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("runs", sa.BigInteger, nullable=False),
    sa.Column("models", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("database", sa.BigInteger, nullable=False),
    sa.Column("files", sa.BigInteger),
    sa.Column("bytes", sa.BigInteger),
)
