"""Requests and answers about registered models, their versions and aliases."""

from dovetail.wire.mlflow.entities import Message, ModelVersion, RegisteredModel, Tag


class CreateRegisteredModel(Message, frozen=True, kw_only=True):
    """Take a free name for a model."""

    name: str
    tags: tuple[Tag, ...] = ()
    description: str | None = None


class GetRegisteredModel(Message, frozen=True):
    """Get or delete a registered model."""

    name: str


class RenameRegisteredModel(Message, frozen=True):
    """Rename a registered model with all its versions."""

    name: str
    new_name: str


class UpdateRegisteredModel(Message, frozen=True):
    """Describe a registered model."""

    name: str
    description: str | None = None


class RegisteredModelResponse(Message, frozen=True):
    """One registered model."""

    registered_model: RegisteredModel


class SearchRegisteredModels(Message, frozen=True, kw_only=True):
    """Search registered models; ``filter`` in MLflow's search language."""

    filter: str | None = None
    max_results: int = 100
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class SearchRegisteredModelsResponse(Message, frozen=True, kw_only=True):
    """One page of registered models."""

    registered_models: tuple[RegisteredModel, ...] = ()
    next_page_token: str | None = None


class SetRegisteredModelTag(Message, frozen=True):
    """Set a tag of a registered model."""

    name: str
    key: str
    value: str = ""


class DeleteRegisteredModelTag(Message, frozen=True):
    """Delete a tag of a registered model."""

    name: str
    key: str


class GetLatestVersions(Message, frozen=True):
    """Get the latest version in each stage (stages are deprecated since MLflow 2.9)."""

    name: str
    stages: tuple[str, ...] = ()


class CreateModelVersion(Message, frozen=True, kw_only=True):
    """Register files as the next version of a model."""

    name: str
    source: str
    run_id: str | None = None
    tags: tuple[Tag, ...] = ()
    run_link: str | None = None
    description: str | None = None
    model_id: str | None = None


class GetModelVersion(Message, frozen=True):
    """Get or delete a version, or ask where its files are."""

    name: str
    version: str


class UpdateModelVersion(Message, frozen=True):
    """Describe a version."""

    name: str
    version: str
    description: str | None = None


class TransitionModelVersionStage(Message, frozen=True):
    """Move a version to another stage (deprecated since MLflow 2.9)."""

    name: str
    version: str
    stage: str
    archive_existing_versions: bool = False


class ModelVersionResponse(Message, frozen=True):
    """One version."""

    model_version: ModelVersion


class SearchModelVersions(Message, frozen=True, kw_only=True):
    """Search versions; ``filter`` in MLflow's search language."""

    filter: str | None = None
    max_results: int = 200_000
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class ModelVersionsResponse(Message, frozen=True, kw_only=True):
    """One page of versions."""

    model_versions: tuple[ModelVersion, ...] = ()
    next_page_token: str | None = None


class DownloadUriResponse(Message, frozen=True):
    """Where a version's files are."""

    artifact_uri: str = ""


class SetModelVersionTag(Message, frozen=True):
    """Set a tag of a version."""

    name: str
    version: str
    key: str
    value: str = ""


class DeleteModelVersionTag(Message, frozen=True):
    """Delete a tag of a version."""

    name: str
    version: str
    key: str


class SetAlias(Message, frozen=True):
    """Point an alias at a version."""

    name: str
    alias: str
    version: str


class AliasRequest(Message, frozen=True):
    """Get the version that an alias points at, or delete the alias."""

    name: str
    alias: str
