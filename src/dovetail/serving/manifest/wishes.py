"""What the user wants of the objects beside the models: the options of the command, as values.

The parsers of this module turn the short forms of the command line (`1:4`, `500m:2`, `cpu=70`) into
values or say what is wrong with them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dovetail.base.errors import InvalidInputError

__all__ = [
    "Between",
    "Bounds",
    "Scale",
    "Share",
    "Wishes",
    "parse_between",
    "parse_bounds",
    "parse_pairs",
    "parse_scale",
    "parse_share",
]

Mode = Literal["standard", "knative"]
Protocol = Literal["v2", "grpc-v2"]
MetricName = Literal["cpu", "memory", "concurrency", "rps"]
METRICS: tuple[MetricName, ...] = ("cpu", "memory", "concurrency", "rps")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?")


@dataclass(frozen=True)
class Between:
    """How many replicas: at least, at most."""

    least: int = 1
    most: int = 1


@dataclass(frozen=True)
class Bounds:
    """Of a resource: what is promised, and the limit; empty for none."""

    request: str = ""
    limit: str = ""


@dataclass(frozen=True)
class Scale:
    """What decides on the number of replicas."""

    metric: MetricName
    target: int


@dataclass(frozen=True)
class Share:
    """Percent of the requests that a model gets."""

    model: str
    percent: int


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """Everything that is asked for beside the models.

    Attributes:
        name: of the objects that are about more than one model.
        namespace: of all objects; empty leaves it to whoever applies them.
        image: of our server.
        replicas: at least and at most.
        scale: what decides between them.
        cpu: cores.
        memory: bytes.
        concurrency: requests at once per replica; 0 for any number.
        timeout: seconds for a request; 0 for the cluster's own.
        env: further variables of the container.
        secrets: Secrets whose keys become variables.
        trust: names of models that may execute code when they are loaded.
        service_account: who the pods are; empty for the namespace's default.
        registry: URL of the MLflow server that models:/ URIs are looked up in.
        payload_log: URL that payloads go to as CloudEvents; empty for none.
        canary: the model that gets a share of another's requests.
        mirror: the model that gets copies of another's requests.
        anonymous: whether callers without a token may read and infer.
        mode: how KServe runs a service.
        protocol: what a KServe service speaks.
        server: the Seldon server that models go to; empty for any that is able.
    """

    name: str = ""
    namespace: str = ""
    image: str = ""
    replicas: Between = field(default_factory=Between)
    scale: Scale | None = None
    cpu: Bounds = field(default_factory=Bounds)
    memory: Bounds = field(default_factory=Bounds)
    concurrency: int = 0
    timeout: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    service_account: str = ""
    registry: str = ""
    payload_log: str = ""
    canary: Share | None = None
    mirror: Share | None = None
    anonymous: bool = False
    mode: Mode = "standard"
    protocol: Protocol = "v2"
    server: str = ""


def parse_between(text: str) -> Between:
    """Read `N` or `LEAST:MOST`.

    Example:
        >>> parse_between("2:8")
        Between(least=2, most=8)
    """
    least, colon, most = text.partition(":")
    if not least.isdecimal() or (colon and not most.isdecimal()):
        raise InvalidInputError(f"{text!r} is no number of replicas", fix="give N or LEAST:MOST")
    found = Between(int(least), int(most) if colon else int(least))
    if not found.least <= found.most or found.most < 1:
        raise InvalidInputError(
            f"{text!r} is no number of replicas",
            why="the most is below the least" if found.most else "nothing would ever run",
            fix="give N or LEAST:MOST, for example 1:4",
        )
    return found


def parse_bounds(text: str) -> Bounds:
    """Read `REQUEST[:LIMIT]` in the cluster's quantities.

    Example:
        >>> parse_bounds("500m:2")
        Bounds(request='500m', limit='2')
    """
    request, colon, limit = text.partition(":")
    for quantity in (request, limit) if colon else (request,):
        if not _QUANTITY.fullmatch(quantity):
            raise InvalidInputError(
                f"{quantity!r} is no quantity", fix="write cores as 2 or 500m, memory as 512Mi"
            )
    return Bounds(request, limit)


def parse_scale(text: str) -> Scale:
    """Read `METRIC=TARGET`.

    Example:
        >>> parse_scale("cpu=70")
        Scale(metric='cpu', target=70)
    """
    metric, _, target = text.partition("=")
    for name in METRICS:
        if name == metric and target.isdecimal() and int(target):
            return Scale(name, int(target))
    raise InvalidInputError(
        f"{text!r} is nothing to scale on",
        fix="give cpu=PERCENT, memory=PERCENT, concurrency=REQUESTS or rps=REQUESTS",
    )


def parse_share(text: str) -> Share:
    """Read `MODEL=PERCENT`.

    Example:
        >>> parse_share("late-2=10")
        Share(model='late-2', percent=10)
    """
    model, _, percent = text.rpartition("=")
    percent = percent.removesuffix("%")
    if not model or not percent.isdecimal() or not 0 <= int(percent) <= 100:
        raise InvalidInputError(f"{text!r} is no share", fix="give MODEL=PERCENT, from 0 to 100")
    return Share(model, int(percent))


def parse_pairs(texts: tuple[str, ...], what: str) -> dict[str, str]:
    """Read `NAME=VALUE`, several times.

    Args:
        texts: as the user wrote them.
        what: what a pair is, for the message.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InvalidInputError(f"{text!r} is no {what}", fix="give NAME=VALUE")
        found[name] = value
    return found
