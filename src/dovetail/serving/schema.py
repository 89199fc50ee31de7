"""The tables of serving, and how a store of an older version becomes one of this version."""

from typing import Any

import msgspec
import sqlalchemy as sa

from dovetail.base.migrations import Migration

__all__ = [
    "MIGRATIONS",
    "arms",
    "decisions",
    "failures",
    "follows",
    "generations",
    "graphs",
    "metadata",
    "routings",
    "versions",
]

metadata = sa.MetaData()
versions = sa.Table(
    "versions",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("uri", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Column("wanted", sa.Boolean, nullable=False),
    sa.Column("loaded_ms", sa.BigInteger, nullable=False),
)
follows = sa.Table(
    "follows",
    metadata,
    sa.Column("uri", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
)
failures = sa.Table(  # of this run of the server; emptied when it starts
    "failures",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
)
generations = sa.Table(
    "generations",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
routings = sa.Table(  # never changed: the newest row of a model is in force
    "routings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("model", sa.Text, nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("before", sa.Integer),
    sa.Column("routing", sa.Text, nullable=False),
    sa.Column("aliases", sa.Text, nullable=False),
)
decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("experiment", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("reward", sa.Float),
)
arms = sa.Table(
    "arms",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("experiment", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("errors", sa.BigInteger, nullable=False),
    sa.Column("rewards", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Float, nullable=False),
    sa.Column("squares", sa.Float, nullable=False),
)
graphs = sa.Table(
    "graphs",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("graph", sa.Text, nullable=False),
)


def _routings(operations: Any) -> None:
    """Make the tables of routing, and a rule from each model's weights."""
    connection = operations.get_bind()
    new = [generations, routings, decisions, arms, graphs]
    metadata.create_all(connection, tables=new)
    weights: dict[str, dict[str, float]] = {}
    for model, version, weight in connection.execute(
        sa.text("SELECT model, version, weight FROM traffic")
    ):
        weights.setdefault(model, {})[version] = weight
    for model, shares in weights.items():
        rule: dict[str, Any] = {"kind": "split", "weights": shares}
        if len(shares) == 1:
            rule = {"kind": "fixed", "version": next(iter(shares))}
        connection.execute(
            sa.insert(routings).values(
                model=model,
                at_ms=0,
                actor="",
                cause="load",
                routing=msgspec.json.encode({"rule": rule}).decode(),
                aliases="{}",
            )
        )
    operations.drop_table("traffic")


def _failures(operations: Any) -> None:
    """Make the table of what cannot be loaded."""
    metadata.create_all(operations.get_bind(), tables=[failures])


MIGRATIONS = (
    Migration("rules of routing take the place of weights", _routings),
    Migration("why a version is not served, for all workers", _failures),
)
