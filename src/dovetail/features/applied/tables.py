"""The tables of the registry of applied definitions; see `ledger`. Times are microseconds."""

import sqlalchemy as sa

from dovetail.base.migrations import Migration

__all__ = ["APPLIES", "METADATA", "MIGRATIONS", "NAME", "SERVING", "THINGS", "USES"]

NAME = "features_applied"
METADATA = sa.MetaData()
MIGRATIONS: tuple[Migration, ...] = ()

APPLIES = sa.Table(
    "applies",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)
THINGS = sa.Table(
    "things",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("meaning", sa.Text, nullable=False),
    sa.Column("apply", sa.Integer, nullable=False),
    sa.Column("is_gone", sa.Boolean, nullable=False),
)
USES = sa.Table(
    "uses",
    METADATA,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("model_version", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
SERVING = sa.Table(
    "serving",
    METADATA,
    sa.Column("server", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
