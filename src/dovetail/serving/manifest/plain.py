"""Kubernetes alone: Deployment, Service, ConfigMap, HorizontalPodAutoscaler, PodDisruptionBudget.

One server serves all models of the manifest. Its settings are a `dovetail.toml` in a ConfigMap, so
that what runs can be read; a digest of it on the pods lets a changed setting replace them. A pod
that is told to go says "not ready", takes requests until everybody has heard of it, and finishes
what it began: the server does that by itself, so there is no hook before the stop.
"""

import hashlib
import json
from collections.abc import Sequence

from msgspec import UNSET

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest import common, core
from dovetail.serving.manifest.common import GRPC_PORT, REST_PORT, STATE, labels, metadata
from dovetail.serving.manifest.local import Carried, carry
from dovetail.serving.manifest.parts import Object, dns_label
from dovetail.serving.manifest.places import Entry
from dovetail.serving.manifest.wishes import Wishes
from dovetail.web.serve import GRACE_SECONDS

__all__ = ["objects"]

USER = 10001
SPARE_SECONDS = 10
"""Until a pod that is going is ended, beyond what its server takes for itself."""
_CONFIG = "/etc/dovetail/dovetail.toml"
_CLAIMS, _MODELS = "/mnt/claims", "/models"


def objects(models: Sequence[Entry], folders: Sequence[Entry], wishes: Wishes) -> list[Object]:
    """Return the objects that serve some models.

    Args:
        models: each of them.
        folders: places that hold more.
        wishes: everything else.

    Raises:
        InvalidInputError: something cannot be had, saying what and why.
    """
    entries = [*models, *folders]
    name = dns_label(
        wishes.name or (models[0].name if len(models) == len(entries) == 1 else "serving"),
        "a Service",
    )
    _check(entries, wishes)
    carried = carry([entry for entry in entries if entry.kind == "local"], "config")
    config = _toml(models, folders, wishes, carried)
    made: list[Object] = [
        core.ConfigMap(
            metadata=metadata(name, "a ConfigMap", wishes),
            data={"dovetail.toml": config},
            binary_data=carried.data or UNSET,
        ),
        _deployment(name, entries, wishes, carried, config),
        _service(name, wishes),
    ]
    selector = core.Selector(match_labels=_selected(name))
    if wishes.replicas.most > 1:
        budget = core.BudgetSpec(max_unavailable=1, selector=selector)
        made.append(
            core.PodDisruptionBudget(metadata=metadata(name, "a budget", wishes), spec=budget)
        )
    if wishes.replicas.most > wishes.replicas.least:
        made.append(_autoscaler(name, wishes))
    return made


def _check(entries: Sequence[Entry], wishes: Wishes) -> None:
    common.need_registry([entry.uri for entry in entries if entry.kind == "registry"], wishes)
    if not wishes.anonymous and not wishes.secrets:
        raise InvalidInputError(
            "who may call the server is not said",
            why="on a cluster's address every caller needs an API token, kept in a database that"
            " all replicas share",
            fix="give --secret NAME, a Secret with DOVETAIL_SERVER__DATABASE, or --anonymous to"
            " let callers without a token read and infer",
        )
    for entry in entries:
        if entry.kind == "storage" and not entry.uri.startswith("s3://"):
            raise InvalidInputError(
                f"{entry.uri!r} is not fetched",
                why="without KServe or Seldon only s3:// is",
                fix="copy it there, or to a volume and give pvc://CLAIM/PATH",
            )
    if wishes.replicas.least < 1:
        raise InvalidInputError(
            "a Deployment does not scale to nothing and back",
            fix="give --replicas 1:N, or --kind kserve --mode knative",
        )


def _place(entry: Entry, carried: Carried) -> str:
    """Where the container finds a model."""
    if entry.kind == "local":
        return carried.paths[entry.name]
    if entry.kind == "container":
        return entry.path
    if entry.kind == "storage":
        return f"{_MODELS}/{entry.name}/{entry.uri.rstrip('/').rpartition('/')[2]}"
    if entry.kind == "claim":
        claim, path = entry.claim
        return f"{_CLAIMS}/{claim}/{path}".rstrip("/")
    return entry.uri


def _toml(
    models: Sequence[Entry], folders: Sequence[Entry], wishes: Wishes, carried: Carried
) -> str:
    served = [f"{entry.name}={_place(entry, carried)}" for entry in models]
    places = [_place(entry, carried) for entry in folders]
    said = (common.trusted(one.name, _place(one, carried), wishes) for one in models)
    trusted = [place for place in said if place]
    lines = [
        "[server]",
        'host = "0.0.0.0"',
        f"port = {REST_PORT}",
        f"state = {_quoted(STATE)}",
        f"anonymous = {_quoted('viewer' if wishes.anonymous else '')}",
        f"drain_seconds = {common.DRAIN_SECONDS}",
        "",
        "[serving]",
        *_list("models", served),
        *_list("repository", places),
        *_list("trusted", trusted),
        f"grpc_port = {GRPC_PORT}",
    ]
    if wishes.timeout:
        lines.append(f"timeout_seconds = {wishes.timeout}")
    if wishes.payload_log:
        lines.append(f"payload_log = {_quoted(wishes.payload_log)}")
    if wishes.registry:
        lines += ["", "[joints]", f"tracking = {_quoted(wishes.registry)}"]
    return "\n".join(lines) + "\n"


def _list(name: str, values: Sequence[str]) -> list[str]:
    return [f"{name} = [", *(f"  {_quoted(value)}," for value in values), "]"] if values else []


def _quoted(text: str) -> str:
    """A string of TOML; control characters were refused, so JSON's quoting is TOML's."""
    return json.dumps(text, ensure_ascii=False)


def _deployment(
    name: str, entries: Sequence[Entry], wishes: Wishes, carried: Carried, config: str
) -> core.Deployment:
    digest = hashlib.sha256("\0".join([config, *carried.data.values()]).encode()).hexdigest()
    selected = core.Selector(match_labels=_selected(name))
    pod = core.PodSpec(
        service_account_name=wishes.service_account or UNSET,
        automount_service_account_token=UNSET if wishes.service_account else False,
        termination_grace_period_seconds=common.DRAIN_SECONDS + GRACE_SECONDS + SPARE_SECONDS,
        security_context=core.PodSecurityContext(
            run_as_user=USER, run_as_group=USER, fs_group=USER
        ),
        topology_spread_constraints=(
            [core.Spread(label_selector=selected)] if wishes.replicas.most > 1 else UNSET
        ),
        init_containers=[_fetch(entry, wishes) for entry in _fetched(entries)] or UNSET,
        containers=[_container(entries, wishes, carried)],
        volumes=_volumes(name, entries),
    )
    annotations = {"dovetail.dev/config": digest[:32]}
    if wishes.anonymous:  # a scraper that is led here by annotations has no token
        annotations |= {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(REST_PORT),
            "prometheus.io/path": "/metrics",
        }
    scaled = wishes.replicas.most > wishes.replicas.least
    return core.Deployment(
        metadata=metadata(name, "a Deployment", wishes),
        spec=core.DeploymentSpec(
            replicas=UNSET if scaled else wishes.replicas.least,
            strategy=core.Strategy(
                rolling_update=core.RollingUpdate(max_unavailable=0, max_surge=1)
            ),
            selector=selected,
            template=core.PodTemplate(
                metadata=core.PodMetadata(labels=labels(name), annotations=annotations), spec=pod
            ),
        ),
    )


def _container(entries: Sequence[Entry], wishes: Wishes, carried: Carried) -> core.Container:
    claims = dict.fromkeys(entry.claim[0] for entry in entries if entry.kind == "claim")
    mounts = [
        *common.mounts(),
        core.VolumeMount(
            name="config", mount_path=_CONFIG, sub_path="dovetail.toml", read_only=True
        ),
        *carried.mounts,
    ]
    if _fetched(entries):
        mounts.append(core.VolumeMount(name="models", mount_path=_MODELS, read_only=True))
    mounts += [
        core.VolumeMount(name=_volume(claim), mount_path=f"{_CLAIMS}/{claim}", read_only=True)
        for claim in claims
    ]
    return core.Container(
        name="serving",
        image=wishes.image,
        command=["dovetail"],
        args=["serving", "run", "--config", _CONFIG],
        ports=[
            core.ContainerPort(name="http", container_port=REST_PORT),
            core.ContainerPort(name="grpc", container_port=GRPC_PORT),
        ],
        env=common.environment({}, wishes) or UNSET,
        env_from=common.secrets(wishes),
        resources=common.resources(wishes),
        startup_probe=common.probe(common.READY, common.START_SECONDS // common.PERIOD, "http"),
        readiness_probe=common.probe(common.READY, port="http"),
        liveness_probe=common.probe(common.LIVE, port="http"),
        security_context=core.SecurityContext(),
        volume_mounts=mounts,
    )


def _fetched(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.kind == "storage"]


def _fetch(entry: Entry, wishes: Wishes) -> core.Container:
    """A container that brings a model before the server starts."""
    digest = hashlib.sha256(entry.name.encode()).hexdigest()[:8]
    return core.Container(
        name=f"fetch-{digest}",
        image=wishes.image,
        command=["dovetail"],
        args=["serving", "fetch", entry.uri, f"{_MODELS}/{entry.name}"],
        env=common.environment({}, wishes) or UNSET,
        env_from=common.secrets(wishes),
        resources=common.resources(wishes),
        security_context=core.SecurityContext(),
        volume_mounts=[
            core.VolumeMount(name="models", mount_path=_MODELS),
            core.VolumeMount(name="tmp", mount_path="/tmp"),
        ],
    )


def _volumes(name: str, entries: Sequence[Entry]) -> list[core.Volume]:
    found = [
        *common.volumes(),
        core.Volume(name="config", config_map=core.NamedObject(name=name)),
    ]
    if _fetched(entries):
        found.append(core.Volume(name="models", empty_dir=core.EmptyDir()))
    claims = dict.fromkeys(entry.claim[0] for entry in entries if entry.kind == "claim")
    return found + [
        core.Volume(name=_volume(claim), persistent_volume_claim=core.Claim(claim_name=claim))
        for claim in claims
    ]


def _volume(claim: str) -> str:
    return dns_label(f"claim-{claim}".replace(".", "-"), "a volume")


def _service(name: str, wishes: Wishes) -> core.Service:
    return core.Service(
        metadata=metadata(name, "a Service", wishes),
        spec=core.ServiceSpec(
            selector=_selected(name),
            ports=[
                core.ServicePort(
                    name="http", port=REST_PORT, target_port="http", app_protocol="http"
                ),
                core.ServicePort(
                    name="grpc",
                    port=GRPC_PORT,
                    target_port="grpc",
                    app_protocol="kubernetes.io/h2c",
                ),
            ],
        ),
    )


def _autoscaler(name: str, wishes: Wishes) -> core.HorizontalPodAutoscaler:
    metric, target = (wishes.scale.metric, wishes.scale.target) if wishes.scale else ("cpu", 70)
    if metric not in ("cpu", "memory"):
        raise InvalidInputError(
            f"Kubernetes alone does not count {metric}",
            fix="scale on cpu=PERCENT or memory=PERCENT, or give --kind kserve --mode knative",
        )
    if not (wishes.cpu if metric == "cpu" else wishes.memory).request:
        raise InvalidInputError(
            f"there is nothing to take a percentage of {metric} of",
            why="the autoscaler compares with what a replica requests",
            fix=f"give --{metric}, for example --{metric} {'1' if metric == 'cpu' else '512Mi'}",
        )
    resource = core.ResourceMetric(
        name="cpu" if metric == "cpu" else "memory",
        target=core.MetricTarget(average_utilization=target),
    )
    return core.HorizontalPodAutoscaler(
        metadata=metadata(name, "an autoscaler", wishes),
        spec=core.AutoscalerSpec(
            scale_target_ref=core.Target(name=name),
            min_replicas=wishes.replicas.least,
            max_replicas=wishes.replicas.most,
            metrics=[core.Metric(resource=resource)],
        ),
    )


def _selected(name: str) -> dict[str, str]:
    """The labels that pods are selected by; a Deployment can never change them."""
    wanted: dict[str, str] = dict(list(labels(name).items())[:2])
    return wanted
