"""A graph as KServe's InferenceGraph: nodes and steps keep their names, conditions become paths."""

from collections import defaultdict
from typing import Literal, get_args
from urllib.parse import quote

from msgspec import UNSET

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest import kserve_types as k
from dovetail.serving.manifest.common import metadata
from dovetail.serving.manifest.gjson import EVERYTHING, to_gjson
from dovetail.serving.manifest.graph import (
    ROOT,
    Graph,
    Node,
    Step,
    graph_name,
    percents,
    refuse_beyond,
)
from dovetail.serving.manifest.parts import Maybe, dns_label
from dovetail.serving.manifest.wishes import Wishes

__all__ = ["inference_graph"]

Body = Literal["request", "response"]
_ALLOWED = ("url", "version", "soft", "condition")


def inference_graph(graph: Graph, wishes: Wishes) -> k.InferenceGraph:
    """Return the object of a graph.

    Args:
        graph: that was checked.
        wishes: name, namespace, mode and timeout.

    Raises:
        InvalidInputError: the graph says what KServe cannot.
    """
    refuse_beyond(graph, "KServe's graph", _ALLOWED)
    sees = _bodies(graph)
    timeout = wishes.timeout or round(graph.timeout_seconds or 0)
    return k.InferenceGraph(
        metadata=metadata(
            graph_name(graph, wishes.name),
            "an InferenceGraph",
            wishes,
            annotations={"serving.kserve.io/deploymentMode": wishes.mode.capitalize()},
        ),
        spec=k.GraphSpec(
            nodes={name: _router(name, node, sees[name]) for name, node in graph.nodes.items()},
            timeout=timeout or UNSET,
        ),
    )


def _bodies(graph: Graph) -> dict[str, set[Body]]:
    """Return for each node what it may be sent: the graph's request, or a step's response."""
    found: defaultdict[str, set[Body]] = defaultdict(set)

    def enter(name: str, body: Body) -> None:
        if body in found[name]:
            return
        found[name].add(body)
        node = graph.nodes[name]
        for number, step in enumerate(node.steps):
            if step.node is not None:
                follows = node.type == "sequence" and number and not step.sent_request
                enter(step.node, "response" if follows else body)

    enter(ROOT, "request")
    return found


def _router(name: str, node: Node, sees: set[Body]) -> k.Router:
    shares = percents(name, node) if node.type == "splitter" else []
    steps = [
        k.Step(
            name=step.name or UNSET,
            service_name=dns_label(step.model, "an InferenceService")
            if step.model and not step.url
            else UNSET,
            service_url=_url(step) if step.url else UNSET,
            node_name=step.node or UNSET,
            data=_data(node, number, step),
            weight=shares[number] if shares else UNSET,
            condition=_condition(name, node, number, sees),
            dependency="Hard" if step.dependency == "hard" else "Soft",
        )
        for number, step in enumerate(node.steps)
    ]
    (kind,) = (one for one in get_args(k.RouterType) if one.lower() == node.type)
    return k.Router(router_type=kind, steps=steps)


def _url(step: Step) -> str:
    """Where a model of another server answers."""
    base, model = (step.url or "").rstrip("/"), quote(step.model or "", safe="")
    version = f"/versions/{quote(step.version, safe='')}" if step.version else ""
    return f"{base}/v2/models/{model}{version}/infer"


def _data(node: Node, number: int, step: Step) -> Maybe[str]:
    if step.version and not step.url:
        raise InvalidInputError(
            f"a step asks for version {step.version!r} of {step.model!r}",
            why="an InferenceService has no versions in its address",
            fix="name a service of its own, or the server's url",
        )
    if node.type != "sequence" or not number:
        return UNSET
    return "$request" if step.sent_request else "$response"


def _condition(name: str, node: Node, number: int, sees: set[Body]) -> Maybe[str]:
    condition = node.steps[number].condition
    if condition is None:
        return EVERYTHING if node.type == "switch" else UNSET
    if node.type == "sequence":
        if number == 0:
            raise InvalidInputError(
                f"the first step of node {name!r} has a condition",
                why="KServe looks at the answer of the step before, and there is none",
                fix="put a switch before it",
            )
        return to_gjson(condition, sees_response=True)
    found = {to_gjson(condition, sees_response=body == "response") for body in sorted(sees)}
    return found.pop()
