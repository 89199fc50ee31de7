"""Versions of registered models in the database.

A deleted version stays as a redacted row, so that its number is never given out again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import InvalidStateError, MissingResourceError
from dovetail.tracking.filters import Condition, Order
from dovetail.tracking.store import history, models
from dovetail.tracking.store.bulk import insert_or_skip, insert_or_update, select_for
from dovetail.tracking.store.compile import compare, lookup
from dovetail.tracking.store.schema import (
    aliases,
    model_versions,
    registered_models,
    version_tags,
)
from dovetail.wire.mlflow import Alias, ModelVersion, RegisteredModel, Tag

__all__ = [
    "ARCHIVED",
    "change",
    "create",
    "delete",
    "delete_tag",
    "entities",
    "find",
    "get",
    "latest",
    "model_entities",
    "move",
    "set_tag",
]

DELETED = "Deleted_Internal"
ARCHIVED = "Archived"
FEW = 1000
_mv = model_versions
_named = sa.select(_mv, registered_models.c.name).join(
    registered_models, registered_models.c.id == _mv.c.model
)
_one = _named.where(
    registered_models.c.name == sa.bindparam("name"),
    _mv.c.version == sa.bindparam("version"),
    _mv.c.current_stage != DELETED,
)
_last = sa.select(sa.func.max(_mv.c.version)).where(_mv.c.model == sa.bindparam("model"))
_tags = sa.select(version_tags).where(
    version_tags.c.model.in_(sa.bindparam("models", expanding=True))
)
_few_tags = _tags.where(version_tags.c.version.in_(sa.bindparam("versions", expanding=True)))
_prompts = sa.select(version_tags.c.model).where(
    version_tags.c.key == models.PROMPT, version_tags.c.value == "true"
)
_listed: sa.BindParameter[Any] = sa.bindparam("models", expanding=True)
_ranked = (
    sa.select(
        _mv.c.model,
        _mv.c.version,
        sa.func.row_number()
        .over(partition_by=(_mv.c.model, _mv.c.current_stage), order_by=_mv.c.version.desc())
        .label("rank"),
    )
    .where(_mv.c.model.in_(_listed), _mv.c.current_stage != DELETED)
    .subquery()
)
_latest = (
    _named.join(
        _ranked, sa.and_(_ranked.c.model == _mv.c.model, _ranked.c.version == _mv.c.version)
    )
    .where(_ranked.c.rank == 1)
    .order_by(_mv.c.version)
)
_COLUMNS = {
    "name": registered_models.c.name,
    "version_number": _mv.c.version,
    "source_path": _mv.c.source,
    "run_id": _mv.c.run_id,
    "creation_timestamp": _mv.c.creation_timestamp,
    "last_updated_timestamp": _mv.c.last_updated_timestamp,
}
_NEWEST = (
    Order("attribute", "last_updated_timestamp", False),
    Order("attribute", "name", True),
    Order("attribute", "version_number", False),
)


def create(
    connection: Connection,
    name: str,
    values: Mapping[str, Any],
    tags: Mapping[str, str],
    change: history.Change,
) -> int:
    """Insert the next version of a registered model and return its number."""
    model = models.get(connection, name).id
    models.touch(
        connection, model, change.at
    )  # also locks the model, so that numbers are not raced for
    version = (connection.scalar(_last, {"model": model}) or 0) + 1
    row = {
        **dict.fromkeys(_mv.c.keys()),
        **values,
        "model": model,
        "version": version,
        "creation_timestamp": change.at,
        "last_updated_timestamp": change.at,
        "current_stage": history.NO_STAGE,
        "status": "READY",
    }
    if insert_or_skip(connection, _mv, [tuple(row.values())]) != 1:
        raise InvalidStateError(f"Model Version creation error (name={name}). Try again.")
    insert_or_update(
        connection, version_tags, [(model, version, key, value) for key, value in tags.items()]
    )
    history.note(connection, change, name, history.VERSION, version, None, version)
    return version


def get(connection: Connection, name: str, version: int) -> Row[Any]:
    """Return the row of a version, with the model's name.

    Raises:
        MissingResourceError: there is none, or it is deleted.
    """
    row = connection.execute(_one, {"name": name, "version": version}).first()
    if row is None:
        raise MissingResourceError(f"Model Version (name={name}, version={version}) not found")
    return row


def _update(connection: Connection, row: Row[Any], now: int, **values: Any) -> None:
    which = (_mv.c.model == row.model) & (_mv.c.version == row.version)
    changed = {"last_updated_timestamp": now, **values}
    connection.execute(sa.update(_mv).where(which).values(changed))


def change(
    connection: Connection, name: str, version: int, description: str | None, now: int
) -> None:
    """Describe a version."""
    _update(connection, get(connection, name, version), now, description=description)


def move(
    connection: Connection,
    name: str,
    version: int,
    stage: str,
    archive: bool,
    change: history.Change,
) -> None:
    """Move a version to a stage, and those that were in it to the archive if asked."""
    models.lock(connection, name)
    row = get(connection, name, version)
    if archive:
        _archive(connection, row, stage, change)
    _update(connection, row, change.at, current_stage=stage)
    models.touch(connection, row.model, change.at)
    before = row.current_stage
    history.note(connection, change, name, history.STAGE, version, before, stage)


def _archive(connection: Connection, row: Row[Any], stage: str, change: history.Change) -> None:
    """Move the other versions that are in a stage to the archive."""
    others = (
        (_mv.c.model == row.model) & (_mv.c.version != row.version) & (_mv.c.current_stage == stage)
    )
    numbers = connection.scalars(sa.select(_mv.c.version).where(others).order_by(_mv.c.version))
    for number in numbers.all():
        history.note(
            connection, change, row.name, history.STAGE, number, stage, ARCHIVED, "archive"
        )
    archived = {"current_stage": ARCHIVED, "last_updated_timestamp": change.at}
    connection.execute(sa.update(_mv).where(others).values(archived))


def _end(connection: Connection, row: Row[Any], change: history.Change) -> None:
    """Remove the aliases that point at a version, and record what ends with it."""
    pointing = (aliases.c.model == row.model) & (aliases.c.version == row.version)
    named = connection.scalars(sa.select(aliases.c.alias).where(pointing).order_by(aliases.c.alias))
    for alias in named.all():
        history.note(
            connection, change, row.name, history.ALIAS, alias, row.version, None, "deletion"
        )
    connection.execute(sa.delete(aliases).where(pointing))
    if row.current_stage != history.NO_STAGE:
        history.note(
            *(connection, change, row.name, history.STAGE, row.version),
            *(row.current_stage, None, "deletion"),
        )
    history.note(connection, change, row.name, history.VERSION, row.version, row.version, None)


def delete(connection: Connection, name: str, version: int, change: history.Change) -> None:
    """Redact a version and remove the aliases that point at it."""
    models.lock(connection, name)
    row = get(connection, name, version)
    _end(connection, row, change)
    _update(
        connection,
        row,
        change.at,
        current_stage=DELETED,
        description=None,
        user_id=None,
        source="REDACTED-SOURCE-PATH",
        storage_location=None,
        run_id="REDACTED-RUN-ID",
        run_link="REDACTED-RUN-LINK",
        model_id=None,
        status_message=None,
    )
    models.touch(connection, row.model, change.at)


def set_tag(connection: Connection, name: str, version: int, key: str, value: str) -> None:
    """Set a tag of a version."""
    row = get(connection, name, version)
    insert_or_update(connection, version_tags, [(row.model, version, key, value)])


def delete_tag(connection: Connection, name: str, version: int, key: str) -> None:
    """Delete a tag of a version; an absent one is fine."""
    row = get(connection, name, version)
    table = version_tags
    which = (table.c.model == row.model) & (table.c.version == version) & (table.c.key == key)
    connection.execute(sa.delete(table).where(which))


def latest(connection: Connection, keys: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Return the newest version in each stage, by the model's key inside the database."""
    found: dict[int, list[Row[Any]]] = {}
    for row in select_for(connection, _latest, "models", keys):
        found.setdefault(row.model, []).append(row)
    return found


def entities(connection: Connection, rows: Sequence[Row[Any]]) -> list[ModelVersion]:
    """Return rows as they are seen from outside, with tags and aliases."""
    keys = sorted({row.model for row in rows})
    tags = _tags_of(connection, rows, keys)
    pointing: dict[tuple[int, int], list[str]] = {}
    for model, by_alias in models.aliases_of(connection, keys).items():
        for alias, version in by_alias.items():
            pointing.setdefault((model, version), []).append(alias)
    return [
        ModelVersion(
            name=row.name,
            version=str(row.version),
            creation_timestamp=row.creation_timestamp,
            last_updated_timestamp=row.last_updated_timestamp,
            user_id=row.user_id,
            current_stage=row.current_stage,
            description=row.description,
            source=row.source,
            run_id=row.run_id,
            status=row.status,
            status_message=row.status_message,
            tags=tuple(tags.get((row.model, row.version), ())),
            run_link=row.run_link,
            aliases=tuple(pointing.get((row.model, row.version), ())),
            model_id=row.model_id,
        )
        for row in rows
    ]


def _tags_of(
    connection: Connection, rows: Sequence[Row[Any]], keys: Sequence[int]
) -> dict[tuple[int, int], list[Tag]]:
    if not rows:
        return {}
    found: dict[tuple[int, int], list[Tag]] = {}
    numbers = sorted({row.version for row in rows})
    if len(keys) + len(numbers) <= FEW:
        tags = iter(connection.execute(_few_tags, {"models": keys, "versions": numbers}))
    else:
        tags = select_for(connection, _tags, "models", keys)
    for row in tags:
        found.setdefault((row.model, row.version), []).append(Tag(row.key, row.value))
    return found


def model_entities(connection: Connection, rows: Sequence[Row[Any]]) -> list[RegisteredModel]:
    """Return rows of registered models as they are seen from outside."""
    keys = [row.id for row in rows]
    tags, pointing = models.tags_of(connection, keys), models.aliases_of(connection, keys)
    newest = latest(connection, keys)
    listed = [row for key in keys for row in newest.get(key, ())]
    seen = dict(
        zip(
            ((row.model, row.version) for row in listed),
            entities(connection, listed),
            strict=True,
        )
    )
    return [
        RegisteredModel(
            name=row.name,
            creation_timestamp=row.creation_timestamp,
            last_updated_timestamp=row.last_updated_timestamp,
            description=row.description,
            latest_versions=tuple(
                seen[row.id, version.version] for version in newest.get(row.id, ())
            ),
            tags=tuple(Tag(key, value) for key, value in tags.get(row.id, {}).items()),
            aliases=tuple(
                Alias(alias, str(version)) for alias, version in pointing.get(row.id, {}).items()
            ),
        )
        for row in rows
    ]


def find(
    connection: Connection,
    conditions: Sequence[Condition],
    orders: Sequence[Order],
    window: tuple[int, int],
) -> list[Row[Any]]:
    """Return the rows of versions.

    Args:
        connection: where to read.
        conditions: all must hold.
        orders: by what to order; most recently changed first if empty.
        window: offset and limit.
    """
    dialect = connection.dialect.name
    owner = {"model": _mv.c.model, "version": _mv.c.version}
    where: list[Any] = [_mv.c.current_stage != DELETED]
    for one in conditions:
        if one.entity == "attribute":
            where.append(compare(_COLUMNS[one.key], one.op, one.value, dialect))
        elif one.key != models.PROMPT:
            where.append(lookup(version_tags, owner, one, dialect))
    wants_prompts = models.wants_prompts(conditions)
    where.append(_mv.c.model.in_(_prompts) if wants_prompts else _mv.c.model.not_in(_prompts))
    chosen = list(orders) or list(_NEWEST)
    named = {one.key for one in chosen}
    chosen += [one for one in _NEWEST[1:] if one.key not in named]
    terms = [_COLUMNS[o.key].asc() if o.ascending else _COLUMNS[o.key].desc() for o in chosen]
    query = _named.where(*where).order_by(*terms).offset(window[0] or None).limit(window[1])
    return list(connection.execute(query))
