"""The tables of the AI labellers: settings, versions, and what other labelling tools told.

Rows belong to a room, `own:7` for project 7 of this server, or `studio:2.1795826486` for a project
of a Label Studio that uses this as its ML backend. A tool's API token is in none of them.
"""

import sqlalchemy as sa

from dovetail.base.sql import Database

__all__ = ["NAME", "answers", "learners", "metadata", "open_database", "others", "versions"]

NAME = "labels_learning"
metadata = sa.MetaData()

learners = sa.Table(
    "labels_learners",
    metadata,
    sa.Column("room", sa.String(200), primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("config", sa.Text, nullable=False, server_default=""),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
)

versions = sa.Table(
    "labels_learner_versions",
    metadata,
    sa.Column("room", sa.String(200), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("counted", sa.Integer, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary),
)

answers = sa.Table(
    "labels_learner_answers",
    metadata,
    sa.Column("room", sa.String(200), primary_key=True),
    sa.Column("annotation", sa.BigInteger, primary_key=True),
    sa.Column("task", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("is_gold", sa.Boolean, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index("ix_labels_learner_answers_task", "room", "task"),
)

others = sa.Table(
    "labels_learner_tasks",
    metadata,
    sa.Column("room", sa.String(200), primary_key=True),
    sa.Column("task", sa.BigInteger, primary_key=True),
    sa.Column("data", sa.Text, nullable=False),
)


def open_database(url: str) -> Database:
    """Open the database of the labellers.

    Raises:
        UnavailableError: it does not answer.
    """
    return Database(url, metadata, name=NAME)
