"""What a graph asks, for its page: the steps as rows, and their drawing."""

import msgspec

from dovetail.serving.graphs.document import ROOT, Graph, Step
from dovetail.serving.ui.rows import page_of
from dovetail.web import svg
from dovetail.web.svg.element import Svg
from dovetail.web.svg.parts import Edge, Node

__all__ = ["Call", "calls", "drawing"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a graph.

    Attributes:
        node: that it belongs to.
        kind: of the node: sequence, switch, ensemble or splitter.
        asks: the model or the node that it leads to.
        href: the page of the model, where it is one of this server.
        version: of the model; empty leaves it to the traffic.
        when: the condition or the weight.
        url: of another server, where the model is there.
    """

    node: str
    kind: str
    asks: str
    href: str
    version: str
    when: str
    url: str


def calls(graph: Graph) -> list[Call]:
    """Return the steps of a graph, those of its root first."""
    names = sorted(graph.nodes, key=lambda name: name != ROOT)
    return [
        Call(
            node=name,
            kind=str(graph.nodes[name].__struct_config__.tag),
            asks=step.node or step.model or "",
            href=page_of(step.model) if step.model and step.url is None else "",
            version=step.version,
            when=_when(step),
            url=step.url or "",
        )
        for name in names
        for step in graph.nodes[name].steps
    ]


def drawing(name: str, steps: list[Call]) -> Svg:
    """Draw the nodes of a graph, and the models that each asks, from left to right."""
    kinds = {step.node: step.kind for step in steps}
    nodes = [Node(f"node {node}", node, kind) for node, kind in kinds.items()]
    edges = []
    for step in steps:
        target = f"node {step.asks}"
        if step.href or step.url:
            target = f"model {step.asks} {step.version} {step.url}"
            note = step.url or (f"version {step.version}" if step.version else "by its traffic")
            model = Node(target, step.asks, note, href=step.href)
            nodes += [] if model in nodes else [model]
        edges.append(Edge(f"node {step.node}", target, step.when))
    return svg.flow(nodes, edges, title=f"What the graph {name} asks")


def _when(step: Step) -> str:
    if step.condition is not None:
        return step.condition
    return "" if step.weight is None else f"weight {step.weight:g}"
