"""The tables of the tracking server, the same on SQLite and PostgreSQL.

Runs and registered models have a small integer key beside their public name, so that the rows of
metrics stay short and a rename touches one row. `metrics` holds every point, clustered by run, key
and step; `latest_metrics` holds the newest point of each key with the experiment's number, so that
"the best hundred by this metric" is a walk along one index. These two have no foreign key: every
write looks the run up in its own transaction, and checking again per point would cost more than
the insert.
"""

import sqlalchemy as sa

__all__ = [
    "aliases",
    "datasets",
    "experiment_tags",
    "experiments",
    "input_tags",
    "inputs",
    "latest_metrics",
    "logged_model_metrics",
    "logged_model_params",
    "logged_model_tags",
    "logged_models",
    "metadata",
    "metrics",
    "model_tags",
    "model_versions",
    "params",
    "registered_models",
    "run_models",
    "runs",
    "tags",
    "version_tags",
]

metadata = sa.MetaData()

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Key = sa.String(250)
_Real: sa.Double[float] = sa.Double()


def _key(column: str, target: str) -> sa.Column[int]:
    return sa.Column(column, _Id, sa.ForeignKey(target), nullable=False)


experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("experiment_id", _Id, primary_key=True),
    sa.Column("name", sa.String(500), nullable=False, unique=True),
    sa.Column("artifact_location", sa.Text, nullable=False),
    sa.Column("lifecycle_stage", sa.String(16), nullable=False),
    sa.Column("creation_time", sa.BigInteger, nullable=False),
    sa.Column("last_update_time", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

experiment_tags = sa.Table(
    "experiment_tags",
    metadata,
    _key("experiment_id", "experiments.experiment_id"),
    sa.Column("key", _Key, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("experiment_id", "key"),
    sqlite_with_rowid=False,
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("run_id", sa.String(32), nullable=False, unique=True),
    _key("experiment_id", "experiments.experiment_id"),
    sa.Column("run_name", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("start_time", sa.BigInteger, nullable=False),
    sa.Column("end_time", sa.BigInteger),
    sa.Column("deleted_time", sa.BigInteger),
    sa.Column("artifact_uri", sa.Text, nullable=False),
    sa.Column("lifecycle_stage", sa.String(16), nullable=False),
    sa.Index("runs_newest", "experiment_id", "lifecycle_stage", "start_time", "run_id"),
)

metrics = sa.Table(
    "metrics",
    metadata,
    sa.Column("run", _Id, nullable=False),
    sa.Column("key", _Key, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("value", _Real, nullable=False),
    sa.Column("is_nan", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint("run", "key", "step", "timestamp", "value", "is_nan"),
    sqlite_with_rowid=False,
)

latest_metrics = sa.Table(
    "latest_metrics",
    metadata,
    sa.Column("run", _Id, nullable=False),
    sa.Column("key", _Key, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("value", _Real, nullable=False),
    sa.Column("is_nan", sa.Boolean, nullable=False),
    sa.Column("experiment_id", _Id, nullable=False),
    sa.PrimaryKeyConstraint("run", "key"),
    sa.Index("latest_metrics_best", "experiment_id", "key", "is_nan", "value", "run"),
    sqlite_with_rowid=False,
)

params = sa.Table(
    "params",
    metadata,
    _key("run", "runs.id"),
    sa.Column("key", _Key, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("run", "key"),
    sqlite_with_rowid=False,
)

tags = sa.Table(
    "tags",
    metadata,
    _key("run", "runs.id"),
    sa.Column("key", _Key, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("run", "key"),
    sqlite_with_rowid=False,
)

datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    _key("experiment_id", "experiments.experiment_id"),
    sa.Column("name", sa.String(500), nullable=False),
    sa.Column("digest", sa.String(36), nullable=False),
    sa.Column("source_type", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("schema", sa.Text),
    sa.Column("profile", sa.Text),
    sa.UniqueConstraint("experiment_id", "name", "digest"),
)

inputs = sa.Table(
    "inputs",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    _key("run", "runs.id"),
    _key("dataset", "datasets.id"),
    sa.UniqueConstraint("run", "dataset"),
    sa.Index("inputs_dataset", "dataset"),
)

input_tags = sa.Table(
    "input_tags",
    metadata,
    _key("input", "inputs.id"),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("value", sa.String(500), nullable=False),
    sa.PrimaryKeyConstraint("input", "key"),
    sqlite_with_rowid=False,
)

run_models = sa.Table(
    "run_models",
    metadata,
    _key("run", "runs.id"),
    sa.Column("role", sa.String(8), nullable=False),
    sa.Column("model_id", sa.String(36), nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("run", "role", "model_id", "step"),
    sqlite_with_rowid=False,
)

logged_models = sa.Table(
    "logged_models",
    metadata,
    sa.Column("model_id", sa.String(36), primary_key=True),
    _key("experiment_id", "experiments.experiment_id"),
    sa.Column("name", sa.String(500), nullable=False),
    sa.Column("artifact_location", sa.Text, nullable=False),
    sa.Column("creation_timestamp", sa.BigInteger, nullable=False),
    sa.Column("last_updated_timestamp", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(40), nullable=False),
    sa.Column("lifecycle_stage", sa.String(16), nullable=False),
    sa.Column("model_type", sa.Text),
    sa.Column("source_run_id", sa.String(32)),
    sa.Index(
        "logged_models_newest", "experiment_id", "lifecycle_stage", "creation_timestamp", "model_id"
    ),
)


def _of_model(name: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("model_id", sa.ForeignKey("logged_models.model_id"), nullable=False),
        sa.Column("key", _Key, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "key"),
        sqlite_with_rowid=False,
    )


logged_model_tags = _of_model("logged_model_tags")
logged_model_params = _of_model("logged_model_params")

logged_model_metrics = sa.Table(
    "logged_model_metrics",
    metadata,
    sa.Column("model_id", sa.ForeignKey("logged_models.model_id"), nullable=False),
    sa.Column("key", _Key, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("run_id", sa.String(32), nullable=False),
    sa.Column("value", _Real, nullable=False),
    sa.Column("dataset_name", sa.String(500)),
    sa.Column("dataset_digest", sa.String(36)),
    sa.PrimaryKeyConstraint("model_id", "key", "timestamp", "step", "run_id"),
    sqlite_with_rowid=False,
)

registered_models = sa.Table(
    "registered_models",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("name", sa.String(256), nullable=False, unique=True),
    sa.Column("creation_timestamp", sa.BigInteger, nullable=False),
    sa.Column("last_updated_timestamp", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text),
)

model_tags = sa.Table(
    "model_tags",
    metadata,
    _key("model", "registered_models.id"),
    sa.Column("key", _Key, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("model", "key"),
    sqlite_with_rowid=False,
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    _key("model", "registered_models.id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("creation_timestamp", sa.BigInteger, nullable=False),
    sa.Column("last_updated_timestamp", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("user_id", sa.Text),
    sa.Column("current_stage", sa.String(20), nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("storage_location", sa.Text),
    sa.Column("run_id", sa.String(32)),
    sa.Column("run_link", sa.Text),
    sa.Column("model_id", sa.String(36)),
    sa.Column("status", sa.String(24), nullable=False),
    sa.Column("status_message", sa.Text),
    sa.PrimaryKeyConstraint("model", "version"),
    sa.Index("model_versions_run", "run_id"),
    sa.Index("model_versions_newest", "last_updated_timestamp"),
    sqlite_with_rowid=False,
)

version_tags = sa.Table(
    "version_tags",
    metadata,
    _key("model", "registered_models.id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("key", _Key, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("model", "version", "key"),
    sa.Index("version_tags_key", "key", "model"),
    sqlite_with_rowid=False,
)

aliases = sa.Table(
    "aliases",
    metadata,
    _key("model", "registered_models.id"),
    sa.Column("alias", sa.String(255), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("model", "alias"),
    sqlite_with_rowid=False,
)
