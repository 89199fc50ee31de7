"""The tables of routing: what is wanted, who can be asked, what machines said, how items stand."""

from typing import Any

import sqlalchemy as sa

from dovetail.base.migrations import Migration
from dovetail.base.sql import Database

__all__ = [
    "MIGRATIONS",
    "NAME",
    "answers",
    "compounds",
    "metadata",
    "open_database",
    "parts",
    "policies",
    "posteriors",
    "sources",
]

NAME = "labels_routing"
metadata = sa.MetaData()

policies = sa.Table(
    "labels_policies",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("policy", sa.Text, nullable=False),
)

sources = sa.Table(
    "labels_sources",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),
)

answers = sa.Table(
    "labels_source_answers",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("task", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.String(120), primary_key=True),
    sa.Column("label", sa.Text),
    sa.Column("cost", sa.Float, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("is_fresh", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("at", sa.String(32), nullable=False),
)

posteriors = sa.Table(
    "labels_posteriors",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("task", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("answers", sa.Integer, nullable=False),
    sa.Column("is_done", sa.Boolean, nullable=False),
    sa.Column("posterior", sa.Text, nullable=False),
)


compounds = sa.Table(
    "labels_compounds",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parent", sa.Integer, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
)

parts = sa.Table(
    "labels_parts",
    metadata,
    sa.Column("project", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("task", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parent_task", sa.Integer, nullable=False),
    sa.Column("place_index", sa.Integer, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Index("ix_labels_parts_parent", "project", "parent_task"),
)


def _add_compounds(ops: Any) -> None:
    """Add the tables of items that are split."""
    metadata.create_all(ops.get_bind())


MIGRATIONS = (Migration("items that are split into parts", _add_compounds),)


def open_database(url: str) -> Database:
    """Open the database of routing.

    Raises:
        UnavailableError: it does not answer.
    """
    return Database(url, metadata, name=NAME, migrations=MIGRATIONS)
