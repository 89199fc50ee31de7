"""Tables of what is removed for good: the journal, and the record of who removed what.

A job is a confirmed plan. Each thing that it removes has a row in `tidy_items` from the moment at
which clients stop seeing it until its rows and its files are gone, so that a killed server knows
after its start what is still to be done.
"""

import sqlalchemy as sa

from dovetail.base.chain import chain_table
from dovetail.tracking.store.schema import metadata

__all__ = ["TABLES", "tidy_items", "tidy_jobs", "tidy_log"]

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tidy_jobs = sa.Table(
    "tidy_jobs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("cause", sa.String(16), nullable=False),
    sa.Column("confirm", sa.Text, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("finished", sa.BigInteger),
    sa.Column("experiments", sa.BigInteger, nullable=False),
    sa.Column("runs", sa.BigInteger, nullable=False),
    sa.Column("models", sa.BigInteger, nullable=False),
    sa.Column("orphans", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Index("tidy_jobs_started", "started"),
)

tidy_items = sa.Table(
    "tidy_items",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("job", sa.ForeignKey("tidy_jobs.id"), nullable=False),
    sa.Column("phase", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("key", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("path", sa.Text),
    sa.Column("has_rows", sa.Boolean, nullable=False),
    sa.Index("tidy_items_next", "job", "phase", "id"),
)

tidy_log = chain_table("tidy_log", metadata)

TABLES = (tidy_jobs, tidy_items, tidy_log)
