"""The tables of the monitoring store.

Rows of predictions are kept as arrays, one blob a request, because a request is what arrives and
a day is what is read: a quarter of a million predictions are a few thousand rows here.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

events = sa.Table(
    "events",
    metadata,
    sa.Column("key", sa.String(32), primary_key=True),  # digest of source, type, id and subject
    sa.Column("arrived_ms", sa.BigInteger, nullable=False),
)

schemas = sa.Table(
    "schemas",
    metadata,
    sa.Column("digest", sa.String(32), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

inferences = sa.Table(
    "inferences",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("version", sa.Text),  # None until the response is here
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),  # predictions; 0 until the response is here
    sa.Column("asked_rows", sa.Integer),  # rows of features; None until the request is here
    sa.Column("scores", sa.LargeBinary),  # float64 little-endian
    sa.Column("schema", sa.String(32)),
    sa.Column("features", sa.LargeBinary),
    sa.Column("shares", sa.LargeBinary),  # probabilities of classes, float64 row by row
    sa.Column("names", sa.LargeBinary),  # names of the classes answered, as a JSON list
    sa.UniqueConstraint("request_id", "model", "role"),
    sa.Index("inferences_by_day", "model", "day", "role", "version"),
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("event", sa.String(32), nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.LargeBinary, nullable=False),  # int32 little-endian
    sa.Column("values", sa.LargeBinary, nullable=False),  # float64 little-endian
    sa.Column("texts", sa.LargeBinary),  # names of classes as a JSON list; their values are NaN
    sa.Column("judged", sa.Boolean, nullable=False),  # the loss evidence has counted it
    sa.Index("outcomes_by_request", "request_id", "model"),
    sa.Index(
        "outcomes_unjudged",
        "model",
        "request_id",
        sqlite_where=sa.text("judged = 0"),
        postgresql_where=sa.text("NOT judged"),
    ),
)

days = sa.Table(
    "days",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("arrived_ms", sa.BigInteger, nullable=False),
)

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),  # digest of what is read, and as what
    sa.Column("cursor", sa.LargeBinary, nullable=False),
)

references = sa.Table(
    "model_references",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("put_ms", sa.BigInteger, nullable=False),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),  # drift or performance
    sa.Column("reference", sa.String(64), nullable=False),
    sa.Column("began", sa.String(10)),  # the first day that counts; None means the very first
    sa.Column("pools", sa.LargeBinary, nullable=False),
)

assessments = sa.Table(
    "assessments",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("sums", sa.LargeBinary, nullable=False),
    sa.Column("log_e", sa.Float, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

closed_days = sa.Table(
    "closed_days",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("closed_ms", sa.BigInteger, nullable=False),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("severity", sa.String(8), nullable=False, server_default="warn"),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index(
        "one_active_alert",
        "model",
        "version",
        "kind",
        unique=True,
        sqlite_where=sa.text("status <> 'resolved'"),
        postgresql_where=sa.text("status <> 'resolved'"),
    ),
)

alert_changes = sa.Table(
    "alert_changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("alert", sa.String(32), nullable=False, index=True),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("until", sa.String(40)),  # the end of a silence
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("alert", sa.String(32), primary_key=True),
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("due_ms", sa.BigInteger),  # None: nothing to tell
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Index("deliveries_due", "due_ms"),
)

standings = sa.Table(
    "standings",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("day", sa.String(10), nullable=False),  # the last day closed, the end of the window
    sa.Column("versions", sa.Text, nullable=False),  # JSON: who has answered live up to that day
    sa.Column("predictions", sa.BigInteger, nullable=False),
    sa.Column("outcomes", sa.BigInteger, nullable=False),
    sa.Column("auc", sa.Float),
    sa.Column("estimated_auc", sa.Float),
    sa.Column("log_loss", sa.Float),
    sa.Column("evidence", sa.Float),  # the strongest evidence, as a part of what an alarm needs
)

feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("last_ms", sa.BigInteger),  # when a live prediction last arrived; None for never
    sa.Column("due_ms", sa.BigInteger),  # when to look at it again; None while it is alarmed or new
    sa.Column("history", sa.LargeBinary, nullable=False),  # counts of its latest days
    sa.Index("feeds_due", "due_ms"),
)
