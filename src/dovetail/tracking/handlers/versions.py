"""Use cases on the versions of registered models."""

import json
from typing import Any

from sqlalchemy.engine import Connection

from dovetail.tracking import paging, sources
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, TrackingError
from dovetail.tracking.filters import MODEL_VERSIONS, Condition, parse_filter, parse_order
from dovetail.tracking.store import logged_models, models, versions
from dovetail.tracking.validation import (
    check_key,
    check_model_name,
    check_model_tag,
    check_stage,
    version_number,
)
from dovetail.tracking.webhooks.outbox import announce, announce_about
from dovetail.wire.mlflow import (
    CreateModelVersion,
    DeleteModelVersionTag,
    DownloadUriResponse,
    Empty,
    GetModelVersion,
    ModelVersionResponse,
    ModelVersionsResponse,
    PromptVersionCreated,
    SearchModelVersions,
    SetModelVersionTag,
    TransitionModelVersionStage,
    UpdateModelVersion,
    VersionCreated,
    VersionTagDeleted,
    VersionTagSet,
    WebhookEvent,
)

__all__ = [
    "create",
    "delete",
    "delete_tag",
    "download_uri",
    "get",
    "search",
    "set_tag",
    "transition",
    "update",
]

MAX_RESULTS = 200_000
ACTIVE_STAGES = ["Staging", "Production"]
MODEL_VERSIONS_TAG = "mlflow.modelVersions"
PROMPT_TEXT = "mlflow.prompt.text"
_PROMPT_SOURCES = ("dummy-source", "prompt-template")


def _response(c: Connection, name: str, version: int) -> ModelVersionResponse:
    row = versions.get(c, name, version)
    return ModelVersionResponse(versions.entities(c, [row])[0])


def create(b: Backend, c: Connection, q: CreateModelVersion) -> ModelVersionResponse:
    """Register files as the next version of a model."""
    check_model_name(q.name)
    for tag in q.tags:
        check_model_tag(tag.key, tag.value)
    tags = {tag.key: tag.value for tag in q.tags}
    asked = sources.Lineage(q.source, q.run_id or None, q.model_id or None, q.source)
    found = asked
    if tags.get(models.PROMPT, "").lower() != "true":
        found = sources.resolve(c, sources.Lineage(q.source, asked.run_id, asked.model_id))
    elif q.source not in _PROMPT_SOURCES:
        raise InvalidParameterError(
            f"Invalid prompt source: '{q.source}'. Prompt sources must use an MLflow placeholder."
        )
    values: dict[str, Any] = {
        "description": q.description or "",
        "source": found.source,
        "storage_location": found.location,
        "run_id": found.run_id or "",
        "run_link": q.run_link or "",
        "model_id": found.model_id,
    }
    version = versions.create(c, q.name, values, tags, b.change())
    if found.model_id:
        _note_registration(c, found.model_id, q.name, version)
    _announce_version(b, c, q, found, version)
    return _response(c, q.name, version)


def _announce_version(
    b: Backend, c: Connection, q: CreateModelVersion, found: sources.Lineage, version: int
) -> None:
    tags, description = {tag.key: tag.value for tag in q.tags}, q.description or None
    if tags.get(models.PROMPT, "").lower() == "true":
        template = tags.pop(PROMPT_TEXT, None)
        shown = {key: value for key, value in tags.items() if key not in models.PROMPT_TAGS}
        prompt = PromptVersionCreated(q.name, str(version), template, shown, description)
        announce(b, c, WebhookEvent("PROMPT_VERSION", "CREATED"), prompt)
        return
    run = found.run_id or None
    made = VersionCreated(q.name, str(version), found.source, run, tags, description)
    announce(b, c, WebhookEvent("MODEL_VERSION", "CREATED"), made)


def _note_registration(c: Connection, model_id: str, name: str, version: int) -> None:
    """Add the version to the tag in which a logged model lists where it is registered."""
    model = logged_models.entities(c, [logged_models.get(c, model_id, allow_deleted=True)])[0]
    old = next((t.value for t in model.info.tags if t.key == MODEL_VERSIONS_TAG), "[]")
    entry = {"name": name, "version": version}
    listed = json.loads(old)
    if entry not in listed:
        listed.append(entry)
    logged_models.set_tags(c, model_id, {MODEL_VERSIONS_TAG: json.dumps(listed)})


def get(b: Backend, c: Connection, q: GetModelVersion) -> ModelVersionResponse:
    """Get a version."""
    check_model_name(q.name)
    return _response(c, q.name, version_number(q.version))


def update(b: Backend, c: Connection, q: UpdateModelVersion) -> ModelVersionResponse:
    """Describe a version."""
    check_model_name(q.name)
    version = version_number(q.version)
    versions.change(c, q.name, version, q.description, b.now())
    return _response(c, q.name, version)


def transition(b: Backend, c: Connection, q: TransitionModelVersionStage) -> ModelVersionResponse:
    """Move a version to another stage."""
    check_model_name(q.name)
    version, stage = version_number(q.version), check_stage(q.stage)
    if q.archive_existing_versions and stage not in ACTIVE_STAGES:
        raise TrackingError(
            "Model version transition cannot archive existing model versions because "
            f"'{q.stage}' is not an Active stage. Valid stages are {ACTIVE_STAGES}"
        )
    versions.move(c, q.name, version, stage, q.archive_existing_versions, b.change())
    return _response(c, q.name, version)


def delete(b: Backend, c: Connection, q: GetModelVersion) -> Empty:
    """Delete a version; its number is not given out again."""
    check_model_name(q.name)
    versions.delete(c, q.name, version_number(q.version), b.change())
    return Empty()


def download_uri(b: Backend, c: Connection, q: GetModelVersion) -> DownloadUriResponse:
    """Say where the files of a version are."""
    check_model_name(q.name)
    row = versions.get(c, q.name, version_number(q.version))
    return DownloadUriResponse(row.storage_location or row.source)


def search(b: Backend, c: Connection, q: SearchModelVersions) -> ModelVersionsResponse:
    """Find versions, a page at a time."""
    if q.max_results < 1:
        raise InvalidParameterError(
            f"Invalid value for max_results. It must be a positive integer, but got {q.max_results}"
        )
    if q.max_results > MAX_RESULTS:
        raise InvalidParameterError(
            "Invalid value for request parameter max_results. It must be at most "
            f"{MAX_RESULTS}, but got value {q.max_results}"
        )
    offset = paging.offset_of(q.page_token)
    conditions = parse_filter(q.filter, MODEL_VERSIONS)
    for one in conditions:
        _check_number(one)
    orders = parse_order(q.order_by, MODEL_VERSIONS)
    found = versions.find(c, conditions, orders, (offset, q.max_results + 1))
    rows, token = paging.page(found, offset, q.max_results)
    return ModelVersionsResponse(
        model_versions=tuple(versions.entities(c, rows)), next_page_token=token
    )


def _check_number(one: Condition) -> None:
    if one.key == "version_number" and isinstance(one.value, float):
        raise InvalidParameterError(
            f"Invalid value for numeric attribute '{one.key}': {one.value!r}"
        )


def set_tag(b: Backend, c: Connection, q: SetModelVersionTag) -> Empty:
    """Set a tag of a version."""
    check_model_name(q.name)
    check_model_tag(q.key, q.value)
    versions.set_tag(c, q.name, version_number(q.version), q.key, q.value)
    tag = VersionTagSet(q.name, q.version, q.key, q.value)
    announce_about(b, c, q.name, "MODEL_VERSION_TAG", "SET", tag)
    return Empty()


def delete_tag(b: Backend, c: Connection, q: DeleteModelVersionTag) -> Empty:
    """Delete a tag of a version."""
    check_model_name(q.name)
    check_key(q.key)
    versions.delete_tag(c, q.name, version_number(q.version), q.key)
    tag = VersionTagDeleted(q.name, q.version, q.key)
    announce_about(b, c, q.name, "MODEL_VERSION_TAG", "DELETED", tag)
    return Empty()
