"""The options of `dovetail serving manifest` that describe objects, and which kind has which."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["FLAGS", "IMAGE", "INSTEAD", "ONLY", "object_options"]

F = TypeVar("F", bound=Callable[..., Any])
IMAGE = "dovetail-serving:latest"
ONLY = {
    "scale_on": ("kserve", "plain"),
    "cpu": ("kserve", "plain"),
    "concurrency": ("kserve",),
    "timeout": ("kserve", "plain"),
    "env": ("kserve", "plain"),
    "service_account": ("kserve", "plain"),
    "payload_log": ("kserve", "plain"),
    "anonymous": ("kserve", "plain"),
    "mode": ("kserve",),
    "protocol": ("kserve",),
    "canary": ("kserve", "seldon"),
    "mirror": ("seldon",),
    "graph": ("kserve", "seldon"),
    "trust": ("kserve", "plain"),
    "repositories": ("plain",),
    "server": ("seldon",),
    "image": ("kserve", "plain"),
}
"""Options that not every kind has, and the kinds that do."""
FLAGS = {"repositories": "repository"}
"""Options whose value has another name."""
INSTEAD = {
    "canary": "give a running server the rule: dovetail serving route MODEL --canary 2=10",
    "mirror": "give a running server the rule: dovetail serving route MODEL --shadow 2",
    "graph": "give a running server the graph: dovetail serving graph put",
}

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--name",), {"help": "Name of the objects that hold more than one model."}),
    (("--namespace",), {"help": "Namespace of every object."}),
    (("--image",), {"help": f"Image of the server.  [default: {IMAGE}]"}),
    (("--registry",), {"help": "MLflow server of models:/ URIs, as the cluster sees it."}),
    (
        ("--format", "formats"),
        {"metavar": "[MODEL=]FORMAT", "multiple": True, "help": "Format of a model."},
    ),
    (
        ("--repository", "repositories"),
        {"metavar": "PLACE", "multiple": True, "help": "Folder of models; all are served."},
    ),
    (("--replicas",), {"metavar": "N|LEAST:MOST", "help": "How many.  [default: 1]"}),
    (
        ("--scale-on",),
        {"metavar": "METRIC=TARGET", "help": "cpu or memory=PERCENT, concurrency or rps=COUNT."},
    ),
    (("--cpu",), {"metavar": "CORES[:LIMIT]", "help": "For example 500m:2."}),
    (("--memory",), {"metavar": "BYTES[:LIMIT]", "help": "For example 512Mi:2Gi."}),
    (
        ("--env",),
        {"metavar": "NAME=VALUE", "multiple": True, "help": "A variable of the container."},
    ),
    (
        ("--secret", "secrets"),
        {"metavar": "NAME", "multiple": True, "help": "Secret whose keys become variables."},
    ),
    (
        ("--trust",),
        {
            "metavar": "MODEL",
            "multiple": True,
            "help": "Model that may execute code when it is loaded, as pickles do.",
        },
    ),
    (("--service-account",), {"help": "Who the pods are."}),
    (("--payload-log",), {"metavar": "URL", "help": "Where payloads go as CloudEvents."}),
    (
        ("--anonymous/--tokens",),
        {"default": None, "help": "Whether callers without a token may read and infer."},
    ),
    (
        ("--canary",),
        {"metavar": "MODEL=PERCENT", "help": "Give a model a share of the first one's requests."},
    ),
    (("--mirror",), {"metavar": "MODEL=PERCENT", "help": "Give a model copies of requests."}),
    (("--graph",), {"type": _FILE, "help": "File with a graph of models."}),
    (
        ("--mode",),
        {
            "type": click.Choice(["standard", "knative"]),
            "help": "How KServe runs services.  [default: standard]",
        },
    ),
    (
        ("--protocol",),
        {
            "type": click.Choice(["v2", "grpc-v2"]),
            "help": "What a KServe service speaks.  [default: v2]",
        },
    ),
    (
        ("--concurrency",),
        {"type": click.IntRange(1), "help": "Requests at once per replica (Knative)."},
    ),
    (("--timeout",), {"type": click.IntRange(1), "help": "Seconds for a request at most."}),
    (("--server",), {"help": "Seldon server that models go to."}),
)


def object_options(fn: F) -> F:
    """Add the options that describe objects."""
    for names, about in reversed(_OPTIONS):
        fn = click.option(*names, **about)(fn)
    return fn
