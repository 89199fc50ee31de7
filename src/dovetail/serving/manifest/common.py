"""What our container is in every kind of manifest: ports, probes, folders, privileges, labels."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest.core import (
    EmptyDir,
    EnvSource,
    EnvVar,
    GrpcProbe,
    HttpGet,
    NamedObject,
    Probe,
    Resources,
    Volume,
    VolumeMount,
)
from dovetail.serving.manifest.parts import Maybe, Metadata, dns_label
from dovetail.serving.manifest.wishes import Bounds, Wishes

__all__ = [
    "GRPC_PORT",
    "REST_PORT",
    "STATE",
    "environment",
    "grpc_probe",
    "labels",
    "metadata",
    "mounts",
    "need_registry",
    "probe",
    "resources",
    "secrets",
    "trusted",
    "volumes",
]

REST_PORT, GRPC_PORT = 8080, 8081
STATE = "/var/lib/dovetail"
LIVE, READY = "/v2/health/live", "/v2/health/ready"
DRAIN_SECONDS = 5
"""How long others may still send requests to a server that is going."""
START_SECONDS = 600
PERIOD = 5


def labels(name: str) -> dict[str, str]:
    """Labels that say what an object is and who wrote it; the first two select pods."""
    return {
        "app.kubernetes.io/name": "dovetail-serving",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "dovetail",
    }


def metadata(
    name: str, what: str, wishes: Wishes, *, annotations: Mapping[str, str] | None = None
) -> Metadata:
    """Return an object's metadata.

    Args:
        name: its name.
        what: what it names, for the message if it cannot.
        wishes: say the namespace.
        annotations: further annotations.
    """
    return Metadata(
        name=dns_label(name, what),
        namespace=dns_label(wishes.namespace, "a namespace") if wishes.namespace else UNSET,
        labels=labels(name),
        annotations=dict(annotations) if annotations else UNSET,
    )


def probe(path: str, failures: int = 3, port: int | str = REST_PORT) -> Probe:
    """Return a probe of one of the protocol's health paths."""
    return Probe(
        http_get=HttpGet(path=path, port=port),
        period_seconds=PERIOD,
        timeout_seconds=3,
        failure_threshold=failures,
    )


def grpc_probe() -> Probe:
    """Return a probe by `grpc.health.v1`."""
    return Probe(
        grpc=GrpcProbe(port=GRPC_PORT),
        period_seconds=PERIOD,
        timeout_seconds=3,
        failure_threshold=3,
    )


def mounts() -> list[VolumeMount]:
    """The only folders that the container writes to."""
    return [
        VolumeMount(name="state", mount_path=STATE),
        VolumeMount(name="tmp", mount_path="/tmp"),
    ]


def volumes() -> list[Volume]:
    """Folders as long as the pod lives: models are fetched again by whoever takes its place."""
    return [Volume(name="state", empty_dir=EmptyDir()), Volume(name="tmp", empty_dir=EmptyDir())]


def resources(wishes: Wishes) -> Maybe[Resources]:
    """What is promised and what is the limit; nothing where nothing is asked for."""
    asked: Mapping[str, Bounds] = {"cpu": wishes.cpu, "memory": wishes.memory}
    requests = {name: b.request for name, b in asked.items() if b.request}
    limits = {name: b.limit for name, b in asked.items() if b.limit}
    if not requests and not limits:
        return UNSET
    return Resources(requests=requests or UNSET, limits=limits or UNSET)


def secrets(wishes: Wishes) -> Maybe[list[EnvSource]]:
    """Every key of the Secrets as a variable."""
    found = [
        EnvSource(secret_ref=NamedObject(name=dns_label(name, "a Secret")))
        for name in wishes.secrets
    ]
    return found or UNSET


def environment(pairs: Mapping[str, str], wishes: Wishes) -> list[EnvVar]:
    """Our variables, and the user's, which win."""
    merged = {**pairs, **wishes.env}
    return [EnvVar(name=name, value=value) for name, value in merged.items()]


def trusted(name: str, place: str, wishes: Wishes) -> str:
    """Return what the setting `trusted` says of a model; empty if it is not trusted.

    Args:
        name: the model.
        place: where the server loads it from; of a registry's model every version is trusted.
        wishes: say which models are.
    """
    return place.partition("@")[0] if name in wishes.trust else ""


def need_registry(uris: Sequence[str], wishes: Wishes) -> None:
    """Refuse models of a registry that nobody named.

    Raises:
        InvalidInputError: there are such models and no registry.
    """
    if uris and not wishes.registry:
        raise InvalidInputError(
            f"{uris[0]!r} is looked up in a registry, and none is named",
            fix="give the MLflow server as the cluster sees it: --registry http://mlflow:5000",
        )
