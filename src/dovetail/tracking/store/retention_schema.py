"""Tables of retention: the rules, which histories are thinned, and when rules were applied."""

import sqlalchemy as sa

from dovetail.tracking.store.schema import metadata

__all__ = ["TABLES", "retention_rules", "thinned_runs", "tidy_clock"]

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

retention_rules = sa.Table(
    "retention_rules",
    metadata,
    sa.Column("experiment_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("set_by", sa.Text, nullable=False),
    sa.Column("set_at", sa.BigInteger, nullable=False),
)

thinned_runs = sa.Table(
    "thinned_runs",
    metadata,
    sa.Column("run", _Id, primary_key=True, autoincrement=False),
    sa.Column("ended", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
)

tidy_clock = sa.Table(
    "tidy_clock",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
)

TABLES = (retention_rules, thinned_runs, tidy_clock)
