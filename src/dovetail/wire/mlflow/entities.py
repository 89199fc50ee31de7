"""The things that MLflow's REST API speaks about, with its exact wire names.

From ``service.proto`` and ``model_registry.proto`` of MLflow 3. MLflow leaves unset fields out of
its JSON but writes ``step`` and ``is_dir`` even when they are zero: such fields have a default
factory, which msgspec's ``omit_defaults`` never omits.
"""

from typing import Annotated, Literal

import msgspec

Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
ViewType = Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]
VersionStatus = Literal["PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY"]
LoggedModelStatus = Literal[
    "LOGGED_MODEL_STATUS_UNSPECIFIED",
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
]


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """The base of every MLflow message: immutable, unset fields stay off the wire."""


class Metric(Message, frozen=True, gc=False):
    """One point of a metric: ``timestamp`` in milliseconds, ``value`` may be NaN or infinite."""

    key: str
    value: float
    timestamp: Int64
    step: Int64 = msgspec.field(default_factory=int)
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None


class Param(Message, frozen=True, gc=False):
    """A parameter of a run: set once, always text."""

    key: str
    value: str = msgspec.field(default_factory=str)


class Tag(Message, frozen=True, gc=False):
    """A tag of a run, an experiment, a registered model, a version or a dataset input."""

    key: str
    value: str = msgspec.field(default_factory=str)


class Experiment(Message, frozen=True, kw_only=True):
    """A named set of runs; times in milliseconds."""

    experiment_id: str
    name: str
    artifact_location: str | None = None
    lifecycle_stage: str = msgspec.field(default_factory=lambda: "active")
    last_update_time: int | None = None
    creation_time: int | None = None
    tags: tuple[Tag, ...] = ()


class RunInfo(Message, frozen=True, kw_only=True):
    """What a run is, without what it logged; ``run_uuid`` repeats ``run_id`` for old clients."""

    run_id: str
    run_uuid: str | None = None
    run_name: str | None = None
    experiment_id: str = msgspec.field(default_factory=str)
    user_id: str | None = None
    status: RunStatus = msgspec.field(default_factory=lambda: "RUNNING")
    start_time: int | None = None
    end_time: int | None = None
    artifact_uri: str | None = None
    lifecycle_stage: str = msgspec.field(default_factory=lambda: "active")


class RunData(Message, frozen=True, kw_only=True):
    """What a run logged: the latest point of each metric, its parameters and tags."""

    metrics: tuple[Metric, ...] = ()
    params: tuple[Param, ...] = ()
    tags: tuple[Tag, ...] = ()


class Dataset(Message, frozen=True, kw_only=True):
    """A dataset that a run read, by name and digest."""

    name: str
    digest: str
    source_type: str | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None


class DatasetInput(Message, frozen=True, kw_only=True):
    """A dataset and in which role (tag ``mlflow.data.context``) a run read it."""

    dataset: Dataset
    tags: tuple[Tag, ...] = ()


class ModelInput(Message, frozen=True):
    """A logged model that a run read."""

    model_id: str


class ModelOutput(Message, frozen=True):
    """A logged model that a run made, at a step."""

    model_id: str
    step: int = msgspec.field(default_factory=int)


class RunInputs(Message, frozen=True, kw_only=True):
    """What a run read."""

    dataset_inputs: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[ModelInput, ...] = ()


class RunOutputs(Message, frozen=True, kw_only=True):
    """What a run made."""

    model_outputs: tuple[ModelOutput, ...] = ()


class Run(Message, frozen=True, kw_only=True):
    """One run."""

    info: RunInfo
    data: RunData = RunData()
    inputs: RunInputs | None = None
    outputs: RunOutputs | None = None


class FileInfo(Message, frozen=True, kw_only=True):
    """One file or folder among artifacts; size in bytes, folders have none."""

    path: str
    is_dir: bool = msgspec.field(default_factory=bool)
    file_size: int | None = None


class Alias(Message, frozen=True):
    """A name that points to one version of a registered model."""

    alias: str
    version: str


class ModelParam(Message, frozen=True):
    """A parameter of the logged model behind a version."""

    name: str
    value: str = msgspec.field(default_factory=str)


class ModelVersion(Message, frozen=True, kw_only=True):
    """One version of a registered model; ``version`` is a counting number as text."""

    name: str
    version: str
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    user_id: str | None = None
    current_stage: str | None = None
    description: str | None = None
    source: str | None = None
    run_id: str | None = None
    status: VersionStatus | None = None
    status_message: str | None = None
    tags: tuple[Tag, ...] = ()
    run_link: str | None = None
    aliases: tuple[str, ...] = ()
    model_id: str | None = None
    model_params: tuple[ModelParam, ...] = ()
    model_metrics: tuple[Metric, ...] = ()


class RegisteredModel(Message, frozen=True, kw_only=True):
    """A model by name, under which versions are counted."""

    name: str
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    user_id: str | None = None
    description: str | None = None
    latest_versions: tuple[ModelVersion, ...] = ()
    tags: tuple[Tag, ...] = ()
    aliases: tuple[Alias, ...] = ()


class LoggedModelParameter(Message, frozen=True):
    """A parameter of a logged model."""

    key: str
    value: str = msgspec.field(default_factory=str)


class Registration(Message, frozen=True):
    """Where a logged model was registered."""

    name: str
    version: str


class LoggedModelInfo(Message, frozen=True, kw_only=True):
    """What a logged model is."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: int | None = None
    last_updated_timestamp_ms: int | None = None
    artifact_uri: str | None = None
    status: LoggedModelStatus = msgspec.field(default_factory=lambda: "LOGGED_MODEL_PENDING")
    creator_id: int | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    status_message: str | None = None
    tags: tuple[Tag, ...] = ()
    registrations: tuple[Registration, ...] = ()


class LoggedModelData(Message, frozen=True, kw_only=True):
    """What was logged about a logged model."""

    params: tuple[LoggedModelParameter, ...] = ()
    metrics: tuple[Metric, ...] = ()


class LoggedModel(Message, frozen=True, kw_only=True):
    """A model that a run made, before anybody registers it."""

    info: LoggedModelInfo
    data: LoggedModelData = LoggedModelData()


class ServerInfo(msgspec.Struct, frozen=True):
    """What ``/api/3.0/mlflow/server-info`` says before anybody logs in."""

    store_type: str | None = None
    workspaces_enabled: bool = False
    multipart_uploads_enabled: bool = False
    multipart_downloads_enabled: bool = False
