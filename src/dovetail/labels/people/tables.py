"""What is kept about people: decisions and a ledger. Everything else is computed from answers.

Numbers of projects, tasks, annotations and users are those of the labelling server's own tables.
Moments are milliseconds since 1970. Reviews, decisions and the ledger are only ever added to.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from dovetail.base.migrations import Migration
from dovetail.base.sql import Database

__all__ = [
    "NAME",
    "comments",
    "decisions",
    "gold",
    "gold_answers",
    "ledger",
    "members",
    "metadata",
    "open_people",
    "plans",
    "reviews",
]

NAME = "labels_people"
MIGRATIONS: Sequence[Migration] = ()
metadata = sa.MetaData()


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _at(name: str = "at_ms", *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


members = sa.Table(
    "members",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("person", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("invited_by", sa.Text, nullable=False),
    _at(),
    _at("requalify_ms"),
    sa.Column("note", sa.Text, nullable=False),
    sa.Index("ix_members_name", "name"),
)
plans = sa.Table(
    "plans",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("secret", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    _at(),
)
gold = sa.Table(
    "gold",
    metadata,
    sa.Column("task", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("project", sa.Integer, nullable=False, index=True),
    sa.Column("used_for", sa.String(16), nullable=False),
    sa.Column("expected", sa.Text, nullable=False),
    sa.Column("added_by", sa.Text, nullable=False),
    _at(),
    _at("retired_ms", nullable=True),
)
gold_answers = sa.Table(
    "gold_answers",
    metadata,
    sa.Column("task", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("person", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("attempt_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("project", sa.Integer, nullable=False),
    sa.Column("annotation", sa.Integer, nullable=False),
    sa.Column("is_skip", sa.Boolean, nullable=False),
    _at(),
    sa.Column("seconds", sa.Float),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index("ix_gold_answers_project", "project", "person"),
)
ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("annotation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("project", sa.Integer, nullable=False),
    sa.Column("task", sa.Integer, nullable=False),
    sa.Column("person", sa.Integer, nullable=False),
    _at(),
    sa.Column("seconds", sa.Float),
    sa.Index("ix_ledger_project", "project", "at_ms"),
)
reviews = sa.Table(
    "reviews",
    metadata,
    _number(),
    sa.Column("project", sa.Integer, nullable=False),
    sa.Column("task", sa.Integer, nullable=False),
    sa.Column("annotation", sa.Integer, nullable=False, index=True),
    sa.Column("person", sa.Integer, nullable=False),
    sa.Column("reviewer", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("fixed_by", sa.Integer),
    _at(),
    sa.Index("ix_reviews_project", "project", "id"),
    sqlite_autoincrement=True,
)
decisions = sa.Table(
    "decisions",
    metadata,
    _number(),
    sa.Column("project", sa.Integer, nullable=False),
    sa.Column("task", sa.Integer, nullable=False),
    sa.Column("annotation", sa.Integer, nullable=False),
    sa.Column("decided_by", sa.Integer, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    _at(),
    sa.Index("ix_decisions_project", "project", "task"),
    sqlite_autoincrement=True,
)
comments = sa.Table(
    "comments",
    metadata,
    _number(),
    sa.Column("project", sa.Integer, nullable=False),
    sa.Column("task", sa.Integer, nullable=False),
    sa.Column("annotation", sa.Integer),
    sa.Column("draft", sa.Integer),
    sa.Column("created_by", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("region_ref", sa.Text),
    sa.Column("classifications", sa.Text),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("updated_at", sa.String(32), nullable=False),
    sa.Column("resolved_at", sa.String(32)),
    sa.Index("ix_comments_task", "task"),
    sa.Index("ix_comments_project", "project", "id"),
    sqlite_autoincrement=True,
)


def open_people(url: str) -> Database:
    """Open the database of people.

    Raises:
        UnavailableError: it does not answer.
    """
    return Database(url, metadata, name=NAME, migrations=MIGRATIONS)
