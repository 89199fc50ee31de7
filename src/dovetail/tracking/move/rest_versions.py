"""Registered models and their versions written to an MLflow server, with their numbers."""

from dovetail.base.errors import ConflictError
from dovetail.tracking.move.records import RegisteredRecord, VersionRecord
from dovetail.wire.http import NotFound
from dovetail.wire.mlflow import (
    Client,
    CreateModelVersion,
    GetModelVersion,
    SetRegisteredModelTag,
    Tag,
    TransitionModelVersionStage,
    UpdateRegisteredModel,
    endpoints,
)

__all__ = ["put_registered"]

PROMPT = "mlflow.prompt.is_prompt"


def put_registered(client: Client, record: RegisteredRecord, used: int) -> int:
    """Write a registered model with its versions, tags, stages and aliases.

    Args:
        client: the server.
        record: the registered model.
        used: up to which number earlier calls have made and deleted versions.

    Returns:
        Up to which number that is so now.

    Raises:
        ConflictError: the server has gone past a number that is needed.
    """
    model = record.model
    tags = {tag.key: tag.value for tag in model.tags}
    try:
        client.get_registered_model(model.name)
        for key, value in tags.items():
            request = SetRegisteredModelTag(model.name, key, value)
            client.call(endpoints.SET_REGISTERED_MODEL_TAG, request)
        told = UpdateRegisteredModel(model.name, model.description or "")
        client.call(endpoints.UPDATE_REGISTERED_MODEL, told)
    except NotFound:
        client.create_registered_model(model.name, description=model.description, tags=tags)
    last = _put_versions(client, record, used)
    for alias in model.aliases:
        client.set_alias(model.name, alias.alias, alias.version)
    return last


def _put_versions(client: Client, record: RegisteredRecord, used: int) -> int:
    name = record.model.name
    live = {int(one.version.version): one for one in record.versions if not one.is_deleted}
    quote = '"' if "'" in name else "'"
    where = f"name = {quote}{name}{quote}"
    if any(tag.key == PROMPT for tag in record.model.tags):
        where += f" AND tags.`{PROMPT}` = 'true'"
    there = {int(one.version) for one in client.search_model_versions(where)}
    for stray in there - set(live):  # made to be deleted, when the move was cut short
        _delete(client, name, stray)
    for number in sorted(live):
        if number not in there:
            _create(client, name, number, live[number])
        _describe(client, name, number, live[number])
    last = max((int(one.version.version) for one in record.versions), default=0)
    if live and last > max(*live, used):
        _use_up(client, name, last, live[max(live)])
    return last


def _create(client: Client, name: str, number: int, one: VersionRecord) -> None:
    """Make a version of a number; lower numbers that come first are those of deleted versions."""
    while (got := _next(client, name, one)) < number:
        _delete(client, name, got)
    if got > number:
        _delete(client, name, got)
        raise ConflictError(
            f"version {number} of {name!r} cannot be made: the server counts on from {got}"
        )


def _use_up(client: Client, name: str, last: int, one: VersionRecord) -> None:
    """Make and delete versions up to a number, so that it is not given out again."""
    while True:
        got = _next(client, name, one)
        _delete(client, name, got)
        if got >= last:
            return


def _next(client: Client, name: str, one: VersionRecord) -> int:
    v = one.version
    request = CreateModelVersion(
        name=name,
        source=v.source or "",
        run_id=v.run_id or None,
        tags=tuple(Tag(tag.key, tag.value) for tag in v.tags),
        run_link=v.run_link or None,
        description=v.description,
        model_id=v.model_id,
    )
    return int(client.call(endpoints.CREATE_MODEL_VERSION, request).model_version.version)


def _delete(client: Client, name: str, number: int) -> None:
    client.call(endpoints.DELETE_MODEL_VERSION, GetModelVersion(name, str(number)))


def _describe(client: Client, name: str, number: int, one: VersionRecord) -> None:
    found = client.get_model_version(name, str(number))
    if (found.description or "") != (one.version.description or ""):
        client.update_model_version(name, str(number), one.version.description or "")
    has = {tag.key: tag.value for tag in found.tags}
    for tag in one.version.tags:
        if has.get(tag.key) != tag.value:
            client.set_model_version_tag(name, str(number), tag.key, tag.value)
    stage = one.version.current_stage or "None"
    if (found.current_stage or "None") != stage:
        request = TransitionModelVersionStage(name, str(number), stage)
        client.call(endpoints.TRANSITION_STAGE, request)
