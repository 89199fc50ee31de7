"""KServe: our server as a ServingRuntime, an InferenceService per model, an InferenceGraph.

KServe brings the files of a storage URI to `/mnt/models`, from where the server loads them; a model
of a registry is loaded, and its alias followed, by the server itself. KServe's callers (its graph
router, its probes, its ingress) carry no token of ours, so those without one may read and infer
unless the user says otherwise.
"""

from collections.abc import Sequence

from msgspec import UNSET

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest import common, core
from dovetail.serving.manifest import kserve_types as k
from dovetail.serving.manifest.common import GRPC_PORT, REST_PORT, STATE, metadata
from dovetail.serving.manifest.graph import Graph
from dovetail.serving.manifest.kserve_graph import inference_graph
from dovetail.serving.manifest.parts import Maybe, Object, dns_label
from dovetail.serving.manifest.places import Entry, known_formats
from dovetail.serving.manifest.wishes import Wishes

__all__ = ["objects"]

MODELS = "/mnt/models"
_CONTAINER = "kserve-container"
_SERVICE = "an InferenceService"


def objects(entries: Sequence[Entry], wishes: Wishes, graph: Graph | None) -> list[Object]:
    """Return the objects that serve some models, and a graph of them.

    Args:
        entries: the models; none where the graph is about services that run.
        wishes: everything else.
        graph: how they answer together.

    Raises:
        InvalidInputError: something cannot be had, saying what and why.
    """
    _check(entries, wishes)
    made: list[Object] = [_runtime(wishes)] if entries else []
    base, canary = _canary(entries, wishes)
    for entry in entries:
        if entry is not canary:
            made.append(_service(entry, wishes, canary if entry is base else None))
    if graph is not None:
        made.append(inference_graph(graph, wishes))
    return made


def _check(entries: Sequence[Entry], wishes: Wishes) -> None:
    common.need_registry([entry.uri for entry in entries if entry.kind == "registry"], wishes)
    knative = wishes.mode == "knative"
    wanted = [
        (wishes.replicas.least == 0, "scaling to nothing"),
        (wishes.concurrency > 0, "--concurrency"),
        (wishes.scale is not None and wishes.scale.metric in ("rps", "concurrency"), "--scale-on"),
    ]
    for is_wanted, what in wanted:
        if is_wanted and not knative:
            raise InvalidInputError(
                f"{what} with these values needs Knative", fix="add --mode knative"
            )
    if knative and wishes.scale is not None and wishes.scale.metric in ("cpu", "memory"):
        raise InvalidInputError(
            f"Knative does not scale on {wishes.scale.metric}",
            fix="give --scale-on concurrency=N or rps=N, or --mode standard",
        )
    if not knative and wishes.scale is not None and wishes.scale.target > 100:
        raise InvalidInputError(
            f"KServe does not hold {wishes.scale.metric} at {wishes.scale.target} percent",
            why="it takes 1 to 100",
            fix=f"give --scale-on {wishes.scale.metric}=70",
        )


def _canary(entries: Sequence[Entry], wishes: Wishes) -> tuple[Entry | None, Entry | None]:
    """Return whose requests are shared, and the model of this manifest that takes a share."""
    if wishes.canary is None:
        return None, None
    found = {entry.name: entry for entry in entries}
    if wishes.mode == "knative":
        if len(entries) > 1:
            raise InvalidInputError(
                "Knative shares requests between revisions of one service",
                fix=f"give {wishes.canary.model!r} alone, under the name of the service that runs;"
                " or --mode standard",
            )
        return None, None
    others = [entry for entry in entries if entry.name != wishes.canary.model]
    if not others:
        raise InvalidInputError(
            f"{wishes.canary.model!r} takes a share of whose requests is not said",
            fix="give the model that gets the rest before it, or --mode knative",
        )
    return others[0], found[wishes.canary.model]


def _runtime_name(wishes: Wishes) -> str:
    is_grpc = wishes.mode == "knative" and wishes.protocol == "grpc-v2"
    return "dovetail-grpc" if is_grpc else "dovetail"


def _runtime(wishes: Wishes) -> k.ServingRuntime:
    name = _runtime_name(wishes)
    variables = {
        "DOVETAIL_SERVER__HOST": "0.0.0.0",
        "DOVETAIL_SERVER__PORT": str(REST_PORT),
        "DOVETAIL_SERVER__STATE": STATE,
        "DOVETAIL_SERVING__GRPC_PORT": str(GRPC_PORT),
        "DOVETAIL_SERVER__DRAIN_SECONDS": str(common.DRAIN_SECONDS),
        "DOVETAIL_SERVING__MODELS": f"{{{{.Name}}}}={MODELS}",
    }
    # Knative takes one port per container; the other protocol has a runtime of its own there.
    port = (
        core.ContainerPort(name="h2c", container_port=GRPC_PORT)
        if name == "dovetail-grpc"
        else core.ContainerPort(name="http1", container_port=REST_PORT)
    )
    ready = common.grpc_probe() if name == "dovetail-grpc" else common.probe(common.READY)
    container = core.Container(
        name=_CONTAINER,
        image=wishes.image,
        command=["dovetail"],
        args=["serving", "run"],
        ports=[port],
        env=[core.EnvVar(name=key, value=value) for key, value in variables.items()],
        resources=core.Resources(requests={"cpu": "250m", "memory": "512Mi"}),
        readiness_probe=ready,
        liveness_probe=ready if name == "dovetail-grpc" else common.probe(common.LIVE),
        security_context=core.SecurityContext(),
        volume_mounts=common.mounts(),
    )
    return k.ServingRuntime(
        metadata=metadata(name, "a ServingRuntime", wishes),
        spec=k.RuntimeSpec(
            annotations={
                "prometheus.kserve.io/port": str(REST_PORT),
                "prometheus.kserve.io/path": "/metrics",
            },
            supported_model_formats=[
                k.SupportedFormat(name=format, auto_select=False) for format in known_formats()
            ],
            protocol_versions=["v2", "grpc-v2"],
            containers=[container],
            volumes=common.volumes(),
        ),
    )


def _service(entry: Entry, wishes: Wishes, canary: Entry | None) -> k.InferenceService:
    annotations = {
        "serving.kserve.io/deploymentMode": wishes.mode.capitalize(),
        "serving.kserve.io/enable-prometheus-scraping": "true" if wishes.anonymous else "false",
    }
    if wishes.mode == "standard":
        scaled = wishes.replicas.most > wishes.replicas.least
        annotations["serving.kserve.io/autoscalerClass"] = "hpa" if scaled else "none"
    share = wishes.canary
    canaries: Maybe[list[k.Canary]] = UNSET
    if canary is not None and share is not None:
        other = k.Predictor(
            name=dns_label(canary.name, "a canary"),
            service_account_name=wishes.service_account or UNSET,
            min_replicas=1,
            timeout=wishes.timeout or UNSET,
            model=_model(canary, entry.name, wishes),
        )
        canaries = [k.Canary(traffic_percent=share.percent, predictor=other)]
    return k.InferenceService(
        metadata=metadata(entry.name, _SERVICE, wishes, annotations=annotations),
        spec=k.ServiceSpec(predictor=_predictor(entry, wishes), canary=canaries),
    )


def _predictor(entry: Entry, wishes: Wishes) -> k.Predictor:
    scale = wishes.scale
    is_canary = wishes.mode == "knative" and wishes.canary is not None
    log = wishes.payload_log
    return k.Predictor(
        service_account_name=wishes.service_account or UNSET,
        min_replicas=wishes.replicas.least,
        max_replicas=wishes.replicas.most,
        scale_metric=scale.metric if scale else UNSET,
        scale_target=scale.target if scale else UNSET,
        container_concurrency=wishes.concurrency or UNSET,
        timeout=wishes.timeout or UNSET,
        canary_traffic_percent=wishes.canary.percent if is_canary and wishes.canary else UNSET,
        logger=k.Logger(url=log) if log else UNSET,
        model=_model(entry, entry.name, wishes),
    )


def _model(entry: Entry, served_as: str, wishes: Wishes) -> k.Model:
    """Return what of the runtime is different for one model.

    Args:
        entry: the model.
        served_as: its name in requests; a canary answers to the name of the other.
        wishes: everything else.
    """
    storage, place = _storage(entry)
    variables = {
        "DOVETAIL_SERVING__MODELS": f"{served_as}={place}",
        "DOVETAIL_SERVER__ANONYMOUS": "viewer" if wishes.anonymous else "",
    }
    if entry.kind == "registry":
        variables["DOVETAIL_JOINTS__TRACKING"] = wishes.registry
    if trusted := common.trusted(entry.name, place, wishes):
        variables["DOVETAIL_SERVING__TRUSTED"] = trusted
    both = wishes.mode == "standard"
    return k.Model(
        name="kserve-container" if served_as != entry.name else UNSET,
        model_format=k.ModelFormat(name=_format(entry)),
        runtime=_runtime_name(wishes),
        protocol_version=wishes.protocol,
        storage_uri=storage,
        ports=[core.ContainerPort(name="grpc", container_port=GRPC_PORT)] if both else UNSET,
        env=common.environment(variables, wishes),
        env_from=common.secrets(wishes),
        resources=common.resources(wishes),
    )


def _storage(entry: Entry) -> tuple[Maybe[str], str]:
    """Return the storage URI for KServe, and the path at which the server then finds the model."""
    if "," in entry.uri:
        raise InvalidInputError(
            f"{entry.uri!r} has a comma", why="a list of models is divided by commas"
        )
    if entry.kind == "local":
        raise InvalidInputError(
            f"{entry.uri!r} is a file of this machine, which the cluster cannot see",
            fix=f"copy it to a bucket and give {entry.name}=s3://BUCKET/PATH, or to a volume and"
            f" give {entry.name}=pvc://CLAIM/PATH; --kind plain carries small files",
        )
    if entry.kind == "registry":
        return UNSET, entry.uri
    if entry.kind == "container":
        return UNSET, entry.path
    if not entry.file:
        return entry.uri, MODELS
    # A file of a volume would be mounted in place of the folder, so its folder is asked for.
    uri = entry.uri.rpartition("/")[0] if entry.kind == "claim" else entry.uri
    return uri, f"{MODELS}/{entry.file}"


def _format(entry: Entry) -> str:
    if entry.format:
        return entry.format
    raise InvalidInputError(
        f"the format of {entry.name!r} is not to be seen from {entry.uri!r}",
        why="KServe wants to be told",
        fix=f"give --format {entry.name}=FORMAT, one of {', '.join(known_formats())}",
    )
