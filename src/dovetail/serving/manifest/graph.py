"""A graph of models as a user writes it, before it becomes a cluster's objects.

    name: triage
    nodes:
      root:                     # where requests enter
        type: sequence          # sequence, switch, ensemble or splitter
        steps:
          - model: clean
          - node: scores        # another node, by name
            data: response      # what it is sent: the request, or the step before's response
      scores:
        type: ensemble
        steps: [{model: late}, {model: costs}]

It is the document of the server's own graphs, so that one file runs in a server and on a cluster. A
cluster's objects say less than a server does; what they cannot say is refused by who writes them,
with `refuse_beyond`, and never left out in silence.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.serving.manifest.parts import DnsLabel

__all__ = [
    "ROOT",
    "Graph",
    "Node",
    "Step",
    "check_graph",
    "graph_name",
    "percents",
    "read_graph",
    "refuse_beyond",
    "walk",
]

ROOT = "root"
_LARGEST = 1 << 20
NodeType = Literal["sequence", "switch", "ensemble", "splitter"]


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a node sends a request.

    Args:
        model: the model that answers; or
        node: the node that answers.
        url: base URL of the server that has the model, where it is another.
        version: of the model.
        name: what the step is called in the answer of an ensemble.
        data: what the step is sent, in a sequence: what its node was sent, or the response of the
            step before, which is the default.
        map: the names of its inputs, each with the tensor that it is.
        outputs: that are wanted of it.
        condition: when the step is taken.
        weight: share of the requests in a splitter, weight in the mean of an ensemble.
        dependency: `hard` where its failure is the whole answer's.
    """

    model: DnsLabel | None = None
    node: DnsLabel | None = None
    url: str | None = None
    version: str = ""
    name: DnsLabel | None = None
    data: Literal["request", "response", "$request", "$response"] | None = None
    map: dict[str, str] = {}
    outputs: tuple[str, ...] = ()
    condition: Annotated[str, Meta(min_length=1)] | None = None
    weight: Annotated[float, Meta(ge=0)] | None = None
    dependency: Literal["soft", "hard"] = "hard"

    @property
    def sent_request(self) -> bool:
        """Whether it is sent what its node was sent."""
        return (self.data or "").endswith("request")


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node: how it treats its steps."""

    type: NodeType
    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]
    combine: Literal["outputs", "mean", "vote"] = "outputs"
    sticky_by: str = "id"


class Graph(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nodes by name; requests enter at `root`."""

    nodes: dict[DnsLabel, Node]
    name: str = ""
    timeout_seconds: Annotated[float, Meta(gt=0, le=3600)] | None = None
    headers: tuple[str, ...] = ()
    format: Literal[1] = 1


@dataclass(frozen=True)
class Visit:
    """A step where a request comes by.

    Attributes:
        where: how messages name it.
        node: its node.
        step: the step.
    """

    where: str
    node: Node
    step: Step


def walk(graph: Graph) -> Iterator[Visit]:
    """Yield every step of every node."""
    for name, node in graph.nodes.items():
        for number, step in enumerate(node.steps, 1):
            yield Visit(f"step {number} of node {name!r}", node, step)


def graph_name(graph: Graph, wished: str) -> str:
    """Return what a graph is called.

    Raises:
        InvalidInputError: it has no name, and none is wished.
    """
    name = wished or graph.name
    if not name:
        raise InvalidInputError(
            "the graph has no name", fix="give --name, or write one into the file as name: NAME"
        )
    return name


def percents(name: str, node: Node) -> list[int]:
    """Return a splitter's weights as whole percents.

    Raises:
        InvalidInputError: they are not.
    """
    weights = [step.weight or 0.0 for step in node.steps]
    shares = [weight * 100 / sum(weights) for weight in weights]
    whole = [round(share) for share in shares]
    if any(abs(share - one) > 1e-6 for share, one in zip(shares, whole, strict=True)):
        raise InvalidInputError(
            f"the weights of node {name!r} are not whole percents",
            why=f"they are {', '.join(f'{share:.4g}' for share in shares)}",
        )
    return whole


def read_graph(path: Path, models: Collection[str]) -> Graph:
    """Read a graph from a YAML or JSON file and check it.

    Args:
        path: the file.
        models: the models that are there; empty where any may be.

    Raises:
        InvalidInputError: it is no graph, saying where and why.
    """
    yaml = require("yaml", extra="serving", feature="a graph of models")
    if path.stat().st_size > _LARGEST:
        raise InvalidInputError(f"{str(path)!r} is no graph", why="it is over 1 MiB")
    try:
        document: Any = yaml.safe_load(path.read_text())
        graph = msgspec.convert(document, Graph)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"{str(path)!r} is not YAML", why=str(error)) from error
    except msgspec.ValidationError as error:
        raise InvalidInputError(
            f"{str(path)!r} is no graph",
            why=str(error),
            fix="dovetail serving manifest --help shows one",
        ) from error
    return check_graph(graph, models)


def check_graph(graph: Graph, models: Collection[str]) -> Graph:
    """Return a graph that can run.

    Raises:
        InvalidInputError: it cannot, saying at which step and why.
    """
    if ROOT not in graph.nodes:
        raise InvalidInputError(
            f"the graph has no node {ROOT!r}",
            why="requests enter there",
            fix=f"known: {', '.join(graph.nodes) or 'none'}",
        )
    for visit in walk(graph):
        _check_step(graph, visit, models)
    for name, node in graph.nodes.items():
        _check_node(name, node)
    reached = set(_below(graph, ROOT, ()))
    if lost := sorted(set(graph.nodes) - reached):
        raise InvalidInputError(
            f"no step leads to node {lost[0]!r}", fix="name it as `node` in a step, or remove it"
        )
    return graph


_FIELDS: dict[str, tuple[NodeType, ...]] = {
    "weight": ("splitter", "ensemble"),
    "condition": ("switch", "sequence"),
    "data": ("sequence",),
}
"""Fields of a step that not every node reads."""


def _check_step(graph: Graph, visit: Visit, models: Collection[str]) -> None:
    where, node, step = visit.where, visit.node, visit.step
    if (step.model is None) == (step.node is None):
        raise InvalidInputError(f"{where} needs either a model or a node", fix="give one of them")
    if step.url is not None and step.node is not None:
        raise InvalidInputError(f"{where} has a URL and a node", fix="a URL goes with a model")
    if step.node is not None and step.node not in graph.nodes:
        raise _unknown(where, "node", step.node, graph.nodes)
    if step.model is not None and step.url is None and models and step.model not in models:
        raise _unknown(where, "model", step.model, models)
    for field, types in _FIELDS.items():
        if getattr(step, field) is not None and node.type not in types:
            raise InvalidInputError(
                f"{where} has a {field}",
                why=f"only those of a {' or '.join(types)} do, this is: {node.type}",
            )


def _unknown(where: str, what: str, name: str, known: Collection[str]) -> InvalidInputError:
    near = difflib.get_close_matches(name, known, n=1)
    return InvalidInputError(
        f"{where} leads to {what} {name!r}, which is not there",
        fix=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}",
    )


def _check_node(name: str, node: Node) -> None:
    if node.type == "splitter":
        weights = [step.weight for step in node.steps]
        if None in weights or not sum(weight or 0 for weight in weights):
            shown = ", ".join("none" if weight is None else f"{weight:g}" for weight in weights)
            raise InvalidInputError(
                f"node {name!r} cannot share requests",
                why=f"its weights are {shown}",
                fix="give each step one, not all of them 0",
            )
    if node.type == "switch" and any(step.condition is None for step in node.steps[:-1]):
        raise InvalidInputError(
            f"a step of node {name!r} has no condition",
            why="only the last step of a switch may have none: it is taken where nothing else is",
        )
    names = [step.name for step in node.steps if step.name is not None]
    if len(names) != len(set(names)):
        raise InvalidInputError(f"two steps of node {name!r} have one name")


def _below(graph: Graph, name: str, above: tuple[str, ...]) -> Iterator[str]:
    """Yield the nodes that a node leads to, and itself."""
    if name in above:
        raise InvalidInputError(
            f"the graph turns in a circle: {' -> '.join((*above, name))}",
            fix="let the last of these steps lead to a model",
        )
    yield name
    nodes: Mapping[str, Node] = graph.nodes
    for step in nodes[name].steps:
        if step.node is not None:
            yield from _below(graph, step.node, (*above, name))


def refuse_beyond(graph: Graph, whose: str, allowed: Collection[str]) -> None:
    """Refuse what a cluster's objects cannot say.

    Args:
        graph: the graph.
        whose: whose objects, for the message.
        allowed: which of `url`, `version`, `map`, `outputs`, `soft` and `condition` (in a
            sequence) they can.

    Raises:
        InvalidInputError: naming the step and the field.
    """
    if graph.headers:
        raise _beyond("the graph", "headers", whose)
    for name, node in graph.nodes.items():
        if node.combine != "outputs":
            raise _beyond(f"node {name!r}", f"combine: {node.combine}", whose)
        if node.sticky_by != "id":
            raise _beyond(f"node {name!r}", "sticky_by", whose)
    for visit in walk(graph):
        step = visit.step
        said = {
            "url": step.url,
            "version": step.version,
            "map": step.map,
            "outputs": step.outputs,
            "soft": step.dependency == "soft",
            "condition": step.condition and visit.node.type == "sequence",
            "weight": step.weight is not None and visit.node.type == "ensemble",
        }
        for field, value in said.items():
            if value and field not in allowed:
                shown = "dependency: soft" if field == "soft" else field
                raise _beyond(visit.where, shown, whose)


def _beyond(where: str, what: str, whose: str) -> InvalidInputError:
    return InvalidInputError(
        f"{where} says `{what}`, which {whose} cannot",
        fix="leave it out, or run the graph in a server of ours",
    )
