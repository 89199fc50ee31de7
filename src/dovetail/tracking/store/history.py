"""What happened to registered models: written with each change, read as of any instant.

Four topics have a history under the name of a model: the model itself, its versions, their stages
and its aliases. A row says what a subject was before and after; None means that there was nothing.
A rename ends every history under the old name and begins it under the new one. Instants never run
backwards under one name, so "the last row not later than t" is the state at t.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store.history_schema import registry_history
from dovetail.tracking.store.schema import aliases, model_versions, registered_models

__all__ = [
    "ALIAS",
    "KNOWN",
    "MODEL",
    "NO_STAGE",
    "STAGE",
    "VERSION",
    "Change",
    "begin_known",
    "count",
    "end_model",
    "events",
    "events_of_version",
    "first",
    "note",
    "origin",
    "rename",
    "state",
    "who_made",
]

MODEL, VERSION, STAGE, ALIAS = "model", "version", "stage", "alias"
KNOWN = "known"
NO_STAGE = "None"
DELETED = "Deleted_Internal"
_h = registry_history
_newest = sa.select(sa.func.max(_h.c.at)).where(_h.c.name == sa.bindparam("name"))


@dataclass(frozen=True)
class Change:
    """When a change happens and who makes it.

    Attributes:
        at: milliseconds since the Unix epoch.
        actor: who asked for it; None where nobody knows.
    """

    at: int
    actor: str | None = None


@dataclass(frozen=True)
class _Row:
    name: str
    topic: str
    subject: str
    before: str | None
    after: str | None


def note(
    connection: Connection,
    change: Change,
    name: str,
    topic: str,
    subject: object,
    before: object,
    after: object,
    cause: str = "request",
) -> None:
    """Record that a subject became something else; nothing where it stays as it is.

    Args:
        connection: the transaction of the change itself.
        change: when and by whom.
        name: of the registered model.
        topic: one of `MODEL`, `VERSION`, `STAGE`, `ALIAS`.
        subject: the version, the alias, or the model's name.
        before: what it was; None if there was nothing.
        after: what it is now; None if nothing is left.
        cause: `request`, or what brought it about: `rename`, `deletion`, `archive`.
    """
    row = _Row(name, topic, str(subject), _text(before), _text(after))
    _write(connection, change, [row], cause)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _write(connection: Connection, change: Change, rows: Iterable[_Row], cause: str) -> None:
    starts: dict[str, int] = {}
    values = []
    for row in rows:
        if row.before == row.after and row.topic != MODEL:
            continue
        if row.name not in starts:
            newest = connection.scalar(_newest, {"name": row.name}) or 0
            starts[row.name] = max(change.at, newest)
        values.append(
            {
                "at": starts[row.name],
                "actor": change.actor,
                "name": row.name,
                "topic": row.topic,
                "subject": row.subject,
                "before": row.before,
                "after": row.after,
                "cause": cause,
            }
        )
    if values:
        connection.execute(sa.insert(_h), values)


def _present(connection: Connection, model: int, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield what a model has now: topic, subject and value."""
    version = model_versions
    staged = (
        sa.select(version.c.version, version.c.current_stage)
        .where(version.c.model == model, version.c.current_stage.not_in((NO_STAGE, DELETED)))
        .order_by(version.c.version)
    )
    for row in connection.execute(staged).all():
        yield STAGE, str(row.version), row.current_stage
    pointing = sa.select(aliases).where(aliases.c.model == model).order_by(aliases.c.alias)
    for row in connection.execute(pointing).all():
        yield ALIAS, row.alias, str(row.version)


def end_model(connection: Connection, change: Change, model: int, name: str) -> None:
    """Record the deletion of a model, before its rows go."""
    rows = [_Row(name, t, s, value, None) for t, s, value in _present(connection, model, name)]
    _write(connection, change, [*rows, _Row(name, MODEL, name, name, None)], "deletion")


def rename(connection: Connection, change: Change, model: int, name: str, new: str) -> None:
    """Record that a model goes on under another name."""
    held = list(_present(connection, model, name))
    rows = [_Row(name, topic, subject, value, None) for topic, subject, value in held]
    rows += [_Row(name, MODEL, name, name, new), _Row(new, MODEL, new, name, new)]
    rows += [_Row(new, topic, subject, None, value) for topic, subject, value in held]
    _write(connection, change, rows, "rename")


def begin_known(connection: Connection, change: Change) -> int:
    """Record what there is of models without a history, and return how many they are.

    An older store gets its history this way, and so does one that was filled from elsewhere.
    """
    has = sa.select(sa.literal(1)).where(_h.c.name == registered_models.c.name).exists()
    found = sa.select(registered_models.c.id, registered_models.c.name).where(~has)
    listed = connection.execute(found.order_by(registered_models.c.id)).all()
    for model, name in listed:
        rows = [_Row(name, MODEL, name, None, name)]
        rows += [_Row(name, t, s, None, value) for t, s, value in _present(connection, model, name)]
        _write(connection, change, rows, KNOWN)
    return len(listed)


def state(connection: Connection, name: str, at: int) -> dict[tuple[str, str], Row[Any]]:
    """Return the last row not later than an instant of the model, its stages and aliases.

    Rows whose `after` is None are among them: they say since when there is nothing.
    """
    last = (
        sa.select(sa.func.max(_h.c.id))
        .where(_h.c.name == name, _h.c.topic.in_((MODEL, STAGE, ALIAS)), _h.c.at <= at)
        .group_by(_h.c.topic, _h.c.subject)
    )
    query = sa.select(_h).where(_h.c.id.in_(last)).order_by(_h.c.topic, _h.c.subject)
    return {(row.topic, row.subject): row for row in connection.execute(query)}


def first(connection: Connection, name: str) -> Row[Any] | None:
    """Return the oldest row under a name."""
    return connection.execute(sa.select(_h).where(_h.c.name == name).order_by(_h.c.id)).first()


def _names(connection: Connection, name: str) -> list[str]:
    """Return a name and those that the model had before it, newest first."""
    found = [name]
    while (row := first(connection, name)) is not None:
        if row.topic != MODEL or not row.before or row.before in found:
            break
        name = row.before
        found.append(name)
    return found


def origin(connection: Connection, name: str, at: int) -> str | None:
    """Return which name the model had at an instant before it got this one, or None."""
    for former in _names(connection, name)[1:]:
        row = first(connection, former)
        if row is not None and row.at <= at:
            return former
    return None


def events(
    connection: Connection,
    name: str,
    where: Mapping[str, str],
    window: tuple[int, int],
) -> list[Row[Any]]:
    """Return rows under a name, newest first.

    Args:
        connection: where to read.
        name: of the model.
        where: values that `topic` or `subject` must have.
        window: offset and limit.
    """
    query = sa.select(_h).where(_h.c.name == name, *(_h.c[k] == v for k, v in where.items()))
    limited = query.order_by(_h.c.id.desc()).offset(window[0] or None).limit(window[1])
    return list(connection.execute(limited))


def events_of_version(
    connection: Connection, name: str, version: str, limit: int
) -> list[Row[Any]]:
    """Return the changes that concern one version, newest first."""
    aliased = (_h.c.topic == ALIAS) & ((_h.c.before == version) | (_h.c.after == version))
    own = _h.c.topic.in_((STAGE, VERSION)) & (_h.c.subject == version)
    query = sa.select(_h).where(_h.c.name == name, aliased | own)
    return list(connection.execute(query.order_by(_h.c.id.desc()).limit(limit)))


def count(connection: Connection, name: str) -> int:
    """Return how many rows there are under a name."""
    query = sa.select(sa.func.count()).where(_h.c.name == name)
    return connection.scalar(query) or 0


def who_made(connection: Connection, name: str, versions: Iterable[int]) -> dict[int, str | None]:
    """Return who registered versions, where that is known."""
    made = sa.select(_h.c.subject, _h.c.actor).where(
        _h.c.name.in_(_names(connection, name)),
        _h.c.topic == VERSION,
        _h.c.subject.in_([str(version) for version in versions]),
        _h.c.before.is_(None),
    )
    return {int(row.subject): row.actor for row in connection.execute(made.order_by(_h.c.id))}
