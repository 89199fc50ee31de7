"""Objects of Kubernetes itself, as far as they are written: v1, apps, autoscaling, policy."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta

from dovetail.serving.manifest.parts import (
    Count,
    DnsLabel,
    LabelKey,
    LabelValue,
    Maybe,
    Object,
    Part,
    Port,
    Quantity,
    Subdomain,
)

__all__ = [
    "ConfigMap",
    "Container",
    "Deployment",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "Service",
]

Path = Annotated[str, Meta(pattern="^/")]
PortName = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=15)]
EnvName = Annotated[str, Meta(pattern=r"^[-._A-Za-z][-._A-Za-z0-9]*$")]
Labels = dict[LabelKey, LabelValue]
ConfigKey = Annotated[str, Meta(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]


class EnvVar(Part, frozen=True, kw_only=True):
    """One variable of a container."""

    name: EnvName
    value: str


class NamedObject(Part, frozen=True, kw_only=True):
    """A reference by name."""

    name: Subdomain


class EnvSource(Part, frozen=True, kw_only=True):
    """Every key of a Secret as a variable."""

    secret_ref: NamedObject


class ContainerPort(Part, frozen=True, kw_only=True):
    """A port that a container listens on."""

    name: PortName
    container_port: Port
    protocol: Literal["TCP"] = "TCP"


class HttpGet(Part, frozen=True, kw_only=True):
    """A probe by HTTP."""

    path: Path
    port: Port | PortName


class GrpcProbe(Part, frozen=True, kw_only=True):
    """A probe by `grpc.health.v1`."""

    port: Port


class Probe(Part, frozen=True, kw_only=True):
    """How a container is asked whether it is well."""

    http_get: Maybe[HttpGet] = UNSET
    grpc: Maybe[GrpcProbe] = UNSET
    period_seconds: Maybe[Count] = UNSET
    timeout_seconds: Maybe[Count] = UNSET
    failure_threshold: Maybe[Count] = UNSET


class Resources(Part, frozen=True, kw_only=True):
    """What a container is promised, and what it may take at most."""

    requests: Maybe[dict[str, Quantity]] = UNSET
    limits: Maybe[dict[str, Quantity]] = UNSET


class Capabilities(Part, frozen=True, kw_only=True):
    """Privileges that are taken away."""

    drop: list[str]


class Seccomp(Part, frozen=True, kw_only=True):
    """Which system calls are allowed."""

    type: Literal["RuntimeDefault"] = "RuntimeDefault"


class SecurityContext(Part, frozen=True, kw_only=True):
    """What a container may do."""

    allow_privilege_escalation: bool = False
    privileged: bool = False
    read_only_root_filesystem: bool = True
    run_as_non_root: bool = True
    capabilities: Capabilities = Capabilities(drop=["ALL"])


class PodSecurityContext(Part, frozen=True, kw_only=True):
    """Who a pod is."""

    run_as_non_root: bool = True
    run_as_user: Annotated[int, Meta(ge=1)]
    run_as_group: Annotated[int, Meta(ge=1)]
    fs_group: Annotated[int, Meta(ge=1)]
    fs_group_change_policy: Literal["OnRootMismatch"] = "OnRootMismatch"
    seccomp_profile: Seccomp = Seccomp()


class VolumeMount(Part, frozen=True, kw_only=True):
    """Where a container sees a volume, or one file of it."""

    name: DnsLabel
    mount_path: Path
    sub_path: Maybe[str] = UNSET
    read_only: Maybe[bool] = UNSET


class EmptyDir(Part, frozen=True, kw_only=True):
    """A folder as long as the pod lives."""

    size_limit: Maybe[Quantity] = UNSET


class Claim(Part, frozen=True, kw_only=True):
    """A PersistentVolumeClaim."""

    claim_name: Subdomain
    read_only: bool = True


class Volume(Part, frozen=True, kw_only=True):
    """A volume of a pod, of one of these sorts."""

    name: DnsLabel
    empty_dir: Maybe[EmptyDir] = UNSET
    config_map: Maybe[NamedObject] = UNSET
    persistent_volume_claim: Maybe[Claim] = UNSET


class Container(Part, frozen=True, kw_only=True):
    """A container; in a KServe predictor the name is left out."""

    name: DnsLabel
    image: Annotated[str, Meta(min_length=1, pattern=r"^\S+$")]
    command: Maybe[list[str]] = UNSET
    args: Maybe[list[str]] = UNSET
    ports: Maybe[list[ContainerPort]] = UNSET
    env: Maybe[list[EnvVar]] = UNSET
    env_from: Maybe[list[EnvSource]] = UNSET
    resources: Maybe[Resources] = UNSET
    startup_probe: Maybe[Probe] = UNSET
    readiness_probe: Maybe[Probe] = UNSET
    liveness_probe: Maybe[Probe] = UNSET
    security_context: Maybe[SecurityContext] = UNSET
    volume_mounts: Maybe[list[VolumeMount]] = UNSET


class Selector(Part, frozen=True, kw_only=True):
    """Which pods are meant."""

    match_labels: Labels


class Spread(Part, frozen=True, kw_only=True):
    """Replicas on different machines where there are any."""

    max_skew: Annotated[int, Meta(ge=1)] = 1
    topology_key: LabelKey = "kubernetes.io/hostname"
    when_unsatisfiable: Literal["ScheduleAnyway", "DoNotSchedule"] = "ScheduleAnyway"
    label_selector: Selector


class PodSpec(Part, frozen=True, kw_only=True):
    """What runs in a pod."""

    service_account_name: Maybe[Subdomain] = UNSET
    automount_service_account_token: Maybe[bool] = UNSET
    termination_grace_period_seconds: Maybe[Count] = UNSET
    security_context: Maybe[PodSecurityContext] = UNSET
    topology_spread_constraints: Maybe[list[Spread]] = UNSET
    init_containers: Maybe[list[Container]] = UNSET
    containers: Annotated[list[Container], Meta(min_length=1)]
    volumes: Maybe[list[Volume]] = UNSET


class PodMetadata(Part, frozen=True, kw_only=True):
    """Labels and annotations of the pods of a template."""

    labels: Labels
    annotations: Maybe[dict[LabelKey, str]] = UNSET


class PodTemplate(Part, frozen=True, kw_only=True):
    """What each replica is."""

    metadata: PodMetadata
    spec: PodSpec


class RollingUpdate(Part, frozen=True, kw_only=True):
    """How many replicas may be missing or too many while they are replaced."""

    max_unavailable: Count
    max_surge: Count


class Strategy(Part, frozen=True, kw_only=True):
    """How replicas are replaced."""

    type: Literal["RollingUpdate"] = "RollingUpdate"
    rolling_update: RollingUpdate


class DeploymentSpec(Part, frozen=True, kw_only=True):
    """Replicas of a pod. Without `replicas` an autoscaler says how many."""

    replicas: Maybe[Count] = UNSET
    strategy: Strategy
    selector: Selector
    template: PodTemplate


class Deployment(Object, frozen=True, kw_only=True):
    """A Deployment."""

    api_version: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    spec: DeploymentSpec


class ServicePort(Part, frozen=True, kw_only=True):
    """A port of a Service."""

    name: PortName
    port: Port
    target_port: Port | PortName
    protocol: Literal["TCP"] = "TCP"
    app_protocol: Maybe[str] = UNSET


class ServiceSpec(Part, frozen=True, kw_only=True):
    """Where requests go."""

    type: Literal["ClusterIP"] = "ClusterIP"
    selector: Labels
    ports: list[ServicePort]


class Service(Object, frozen=True, kw_only=True):
    """A Service."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Service"] = "Service"
    spec: ServiceSpec


class ConfigMap(Object, frozen=True, kw_only=True):
    """A ConfigMap; `binary_data` is base64."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["ConfigMap"] = "ConfigMap"
    data: Maybe[dict[ConfigKey, str]] = UNSET
    binary_data: Maybe[dict[ConfigKey, str]] = UNSET


class Target(Part, frozen=True, kw_only=True):
    """The object that an autoscaler changes."""

    api_version: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    name: DnsLabel


class MetricTarget(Part, frozen=True, kw_only=True):
    """What an autoscaler holds a metric at: percent of what is requested."""

    type: Literal["Utilization"] = "Utilization"
    average_utilization: Annotated[int, Meta(ge=1)]


class ResourceMetric(Part, frozen=True, kw_only=True):
    """CPU or memory of the pods."""

    name: Literal["cpu", "memory"]
    target: MetricTarget


class Metric(Part, frozen=True, kw_only=True):
    """What an autoscaler looks at."""

    type: Literal["Resource"] = "Resource"
    resource: ResourceMetric


class AutoscalerSpec(Part, frozen=True, kw_only=True):
    """Between how many replicas, and on what."""

    scale_target_ref: Target
    min_replicas: Annotated[int, Meta(ge=1)]
    max_replicas: Annotated[int, Meta(ge=1)]
    metrics: list[Metric]


class HorizontalPodAutoscaler(Object, frozen=True, kw_only=True):
    """A HorizontalPodAutoscaler."""

    api_version: Literal["autoscaling/v2"] = "autoscaling/v2"
    kind: Literal["HorizontalPodAutoscaler"] = "HorizontalPodAutoscaler"
    spec: AutoscalerSpec


class BudgetSpec(Part, frozen=True, kw_only=True):
    """How many replicas may be away on purpose at once."""

    max_unavailable: Count
    selector: Selector


class PodDisruptionBudget(Object, frozen=True, kw_only=True):
    """A PodDisruptionBudget."""

    api_version: Literal["policy/v1"] = "policy/v1"
    kind: Literal["PodDisruptionBudget"] = "PodDisruptionBudget"
    spec: BudgetSpec
