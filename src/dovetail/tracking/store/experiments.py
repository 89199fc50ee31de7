"""Experiments in the database: created, found, renamed, deleted, restored, tagged."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import (
    ExistingResourceError,
    InvalidParameterError,
    InvalidStateError,
    MissingResourceError,
)
from dovetail.tracking.store.bulk import (
    drive,
    insert_one,
    insert_or_skip,
    insert_or_update,
    mark,
    select_for,
)
from dovetail.tracking.store.schema import experiment_tags, experiments, runs
from dovetail.wire.mlflow import Experiment, Tag

__all__ = [
    "ACTIVE",
    "DELETED",
    "PURGING",
    "Active",
    "active",
    "by_name",
    "create",
    "delete",
    "delete_tag",
    "ensure_default",
    "entities",
    "get",
    "rename",
    "restore",
    "set_tag",
]

ACTIVE, DELETED = "active", "deleted"
PURGING = "purging"  # on the way out for good: no client sees it, no id is given out again
_one = sa.select(experiments).where(
    experiments.c.experiment_id == sa.bindparam("number"),
    experiments.c.lifecycle_stage != PURGING,
)
_PLACE = (
    "SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments"
    f" WHERE lifecycle_stage <> '{PURGING}' AND experiment_id = "
)
_tags = sa.select(experiment_tags).where(
    experiment_tags.c.experiment_id.in_(sa.bindparam("numbers", expanding=True))
)


def ensure_default(connection: Connection, root: str, now: int) -> None:
    """Make the experiment "Default", number 0, if it is not there."""
    insert_or_skip(connection, experiments, [(0, "Default", _location(root, 0), ACTIVE, now, now)])


def _location(root: str, number: int) -> str:
    return f"{root.rstrip('/')}/{number}" if not root.endswith(":/") else f"{root}{number}"


def create(
    connection: Connection,
    name: str,
    location: str | None,
    root: str,
    tags: Sequence[Tag],
    now: int,
) -> int:
    """Insert an experiment and return its number.

    Raises:
        ExistingResourceError: the name is taken, be it by a deleted experiment.
    """
    values = {
        "name": name,
        "artifact_location": location or "",
        "lifecycle_stage": ACTIVE,
        "creation_time": now,
        "last_update_time": now,
    }
    try:
        number = insert_one(connection, experiments, values)
    except sa.exc.IntegrityError as error:
        raise ExistingResourceError(
            f"Experiment(name={name}) already exists. Error: {error.orig}"
        ) from error
    if not location:
        _change(connection, number, artifact_location=_location(root, number))
    rows = {tag.key: (number, tag.key, tag.value) for tag in tags}
    insert_or_update(connection, experiment_tags, list(rows.values()))
    return number


def get(connection: Connection, number: int) -> Row[Any]:
    """Return the row of an experiment.

    Raises:
        MissingResourceError: there is none.
    """
    row = connection.execute(_one, {"number": number}).first()
    if row is None:
        raise _absent(number)
    return row


def _absent(number: int) -> MissingResourceError:
    return MissingResourceError(f"No Experiment with id={number} exists")


def by_name(connection: Connection, name: str) -> Row[Any]:
    """Return the row of an experiment by name.

    Raises:
        MissingResourceError: there is none.
    """
    row = connection.execute(sa.select(experiments).where(experiments.c.name == name)).first()
    if row is None:
        raise MissingResourceError(f"Could not find experiment with name '{name}'")
    return row


class Active(NamedTuple):
    """What a new run, model or trace needs to know of its experiment.

    Attributes:
        experiment_id: the experiment's number.
        artifact_location: where its files go.
    """

    experiment_id: int
    artifact_location: str


def active(connection: Connection, number: int) -> Active:
    """Return an experiment that may be written to.

    Raises:
        MissingResourceError: there is none.
        InvalidParameterError: it is deleted.
    """
    row = drive(connection, f"{_PLACE}{mark(connection)}", (number,)).fetchone()
    if row is None:
        raise _absent(number)
    if row[2] != ACTIVE:
        raise InvalidParameterError(
            f"The experiment {number} must be in the 'active' state. Current state is {row[2]}."
        )
    return Active(row[0], row[1])


def _in_stage(connection: Connection, number: int, stage: str) -> None:
    if get(connection, number).lifecycle_stage != stage:
        raise _absent(number)


def _change(connection: Connection, number: int, **values: Any) -> None:
    which = experiments.c.experiment_id == number
    connection.execute(sa.update(experiments).where(which).values(values))


def rename(connection: Connection, number: int, name: str, now: int) -> None:
    """Give an active experiment another name."""
    if get(connection, number).lifecycle_stage != ACTIVE:
        raise InvalidStateError("Cannot rename a non-active experiment.")
    try:
        _change(connection, number, name=name, last_update_time=now)
    except sa.exc.IntegrityError as error:
        raise ExistingResourceError(
            f"Experiment(name={name}) already exists. Error: {error.orig}"
        ) from error


def delete(connection: Connection, number: int, now: int) -> None:
    """Mark an experiment and all its runs as deleted."""
    _in_stage(connection, number, ACTIVE)
    _change(connection, number, lifecycle_stage=DELETED, last_update_time=now)
    _mark_runs(connection, number, lifecycle_stage=DELETED, deleted_time=now)


def restore(connection: Connection, number: int, now: int) -> None:
    """Undo `delete`."""
    _in_stage(connection, number, DELETED)
    _change(connection, number, lifecycle_stage=ACTIVE, last_update_time=now)
    _mark_runs(connection, number, lifecycle_stage=ACTIVE, deleted_time=None)


def _mark_runs(connection: Connection, number: int, **values: Any) -> None:
    which = (runs.c.experiment_id == number) & (runs.c.lifecycle_stage != PURGING)
    connection.execute(sa.update(runs).where(which).values(values))


def set_tag(connection: Connection, number: int, key: str, value: str) -> None:
    """Set a tag of an active experiment."""
    active(connection, number)
    insert_or_update(connection, experiment_tags, [(number, key, value)])


def delete_tag(connection: Connection, number: int, key: str) -> None:
    """Delete a tag of an active experiment.

    Raises:
        MissingResourceError: it has no such tag.
    """
    active(connection, number)
    which = (experiment_tags.c.experiment_id == number) & (experiment_tags.c.key == key)
    if connection.execute(sa.delete(experiment_tags).where(which)).rowcount == 0:
        raise MissingResourceError(f"No tag with name: {key} in experiment with id {number}")


def entities(connection: Connection, rows: Sequence[Row[Any]]) -> list[Experiment]:
    """Return rows as they are seen from outside, with their tags."""
    numbers = [row.experiment_id for row in rows]
    found: dict[int, list[Tag]] = {number: [] for number in numbers}
    for tag in select_for(connection, _tags, "numbers", numbers):
        found[tag.experiment_id].append(Tag(tag.key, tag.value))
    return [
        Experiment(
            experiment_id=str(row.experiment_id),
            name=row.name,
            artifact_location=row.artifact_location,
            lifecycle_stage=row.lifecycle_stage,
            last_update_time=row.last_update_time,
            creation_time=row.creation_time,
            tags=tuple(found[row.experiment_id]),
        )
        for row in rows
    ]
