"""KServe's objects: ServingRuntime and InferenceGraph v1alpha1, InferenceService v1beta1.

Beside the fields' types, what KServe's admission hooks ask is held here where it is about one
object alone: a graph has a node `root`, each step one target, a splitter's weights make 100.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta

from dovetail.serving.manifest.core import (
    Container,
    ContainerPort,
    EnvSource,
    EnvVar,
    Probe,
    Resources,
    SecurityContext,
    Volume,
    VolumeMount,
)
from dovetail.serving.manifest.parts import (
    Count,
    DnsLabel,
    LabelKey,
    Maybe,
    Object,
    Part,
    Percent,
    Subdomain,
)

__all__ = ["InferenceGraph", "InferenceService", "ServingRuntime"]

Protocol = Literal["v1", "v2", "grpc-v1", "grpc-v2"]
RouterType = Literal["Sequence", "Splitter", "Ensemble", "Switch"]
ScaleMetric = Literal["cpu", "memory", "concurrency", "rps"]
Uri = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9+]*://\S+$")]
FormatName = Annotated[str, Meta(min_length=1)]


class SupportedFormat(Part, frozen=True, kw_only=True):
    """A model format that a runtime loads."""

    name: FormatName
    version: Maybe[str] = UNSET
    auto_select: Maybe[bool] = UNSET
    priority: Maybe[Annotated[int, Meta(ge=1)]] = UNSET


class RuntimeSpec(Part, frozen=True, kw_only=True):
    """How a server of models runs."""

    annotations: Maybe[dict[LabelKey, str]] = UNSET
    supported_model_formats: list[SupportedFormat]
    protocol_versions: list[Protocol]
    multi_model: bool = False
    containers: Annotated[list[Container], Meta(min_length=1)]
    volumes: Maybe[list[Volume]] = UNSET


class ServingRuntime(Object, frozen=True, kw_only=True):
    """Our server as a runtime of KServe."""

    api_version: Literal["serving.kserve.io/v1alpha1"] = "serving.kserve.io/v1alpha1"
    kind: Literal["ServingRuntime"] = "ServingRuntime"
    spec: RuntimeSpec


class ModelFormat(Part, frozen=True, kw_only=True):
    """The format of a model; one that the runtime supports."""

    name: FormatName
    version: Maybe[str] = UNSET


class Model(Part, frozen=True, kw_only=True):
    """A model of a predictor, and what of the runtime's container is different for it.

    A canary's model has to have the container's `name`, any other must have none.
    """

    name: Maybe[Literal["kserve-container"]] = UNSET
    model_format: ModelFormat
    runtime: Subdomain
    protocol_version: Maybe[Protocol] = UNSET
    storage_uri: Maybe[Uri] = UNSET
    ports: Maybe[list[ContainerPort]] = UNSET
    env: Maybe[list[EnvVar]] = UNSET
    env_from: Maybe[list[EnvSource]] = UNSET
    resources: Maybe[Resources] = UNSET
    readiness_probe: Maybe[Probe] = UNSET
    security_context: Maybe[SecurityContext] = UNSET
    volume_mounts: Maybe[list[VolumeMount]] = UNSET


class Logger(Part, frozen=True, kw_only=True):
    """Where payloads go as CloudEvents."""

    mode: Literal["all", "request", "response"] = "all"
    url: Uri


class Batcher(Part, frozen=True, kw_only=True):
    """KServe's own batching, which sees requests of protocol v1 only."""

    max_batch_size: Maybe[Annotated[int, Meta(ge=1)]] = UNSET
    max_latency: Maybe[Annotated[int, Meta(ge=1)]] = UNSET
    timeout: Maybe[Annotated[int, Meta(ge=1)]] = UNSET


class Predictor(Part, frozen=True, kw_only=True):
    """What answers, and how many of it."""

    name: Maybe[DnsLabel] = UNSET
    service_account_name: Maybe[Subdomain] = UNSET
    min_replicas: Maybe[Count] = UNSET
    max_replicas: Maybe[Count] = UNSET
    scale_metric: Maybe[ScaleMetric] = UNSET
    scale_target: Maybe[Annotated[int, Meta(ge=1)]] = UNSET
    container_concurrency: Maybe[Count] = UNSET
    timeout: Maybe[Count] = UNSET
    canary_traffic_percent: Maybe[Percent] = UNSET
    logger: Maybe[Logger] = UNSET
    batcher: Maybe[Batcher] = UNSET
    model: Model


class Canary(Part, frozen=True, kw_only=True):
    """Another predictor that takes a share of the traffic (KServe 0.21)."""

    traffic_percent: Percent
    predictor: Predictor

    def __post_init__(self) -> None:
        if self.predictor.name is UNSET or self.predictor.model.name is UNSET:
            raise ValueError("a canary has a name, and so has its model")


class ServiceSpec(Part, frozen=True, kw_only=True):
    """The predictor of a service, and its canaries."""

    predictor: Predictor
    canary: Maybe[list[Canary]] = UNSET

    def __post_init__(self) -> None:
        if self.predictor.model.name is not UNSET:
            raise ValueError("the model of a service has no name, only that of a canary has")


class InferenceService(Object, frozen=True, kw_only=True):
    """A model behind an address."""

    api_version: Literal["serving.kserve.io/v1beta1"] = "serving.kserve.io/v1beta1"
    kind: Literal["InferenceService"] = "InferenceService"
    spec: ServiceSpec


class Step(Part, frozen=True, kw_only=True):
    """Where a node sends a request; exactly one of the three targets."""

    name: Maybe[DnsLabel] = UNSET
    service_name: Maybe[DnsLabel] = UNSET
    node_name: Maybe[DnsLabel] = UNSET
    service_url: Maybe[Uri] = UNSET
    data: Maybe[Annotated[str, Meta(pattern=r"^\$(request|response)")]] = UNSET
    weight: Maybe[Percent] = UNSET
    condition: Maybe[str] = UNSET
    dependency: Maybe[Literal["Soft", "Hard"]] = UNSET

    def __post_init__(self) -> None:
        targets = (self.service_name, self.node_name, self.service_url)
        if sum(target is not UNSET for target in targets) != 1:
            raise ValueError("a step has exactly one of serviceName, nodeName and serviceUrl")


class Router(Part, frozen=True, kw_only=True):
    """A node of a graph."""

    router_type: RouterType
    steps: Annotated[list[Step], Meta(min_length=1)]

    def __post_init__(self) -> None:
        weights = [step.weight for step in self.steps if isinstance(step.weight, int)]
        if self.router_type == "Splitter" and (
            len(weights) < len(self.steps) or sum(weights) != 100
        ):
            raise ValueError("the steps of a Splitter have weights that make 100 together")


class GraphSpec(Part, frozen=True, kw_only=True):
    """The nodes of a graph by name."""

    nodes: dict[DnsLabel, Router]
    timeout: Maybe[Count] = UNSET
    min_replicas: Maybe[Count] = UNSET
    max_replicas: Maybe[Count] = UNSET

    def __post_init__(self) -> None:
        if "root" not in self.nodes:
            raise ValueError("a graph has a node named root")


class InferenceGraph(Object, frozen=True, kw_only=True):
    """Services that answer together."""

    api_version: Literal["serving.kserve.io/v1alpha1"] = "serving.kserve.io/v1alpha1"
    kind: Literal["InferenceGraph"] = "InferenceGraph"
    spec: GraphSpec
