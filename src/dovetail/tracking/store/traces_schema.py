"""The tables of traces.

A trace has a small integer key, as runs have, so that the rows of its spans and labels stay short.
A span keeps apart what searches compare, and the rest as one JSON text. Nothing here has a foreign
key to `traces`: every write locks the trace's row first, and a trace is deleted with all its rows
in one transaction. A link to a run names the trace by its public id, because clients make it before
the trace has arrived.
"""

import sqlalchemy as sa

from dovetail.tracking.store.schema import metadata

__all__ = ["PARTS", "TABLES", "spans", "trace_metadata", "trace_runs", "trace_tags", "traces"]

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Key = sa.String(250)

traces = sa.Table(
    "traces",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("trace_id", sa.String(50), nullable=False, unique=True),
    sa.Column("experiment_id", _Id, sa.ForeignKey("experiments.experiment_id"), nullable=False),
    sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
    sa.Column("execution_time_ms", sa.BigInteger),
    sa.Column("status", sa.String(24), nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("client_request_id", sa.Text),
    sa.Column("request_preview", sa.Text),
    sa.Column("response_preview", sa.Text),
    sa.Column("is_reported", sa.Boolean, nullable=False),
)
sa.Index(
    "traces_newest",
    traces.c.experiment_id,
    traces.c.timestamp_ms.desc(),
    traces.c.trace_id,
)

trace_tags = sa.Table(
    "trace_tags",
    metadata,
    sa.Column("trace", _Id, nullable=False),
    sa.Column("key", _Key, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("trace", "key"),
    sqlite_with_rowid=False,
)

trace_metadata = sa.Table(
    "trace_metadata",
    metadata,
    sa.Column("trace", _Id, nullable=False),
    sa.Column("key", _Key, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("trace", "key"),
    sqlite_with_rowid=False,
)

trace_runs = sa.Table(
    "trace_runs",
    metadata,
    sa.Column("run_id", sa.String(32), nullable=False),
    sa.Column("trace_id", sa.String(50), nullable=False),
    sa.PrimaryKeyConstraint("run_id", "trace_id"),
    sa.Index("trace_runs_trace", "trace_id"),
    sqlite_with_rowid=False,
)

spans = sa.Table(
    "spans",
    metadata,
    sa.Column("trace", _Id, nullable=False),
    sa.Column("span_id", sa.String(16), nullable=False),
    sa.Column("parent_id", sa.String(16)),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger),
    sa.Column("content", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("trace", "span_id"),
)

PARTS = (trace_tags, trace_metadata, spans)
TABLES = (traces, trace_runs, *PARTS)
