"""Registered models in the database: names, descriptions, tags and aliases."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import ExistingResourceError, MissingResourceError
from dovetail.tracking.filters import Condition, Order
from dovetail.tracking.store import history
from dovetail.tracking.store.bulk import insert_one, insert_or_update, select_for, update_one
from dovetail.tracking.store.compile import compare, lookup
from dovetail.tracking.store.schema import (
    aliases,
    model_tags,
    model_versions,
    registered_models,
    version_tags,
)

__all__ = [
    "PROMPT",
    "PROMPT_TAGS",
    "aliases_of",
    "create",
    "delete",
    "delete_alias",
    "delete_tag",
    "find",
    "get",
    "is_prompt",
    "lock",
    "rename",
    "set_alias",
    "set_tag",
    "tags_of",
    "touch",
    "version_of_alias",
    "wants_prompts",
]

PROMPT = "mlflow.prompt.is_prompt"
PROMPT_TAGS = (PROMPT, "_mlflow_prompt_type")
_one = sa.select(registered_models).where(registered_models.c.name == sa.bindparam("name"))
_listed: sa.BindParameter[Any] = sa.bindparam("models", expanding=True)
_tags = sa.select(model_tags).where(model_tags.c.model.in_(_listed))
_aliases = sa.select(aliases).where(aliases.c.model.in_(_listed))
_aliased = sa.select(aliases.c.version).where(
    aliases.c.model == sa.bindparam("model"), aliases.c.alias == sa.bindparam("alias")
)
_is_prompt = (
    sa.select(model_tags.c.value)
    .join(registered_models, registered_models.c.id == model_tags.c.model)
    .where(registered_models.c.name == sa.bindparam("name"), model_tags.c.key == PROMPT)
)
_PARTS = (aliases, version_tags, model_versions, model_tags)


def _noun(is_prompt: bool) -> str:
    return "Prompt" if is_prompt else "Registered Model"


def create(
    connection: Connection,
    name: str,
    description: str,
    tags: Mapping[str, str],
    change: history.Change,
) -> None:
    """Insert a registered model.

    Raises:
        ExistingResourceError: the name is taken.
    """
    existing = connection.execute(_one, {"name": name}).first()
    if existing is not None:
        raise _taken(name, tags_of(connection, [existing.id]).get(existing.id, {}), tags)
    values = {
        "name": name,
        "creation_timestamp": change.at,
        "last_updated_timestamp": change.at,
        "description": description,
    }
    try:
        key = insert_one(connection, registered_models, values)
    except sa.exc.IntegrityError as error:  # another server was faster
        raise _taken(name, {}, tags) from error
    rows = [(key, name, value) for name, value in tags.items()]
    insert_or_update(connection, model_tags, rows)
    history.note(connection, change, name, history.MODEL, name, None, name)


def _taken(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> ExistingResourceError:
    was, is_ = (_noun(tags.get(PROMPT, "").lower() == "true") for tags in (old, new))
    if was == is_:
        return ExistingResourceError(f"{is_} (name={name}) already exists.")
    return ExistingResourceError(
        f"Tried to create a {is_.lower()} with name {name!r}, but the name is already taken by a "
        f"{was.lower()}. MLflow does not allow creating a model and a prompt with the same name."
    )


def get(connection: Connection, name: str) -> Row[Any]:
    """Return the row of a registered model.

    Raises:
        MissingResourceError: there is none.
    """
    row = connection.execute(_one, {"name": name}).first()
    if row is None:
        raise MissingResourceError(f"Registered Model with name={name} not found")
    return row


def lock(connection: Connection, name: str) -> int:
    """Return the key of a registered model and keep others from changing it until the commit.

    Raises:
        MissingResourceError: there is none.
    """
    model: int = get(connection, name).id
    held = sa.select(registered_models.c.id).where(registered_models.c.id == model)
    connection.execute(held.with_for_update())
    return model


def touch(connection: Connection, key: int, now: int, **values: Any) -> None:
    """Change columns of a registered model and when it was last updated."""
    update_one(connection, registered_models, key, {"last_updated_timestamp": now, **values})


def rename(connection: Connection, name: str, new_name: str, change: history.Change) -> None:
    """Give a registered model another name.

    Raises:
        ExistingResourceError: the new name is taken.
    """
    key = lock(connection, name)
    try:
        touch(connection, key, change.at, name=new_name)
    except sa.exc.IntegrityError as error:
        raise ExistingResourceError(
            f"Registered Model (name={new_name}) already exists. Error: {error.orig}"
        ) from error
    of_model = sa.update(model_versions).where(model_versions.c.model == key)
    connection.execute(of_model.values(last_updated_timestamp=change.at))
    if new_name != name:
        history.rename(connection, change, key, name, new_name)


def delete(connection: Connection, name: str, change: history.Change) -> None:
    """Remove a registered model with its versions, tags and aliases."""
    key = lock(connection, name)
    history.end_model(connection, change, key, name)
    for table in _PARTS:
        connection.execute(sa.delete(table).where(table.c.model == key))
    connection.execute(sa.delete(registered_models).where(registered_models.c.id == key))


def set_tag(connection: Connection, name: str, key: str, value: str) -> None:
    """Set a tag of a registered model."""
    insert_or_update(connection, model_tags, [(get(connection, name).id, key, value)])


def delete_tag(connection: Connection, name: str, key: str) -> None:
    """Delete a tag of a registered model; an absent one is fine."""
    which = (model_tags.c.model == get(connection, name).id) & (model_tags.c.key == key)
    connection.execute(sa.delete(model_tags).where(which))


def set_alias(
    connection: Connection, name: str, alias: str, version: int, change: history.Change
) -> None:
    """Point an alias at a version."""
    model = lock(connection, name)
    before = version_of_alias(connection, model, alias)
    insert_or_update(connection, aliases, [(model, alias, version)])
    history.note(connection, change, name, history.ALIAS, alias, before, version)


def delete_alias(connection: Connection, name: str, alias: str, change: history.Change) -> None:
    """Delete an alias; an absent one is fine."""
    model = lock(connection, name)
    before = version_of_alias(connection, model, alias)
    which = (aliases.c.model == model) & (aliases.c.alias == alias)
    connection.execute(sa.delete(aliases).where(which))
    history.note(connection, change, name, history.ALIAS, alias, before, None)


def version_of_alias(connection: Connection, model: int, alias: str) -> int | None:
    """Return the version that an alias points at, or None."""
    return connection.scalar(_aliased, {"model": model, "alias": alias})


def is_prompt(connection: Connection, name: str) -> bool:
    """Return whether a registered model is a prompt."""
    value: str | None = connection.scalar(_is_prompt, {"name": name})
    return (value or "").lower() == "true"


def tags_of(connection: Connection, models: Sequence[int]) -> dict[int, dict[str, str]]:
    """Return the tags of registered models."""
    found: dict[int, dict[str, str]] = {}
    for row in select_for(connection, _tags, "models", models):
        found.setdefault(row.model, {})[row.key] = row.value
    return found


def aliases_of(connection: Connection, models: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return the aliases of registered models and the versions that they point at."""
    found: dict[int, dict[str, int]] = {}
    for row in select_for(connection, _aliases, "models", models):
        found.setdefault(row.model, {})[row.alias] = row.version
    return found


def wants_prompts(conditions: Sequence[Condition]) -> bool:
    """Tell whether a search asks for prompts, which are otherwise left out."""
    for one in conditions:
        if one.entity == "tag" and one.key == PROMPT:
            value = str(one.value).lower()
            return (one.op, value) in (("=", "true"), ("!=", "false"))
    return False


def find(
    connection: Connection,
    conditions: Sequence[Condition],
    orders: Sequence[Order],
    window: tuple[int, int],
) -> list[Row[Any]]:
    """Return the rows of registered models.

    Args:
        connection: where to read.
        conditions: all must hold.
        orders: by what to order; by name where they are equal.
        window: offset and limit.
    """
    dialect = connection.dialect.name
    owner = {"model": registered_models.c.id}
    where: list[Any] = []
    prompts = wants_prompts(conditions)
    for one in conditions:
        if one.entity == "attribute":
            where.append(compare(registered_models.c.name, one.op, one.value, dialect))
        elif one.key != PROMPT:
            where.append(lookup(model_tags, owner, one, dialect))
    is_prompt = lookup(model_tags, owner, Condition("tag", PROMPT, "=", "true"), dialect)
    where.append(is_prompt if prompts else ~is_prompt)
    names = {"timestamp": "last_updated_timestamp"}
    columns = [(registered_models.c[names.get(o.key, o.key)], o.ascending) for o in orders]
    columns.append((registered_models.c.name, True))
    query = (
        sa.select(registered_models)
        .where(*where)
        .order_by(*(c.asc() if ascending else c.desc() for c, ascending in columns))
        .offset(window[0] or None)
        .limit(window[1])
    )
    return list(connection.execute(query))
