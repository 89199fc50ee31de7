"""Tables that make long metrics quick to draw: what blocks of consecutive points hold.

A rollup belongs to one metric of one run and says how far its blocks reach. A block of level 0
summarises `BLOCK` consecutive points in the order of step and time, one of level k+1 `FAN` blocks
of level k. Only metrics with many points that somebody looked at have any.
"""

import sqlalchemy as sa

from dovetail.tracking.store.schema import metadata

__all__ = ["BLOCK", "FAN", "blocks", "rollups"]

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Real: sa.Double[float] = sa.Double()

BLOCK = 128
FAN = 8

rollups = sa.Table(
    "rollups",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("run", _Id, nullable=False),
    sa.Column("key", sa.String(250), nullable=False),
    sa.Column("blocks", sa.BigInteger, nullable=False),
    sa.Column("end_step", sa.BigInteger),
    sa.Column("end_timestamp", sa.BigInteger),
    sa.Column("end_value", _Real),
    sa.Column("end_is_nan", sa.Boolean),
    sa.UniqueConstraint("run", "key"),
)

blocks = sa.Table(
    "rollup_blocks",
    metadata,
    sa.Column("rollup", _Id, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("first_step", sa.BigInteger, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("first_timestamp", sa.BigInteger, nullable=False),
    sa.Column("last_timestamp", sa.BigInteger, nullable=False),
    sa.Column("low", _Real),
    sa.Column("low_step", sa.BigInteger, nullable=False),
    sa.Column("low_timestamp", sa.BigInteger, nullable=False),
    sa.Column("high", _Real),
    sa.Column("high_step", sa.BigInteger, nullable=False),
    sa.Column("high_timestamp", sa.BigInteger, nullable=False),
    sa.Column("mean", _Real),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("holes", sa.BigInteger, nullable=False),
    sa.Column("end_timestamp", sa.BigInteger, nullable=False),
    sa.Column("end_value", _Real, nullable=False),
    sa.Column("end_is_nan", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint("rollup", "level", "number"),
    sqlite_with_rowid=False,
)
