"""The tables of projects, tasks, annotations, predictions, drafts and users.

Ids are small integers as Label Studio's are. What clients give as JSON is kept as text, word for
word. Counts stand in rows of their own, so that no answer has to count a hundred thousand tasks.
Times are text of one width in UTC, which sorts as time does.
"""

import sqlalchemy as sa

__all__ = [
    "PLACE",
    "POSTGRES_INDEXES",
    "annotations",
    "counts",
    "drafts",
    "metadata",
    "predictions",
    "projects",
    "tasks",
    "users",
]

metadata = sa.MetaData()


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _time(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(32), nullable=nullable)


def _of(name: str, parent: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.ForeignKey(f"{parent}.id", ondelete="CASCADE"), nullable=nullable)


users = sa.Table(
    "users",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("first_name", sa.Text, nullable=False, server_default=""),
    sa.Column("last_name", sa.Text, nullable=False, server_default=""),
    sa.Column("phone", sa.Text, nullable=False, server_default=""),
    _time("created_at"),
    sqlite_autoincrement=True,
)

projects = sa.Table(
    "projects",
    metadata,
    _id(),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("label_config", sa.Text, nullable=False),
    sa.Column("parsed", sa.Text, nullable=False),
    sa.Column("is_bulk", sa.Boolean, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("maximum_annotations", sa.Integer, nullable=False),
    sa.Column("skip_queue", sa.String(32), nullable=False),
    sa.Column("created_by", sa.Integer, nullable=False),
    _time("created_at"),
    _time("pinned_at", nullable=True),
    sqlite_autoincrement=True,
)

counts = sa.Table(
    "counts",
    metadata,
    sa.Column("project_id", sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    *(
        sa.Column(name, sa.Integer, nullable=False, server_default="0")
        for name in (
            "last_inner_id", "tasks", "finished", "annotated", "annotations", "cancelled",
            "ground_truth", "predictions",
        )
    ),
)  # fmt: skip

tasks = sa.Table(
    "tasks",
    metadata,
    _id(),
    _of("project_id", "projects"),
    sa.Column("inner_id", sa.Integer, nullable=False),
    sa.Column("overlap", sa.Integer, nullable=False),
    sa.Column("is_labeled", sa.Boolean, nullable=False),
    sa.Column("total_annotations", sa.Integer, nullable=False, server_default="0"),
    sa.Column("cancelled_annotations", sa.Integer, nullable=False, server_default="0"),
    sa.Column("total_predictions", sa.Integer, nullable=False, server_default="0"),
    sa.Column("predictions_score", sa.Float),
    sa.Column("allow_skip", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("comment_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("unresolved_comment_count", sa.Integer, nullable=False, server_default="0"),
    _time("last_comment_updated_at", nullable=True),
    sa.Column("updated_by", sa.Integer),
    _time("created_at"),
    _time("updated_at"),
    sa.Column("file_upload", sa.Text),
    sa.Column("meta", sa.Text, nullable=False),
    sa.Column("extra", sa.Text),
    sa.Column("data", sa.Text, nullable=False),
    sa.Index("ix_tasks_project", "project_id", "id"),
    sa.Index("ix_tasks_score", "project_id", "predictions_score"),
    sqlite_autoincrement=True,
)
sa.Index(
    "ix_tasks_open",
    tasks.c.project_id,
    tasks.c.id,
    sqlite_where=tasks.c.is_labeled.is_(False),
    postgresql_where=tasks.c.is_labeled.is_(False),
)
# PostgreSQL reads tasks by their primary key where a project has most of them, past all that are
# finished and those of others; and what is sorted by score it sorts anew for each task that it
# hands out. Only these indexes have the order that is asked for, and nothing but open tasks.
PLACE = sa.literal_column("tasks.id + 0", sa.Integer)
"""The id of a task, in an order that the primary key of PostgreSQL does not offer."""
POSTGRES_INDEXES = (
    sa.Index(
        "ix_tasks_next",
        tasks.c.project_id,
        sa.text("(id + 0)"),
        postgresql_where=tasks.c.is_labeled.is_(False),
    ),
    sa.Index(
        "ix_tasks_unsure",
        tasks.c.project_id,
        tasks.c.predictions_score,
        tasks.c.id,
        postgresql_where=tasks.c.is_labeled.is_(False),
    ),
)
for _index in POSTGRES_INDEXES:
    _index.ddl_if(dialect="postgresql")

annotations = sa.Table(
    "annotations",
    metadata,
    _id(),
    _of("task_id", "tasks"),
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("completed_by", sa.Integer),
    sa.Column("was_cancelled", sa.Boolean, nullable=False),
    sa.Column("ground_truth", sa.Boolean, nullable=False),
    sa.Column("lead_time", sa.Float),
    sa.Column("result_count", sa.Integer, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    _time("draft_created_at", nullable=True),
    sa.Column("unique_id", sa.String(64), unique=True),
    sa.Column("import_id", sa.BigInteger),
    sa.Column("last_action", sa.String(32)),
    sa.Column("bulk_created", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("updated_by", sa.Integer),
    sa.Column("parent_prediction", sa.Integer),
    sa.Column("parent_annotation", sa.Integer),
    sa.Column("last_created_by", sa.Integer),
    sa.Column("prediction", sa.Text, nullable=False, server_default="{}"),
    sa.Column("extra", sa.Text),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index("ix_annotations_task", "task_id", "completed_by"),
    sa.Index("ix_annotations_project", "project_id", "completed_by", "task_id"),
    sqlite_autoincrement=True,
)

predictions = sa.Table(
    "predictions",
    metadata,
    _id(),
    _of("task_id", "tasks"),
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("model_version", sa.Text),
    sa.Column("score", sa.Float),
    sa.Column("cluster", sa.Integer),
    sa.Column("neighbors", sa.Text),
    sa.Column("mislabeling", sa.Float, nullable=False, server_default="0"),
    sa.Column("model", sa.Integer),
    sa.Column("model_run", sa.Integer),
    _time("created_at"),
    _time("updated_at"),
    sa.Column("extra", sa.Text),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index("ix_predictions_task", "task_id"),
    sa.Index("ix_predictions_project", "project_id", "model_version"),
    sqlite_autoincrement=True,
)

drafts = sa.Table(
    "drafts",
    metadata,
    _id(),
    _of("task_id", "tasks"),
    sa.Column("annotation_id", sa.Integer),
    sa.Column("user_id", sa.Integer, nullable=False),
    sa.Column("lead_time", sa.Float),
    sa.Column("was_postponed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("import_id", sa.BigInteger),
    _time("created_at"),
    _time("updated_at"),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index("ix_drafts_task", "task_id", "user_id"),
    sqlite_autoincrement=True,
)
