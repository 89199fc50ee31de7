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

A step of a splitter has a `weight`, a step of a switch a `condition`; the last may have none and is
taken where nothing else is. What is checked here holds for every kind of manifest.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.serving.manifest.parts import DnsLabel

__all__ = ["Graph", "Node", "Step", "check_graph", "read_graph"]

ROOT = "root"
_LARGEST = 1 << 20
NodeType = Literal["sequence", "switch", "ensemble", "splitter"]


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a node sends a request.

    Args:
        model: the model that answers; or
        node: the node that answers.
        name: what the step is called in the answer of an ensemble.
        data: what the step is sent, in a sequence: the graph's request, or the response of the step
            before, which is the default.
        weight: percent of the requests, in a splitter.
        condition: when the step is taken, in a switch: for KServe a GJSON path that has to exist in
            the request, for Seldon the tensor that has to be there, as `MODEL.outputs.TENSOR`.
        dependency: `hard` where its failure is the whole answer's.
    """

    model: DnsLabel | None = None
    node: DnsLabel | None = None
    name: DnsLabel | None = None
    data: Literal["request", "response"] | None = None
    weight: Annotated[int, Meta(ge=0, le=100)] | None = None
    condition: Annotated[str, Meta(min_length=1)] | None = None
    dependency: Literal["soft", "hard"] | None = None


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node: how it treats its steps."""

    type: NodeType
    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]


class Graph(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nodes by name; requests enter at `root`."""

    name: DnsLabel
    nodes: dict[DnsLabel, Node]

    def models(self) -> list[str]:
        """The models of all steps, each once, in order."""
        steps = (step for node in self.nodes.values() for step in node.steps)
        return list(dict.fromkeys(step.model for step in steps if step.model))


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
            f"graph {graph.name!r} has no node {ROOT!r}",
            why="requests enter there",
            fix=f"known: {', '.join(graph.nodes) or 'none'}",
        )
    for name, node in graph.nodes.items():
        for number, step in enumerate(node.steps, 1):
            _check_step(graph, f"step {number} of node {name!r}", node, step, models)
        _check_node(name, node)
    reached = set(_below(graph, ROOT, ()))
    if lost := sorted(set(graph.nodes) - reached):
        raise InvalidInputError(
            f"no step leads to node {lost[0]!r}", fix="name it as `node` in a step, or remove it"
        )
    return graph


def _check_step(graph: Graph, where: str, node: Node, step: Step, models: Collection[str]) -> None:
    if (step.model is None) == (step.node is None):
        raise InvalidInputError(f"{where} needs either a model or a node", fix="give one of them")
    if step.node is not None and step.node not in graph.nodes:
        raise _unknown(where, "node", step.node, graph.nodes)
    if step.model is not None and models and step.model not in models:
        raise _unknown(where, "model", step.model, models)
    for field, type in (("weight", "splitter"), ("condition", "switch"), ("data", "sequence")):
        if getattr(step, field) is not None and node.type != type:
            raise InvalidInputError(
                f"{where} has a {field}",
                why=f"only those of a {type} do, this is a {node.type}",
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
        if None in weights or sum(weight or 0 for weight in weights) != 100:
            shown = ", ".join("none" if weight is None else str(weight) for weight in weights)
            raise InvalidInputError(
                f"the weights of node {name!r} do not make 100", why=f"they are {shown}"
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
