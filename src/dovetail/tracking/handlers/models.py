"""Use cases on registered models, their tags and aliases."""

from sqlalchemy.engine import Connection

from dovetail.tracking import paging
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.filters import REGISTERED_MODELS, parse_filter, parse_order
from dovetail.tracking.store import models, versions
from dovetail.tracking.validation import (
    STAGES,
    check_alias,
    check_key,
    check_model_name,
    check_model_tag,
    check_stage,
    missing,
    version_number,
)
from dovetail.tracking.webhooks.outbox import announce, announce_about
from dovetail.wire.mlflow import (
    AliasCreated,
    AliasDeleted,
    AliasRequest,
    CreateRegisteredModel,
    DeleteRegisteredModelTag,
    Empty,
    GetLatestVersions,
    GetRegisteredModel,
    ModelCreated,
    ModelVersionResponse,
    ModelVersionsResponse,
    RegisteredModel,
    RegisteredModelResponse,
    RenameRegisteredModel,
    SearchRegisteredModels,
    SearchRegisteredModelsResponse,
    SetAlias,
    SetRegisteredModelTag,
    Tag,
    TagDeleted,
    TagSet,
    UpdateRegisteredModel,
    WebhookEvent,
)

__all__ = [
    "create",
    "delete",
    "delete_alias",
    "delete_tag",
    "get",
    "get_by_alias",
    "latest_versions",
    "rename",
    "search",
    "set_alias",
    "set_tag",
    "update",
]

MAX_RESULTS = 1000


def _response(c: Connection, name: str) -> RegisteredModelResponse:
    return RegisteredModelResponse(versions.model_entities(c, [models.get(c, name)])[0])


def create(b: Backend, c: Connection, q: CreateRegisteredModel) -> RegisteredModelResponse:
    """Take a free name for a model."""
    check_model_name(q.name)
    for tag in q.tags:
        check_model_tag(tag.key, tag.value)
    tags = {tag.key: tag.value for tag in q.tags}
    change = b.change()
    models.create(c, q.name, q.description or "", tags, change)
    is_prompt = tags.get(models.PROMPT, "").lower() == "true"
    shown = {key: tags[key] for key in tags if not (is_prompt and key in models.PROMPT_TAGS)}
    event = WebhookEvent("PROMPT" if is_prompt else "REGISTERED_MODEL", "CREATED")
    announce(b, c, event, ModelCreated(q.name, shown, q.description or ""))
    made = RegisteredModel(
        name=q.name,
        creation_timestamp=change.at,
        last_updated_timestamp=change.at,
        description=q.description or "",
        tags=tuple(Tag(key, value) for key, value in tags.items()),
    )
    return RegisteredModelResponse(made)


def get(b: Backend, c: Connection, q: GetRegisteredModel) -> RegisteredModelResponse:
    """Get a registered model with its newest versions."""
    check_model_name(q.name)
    return _response(c, q.name)


def update(b: Backend, c: Connection, q: UpdateRegisteredModel) -> RegisteredModelResponse:
    """Describe a registered model."""
    check_model_name(q.name)
    models.touch(c, models.get(c, q.name).id, b.now(), description=q.description or "")
    return _response(c, q.name)


def rename(b: Backend, c: Connection, q: RenameRegisteredModel) -> RegisteredModelResponse:
    """Rename a registered model with all its versions."""
    if not q.new_name.strip():
        raise missing("new_name")
    check_model_name(q.new_name)
    check_model_name(q.name)
    models.rename(c, q.name, q.new_name, b.change())
    return _response(c, q.new_name)


def delete(b: Backend, c: Connection, q: GetRegisteredModel) -> Empty:
    """Remove a registered model with all its versions."""
    check_model_name(q.name)
    models.delete(c, q.name, b.change())
    return Empty()


def search(b: Backend, c: Connection, q: SearchRegisteredModels) -> SearchRegisteredModelsResponse:
    """Find registered models, a page at a time."""
    if q.max_results > MAX_RESULTS:
        raise InvalidParameterError(
            "Invalid value for request parameter max_results. It must be at most "
            f"{MAX_RESULTS}, but got value {q.max_results}"
        )
    offset = paging.offset_of(q.page_token)
    conditions = parse_filter(q.filter, REGISTERED_MODELS)
    orders = parse_order(q.order_by, REGISTERED_MODELS)
    found = models.find(c, conditions, orders, (offset, q.max_results + 1))
    rows, token = paging.page(found, offset, q.max_results)
    return SearchRegisteredModelsResponse(
        registered_models=tuple(versions.model_entities(c, rows)), next_page_token=token
    )


def set_tag(b: Backend, c: Connection, q: SetRegisteredModelTag) -> Empty:
    """Set a tag of a registered model."""
    check_model_name(q.name)
    check_model_tag(q.key, q.value)
    models.set_tag(c, q.name, q.key, q.value)
    announce_about(b, c, q.name, "PROMPT_TAG", "SET", TagSet(q.name, q.key, q.value))
    return Empty()


def delete_tag(b: Backend, c: Connection, q: DeleteRegisteredModelTag) -> Empty:
    """Delete a tag of a registered model."""
    check_model_name(q.name)
    check_key(q.key)
    models.delete_tag(c, q.name, q.key)
    announce_about(b, c, q.name, "PROMPT_TAG", "DELETED", TagDeleted(q.name, q.key))
    return Empty()


def latest_versions(b: Backend, c: Connection, q: GetLatestVersions) -> ModelVersionsResponse:
    """Get the newest version in each stage."""
    check_model_name(q.name)
    wanted = {check_stage(stage) for stage in q.stages or STAGES}
    model = models.get(c, q.name).id
    rows = versions.latest(c, [model]).get(model, [])
    chosen = [row for row in rows if row.current_stage in wanted]
    return ModelVersionsResponse(model_versions=tuple(versions.entities(c, chosen)))


def set_alias(b: Backend, c: Connection, q: SetAlias) -> Empty:
    """Point an alias at a version, wherever it pointed before."""
    check_model_name(q.name)
    check_alias(q.alias)
    row = versions.get(c, q.name, version_number(q.version))
    models.set_alias(c, q.name, q.alias, row.version, b.change())
    pointed = AliasCreated(q.name, q.alias, q.version)
    announce_about(b, c, q.name, "MODEL_VERSION_ALIAS", "CREATED", pointed)
    return Empty()


def delete_alias(b: Backend, c: Connection, q: AliasRequest) -> Empty:
    """Delete an alias."""
    check_model_name(q.name)
    check_alias(q.alias, reserved=False)
    models.delete_alias(c, q.name, q.alias, b.change())
    gone = AliasDeleted(q.name, q.alias)
    announce_about(b, c, q.name, "MODEL_VERSION_ALIAS", "DELETED", gone)
    return Empty()


def get_by_alias(b: Backend, c: Connection, q: AliasRequest) -> ModelVersionResponse:
    """Get the version that an alias points at."""
    check_model_name(q.name)
    check_alias(q.alias, reserved=False)
    model = models.get(c, q.name).id
    if q.alias.lower() == "latest":
        rows = versions.latest(c, [model]).get(model, [])
        if not rows:
            raise MissingResourceError(f"Latest version not found for model {q.name}.")
        return ModelVersionResponse(versions.entities(c, rows[-1:])[0])
    version = models.version_of_alias(c, model, q.alias)
    if version is None:
        raise InvalidParameterError(f"Registered model alias {q.alias} not found.")
    row = versions.get(c, q.name, version)
    return ModelVersionResponse(versions.entities(c, [row])[0])
