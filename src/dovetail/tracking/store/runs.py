"""Runs in the database: their life, parameters and tags.

Every write first finds the run by its public id in the same transaction, which is also how a
deleted run refuses to be written to.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.store.bulk import (
    drive,
    insert_one,
    insert_or_skip,
    insert_or_update,
    update_where,
)
from dovetail.tracking.store.experiments import ACTIVE, DELETED
from dovetail.tracking.store.schema import params, runs, tags

__all__ = [
    "RUN_NAME",
    "RunKey",
    "active",
    "change",
    "create",
    "delete",
    "delete_tag",
    "get",
    "keys",
    "log_params",
    "restore",
    "set_tags",
    "tag",
]

RUN_NAME = "mlflow.runName"
_KEY = "SELECT id, experiment_id, lifecycle_stage FROM runs WHERE run_id = %s"
_KEY_AND_ROLLUPS = (
    "SELECT id, experiment_id, lifecycle_stage, EXISTS"
    " (SELECT 1 FROM rollups WHERE run = runs.id) FROM runs WHERE run_id = ?"
)
_row = sa.select(runs).where(runs.c.run_id == sa.bindparam("run"))


class RunKey(NamedTuple):
    """What a write needs to know of a run.

    Attributes:
        id: the key inside the database.
        experiment_id: the experiment's number.
        has_rollups: whether any of its metrics has blocks; None where that is to be asked later,
            because others may build them in a transaction of their own meanwhile.
    """

    id: int
    experiment_id: int
    has_rollups: bool | None = None


def _absent(run_id: str) -> MissingResourceError:
    return MissingResourceError(f"Run with id={run_id} not found")


def active(connection: Connection, run_id: str) -> RunKey:
    """Return the key of a run that may be written to.

    Raises:
        MissingResourceError: there is none.
        InvalidParameterError: it is deleted.
    """
    alone = connection.dialect.name == "sqlite"  # there this transaction is the only one
    row = drive(connection, _KEY_AND_ROLLUPS if alone else _KEY, (run_id,)).fetchone()
    if row is None:
        raise _absent(run_id)
    if row[2] != ACTIVE:
        raise InvalidParameterError(
            f"The run {run_id} must be in the 'active' state. Current state is {row[2]}."
        )
    return RunKey(row[0], row[1], bool(row[3]) if alone else None)


def get(connection: Connection, run_id: str) -> Row[Any]:
    """Return the row of a run, deleted or not.

    Raises:
        MissingResourceError: there is none.
    """
    row = connection.execute(_row, {"run": run_id}).first()
    if row is None:
        raise _absent(run_id)
    return row


def keys(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Return the keys inside the database of those runs that exist, by public id."""
    query = sa.select(runs.c.run_id, runs.c.id).where(runs.c.run_id.in_(run_ids))
    return {run_id: key for run_id, key in connection.execute(query)}


def create(connection: Connection, values: Mapping[str, Any], labels: Mapping[str, str]) -> int:
    """Insert a run with its tags and return its key."""
    key = insert_one(connection, runs, values)
    insert_or_skip(connection, tags, [(key, name, value) for name, value in labels.items()])
    return key


def change(connection: Connection, run_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change columns of an active run and return its row as it is then, by column."""
    which = {"run_id": run_id, "lifecycle_stage": ACTIVE}
    row = update_where(connection, runs, which, values) if values else None
    if row is None:
        active(connection, run_id)
        return dict(get(connection, run_id)._mapping)
    if "run_name" in values:
        insert_or_update(connection, tags, [(row["id"], RUN_NAME, values["run_name"])])
    return row


def delete(connection: Connection, run_id: str, now: int) -> None:
    """Mark a run as deleted."""
    _mark(connection, run_id, lifecycle_stage=DELETED, deleted_time=now)


def restore(connection: Connection, run_id: str) -> None:
    """Undo `delete`."""
    _mark(connection, run_id, lifecycle_stage=ACTIVE, deleted_time=None)


def _mark(connection: Connection, run_id: str, **values: Any) -> None:
    done = connection.execute(sa.update(runs).where(runs.c.run_id == run_id).values(values))
    if done.rowcount == 0:
        raise _absent(run_id)


def log_params(connection: Connection, key: int, given: Mapping[str, str]) -> dict[str, str]:
    """Insert parameters and return the older values of those that would have changed."""
    rows = [(key, name, value) for name, value in given.items()]
    if insert_or_skip(connection, params, rows) == len(rows):
        return {}
    query = sa.select(params.c.key, params.c.value).where(
        params.c.run == key, params.c.key.in_(list(given))
    )
    return {row.key: row.value for row in connection.execute(query) if given[row.key] != row.value}


def set_tags(connection: Connection, key: int, given: Mapping[str, str]) -> None:
    """Set tags; the tag that holds the run's name also renames it."""
    insert_or_update(connection, tags, [(key, name, value) for name, value in given.items()])
    if name := given.get(RUN_NAME):
        connection.execute(sa.update(runs).where(runs.c.id == key).values(run_name=name))


def tag(connection: Connection, key: int, name: str) -> str | None:
    """Return the value of a tag of a run."""
    query = sa.select(tags.c.value).where(tags.c.run == key, tags.c.key == name)
    return connection.scalar(query)


def delete_tag(connection: Connection, run_id: str, name: str) -> None:
    """Delete a tag of an active run.

    Raises:
        MissingResourceError: it has no such tag.
    """
    key = active(connection, run_id)
    which = (tags.c.run == key.id) & (tags.c.key == name)
    if connection.execute(sa.delete(tags).where(which)).rowcount == 0:
        raise MissingResourceError(f"No tag with name: {name} in run with id {run_id}")
