"""What a graph is: nodes by name, in KServe's terms, over models of this server or others.

The files that `dovetail serving manifest` turns into a cluster's objects are such graphs, so one
file runs here and there. A sequence asks its steps in turn, a switch the first whose condition
holds, an ensemble all at once, a splitter one by weight.
"""

from collections.abc import Collection, Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dovetail.base.errors import InvalidInputError
from dovetail.serving.graphs.expression import parse_condition

__all__ = ["ROOT", "Ensemble", "Graph", "Node", "Sequence", "Splitter", "Step", "Switch"]

ROOT = "root"
_MOST = 200
_DEEPEST = 16
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is asked, and with what.

    Attributes:
        model: a model or graph of this server; or with `url`, of that one.
        node: a node of this graph, in place of a model.
        url: base URL of another Open Inference server.
        version: a version or alias of the model.
        name: of the step; by default that of the model or node.
        data: what it is sent: what its node was sent, or the response of the step before, which is
            the default.
        map: the names of its inputs, each with the tensor that it is: an output of the step before
            where that is sent, or `$request.NAME` or `$response.NAME`. Without it names stay.
        outputs: that are wanted of it; by default those that the model gives.
        condition: when it is taken; in a sequence, the first that does not hold ends it.
        weight: in a splitter the share of requests, in an ensemble the weight in the mean.
        dependency: `hard` where its failure is the whole graph's, `soft` where it is left out.
    """

    model: Name | None = None
    node: Name | None = None
    url: str | None = None
    version: str = ""
    name: Name | None = None
    data: Literal["request", "response", "$request", "$response"] = "response"
    map: dict[str, str] = {}
    outputs: tuple[str, ...] = ()
    condition: str | None = None
    weight: Annotated[float, Meta(ge=0)] | None = None
    dependency: Literal["hard", "soft"] = "hard"

    @property
    def title(self) -> str:
        """What the step is called."""
        return self.name or self.model or self.node or ""


Steps = Annotated[tuple[Step, ...], Meta(min_length=1, max_length=_MOST)]


class _Node(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    """The base of the nodes."""

    steps: Steps


class Sequence(_Node, frozen=True, kw_only=True, tag="sequence"):
    """Steps in turn; the last one's answer is the node's."""


class Switch(_Node, frozen=True, kw_only=True, tag="switch"):
    """The first step whose condition holds; one without a condition always holds."""


class Ensemble(_Node, frozen=True, kw_only=True, tag="ensemble"):
    """All steps at once.

    Attributes:
        combine: `outputs` keeps every output, named `STEP.OUTPUT`; `mean` averages numbers, by
            weight where steps have one; `vote` takes the value that most steps gave.
    """

    combine: Literal["outputs", "mean", "vote"] = "outputs"


class Splitter(_Node, frozen=True, kw_only=True, tag="splitter"):
    """One step by weight; one key always meets the same step.

    Attributes:
        sticky_by: `id`, `parameter:NAME` or `header:NAME`.
    """

    sticky_by: Annotated[str, Meta(pattern=r"^(id|parameter:.+|header:.+)$")] = "id"


Node = Sequence | Switch | Ensemble | Splitter


class Graph(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A graph of models.

    Attributes:
        nodes: by name; requests enter at `root`.
        name: what it is called by.
        timeout_seconds: for the whole of it.
        headers: that remote steps are sent, beside those of tracing.
        format: of this document.
    """

    nodes: Annotated[dict[str, Node], Meta(min_length=1, max_length=_MOST)]
    name: str = ""
    timeout_seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    headers: tuple[str, ...] = ()
    format: Literal[1] = 1

    def steps(self) -> Iterator[tuple[str, Node, Step]]:
        """Yield each step with its node and that one's name."""
        for name, node in self.nodes.items():
            for step in node.steps:
                yield name, node, step

    def models(self) -> list[str]:
        """Return the models of this server that it asks, each once."""
        local = (step.model for _, _, step in self.steps() if step.model and step.url is None)
        return list(dict.fromkeys(local))

    def check(self, allowed: Collection[str]) -> None:
        """Raise what is wrong with it.

        Args:
            allowed: URLs below which other servers may be asked.

        Raises:
            InvalidInputError: it cannot run; says at which step and why.
        """
        if ROOT not in self.nodes:
            raise InvalidInputError(
                f"the graph has no node {ROOT!r}",
                why="requests enter there",
                fix=f"it has: {', '.join(self.nodes)}",
            )
        for name, node, step in self.steps():
            _check_step(self, f"step {step.title!r} of node {name!r}", node, step, allowed)
        for name, node in self.nodes.items():
            _check_node(name, node)
        asked: dict[str, int] = {}
        _measure(self, ROOT, (), asked)
        lost = [name for name in self.nodes if name not in asked]
        if lost:
            raise InvalidInputError(
                f"no step leads to node {lost[0]!r}",
                fix="name it as `node` in a step",
            )
        if asked[ROOT] > _MOST:
            raise InvalidInputError(
                f"one request may take {asked[ROOT]} steps", fix=f"{_MOST} is the most"
            )


def _check_step(graph: Graph, where: str, node: Node, step: Step, allowed: Collection[str]) -> None:
    if (step.model is None) == (step.node is None):
        raise InvalidInputError(f"{where} needs either a model or a node", fix="give one of them")
    if step.node is not None and step.node not in graph.nodes:
        raise InvalidInputError(
            f"{where} leads to node {step.node!r}, which is not there",
            fix=f"known: {', '.join(graph.nodes)}",
        )
    if step.url is not None:
        _check_url(where, step, allowed)
    if step.condition is not None:
        if not isinstance(node, Switch | Sequence):
            raise InvalidInputError(
                f"{where} has a condition", why="only a switch or sequence does"
            )
        parse_condition(step.condition)
    if isinstance(node, Splitter) and step.weight is None:
        raise InvalidInputError(f"{where} has no weight", fix="give each step of a splitter one")
    if step.weight is not None and not isinstance(node, Splitter | Ensemble):
        raise InvalidInputError(f"{where} has a weight", why="only a splitter or ensemble does")


def _check_url(where: str, step: Step, allowed: Collection[str]) -> None:
    url = step.url or ""
    if step.node is not None:
        raise InvalidInputError(f"{where} has a URL and a node", fix="a URL goes with a model")
    if not any(url.rstrip("/") == one.rstrip("/") for one in allowed):
        raise InvalidInputError(
            f"{where} leads to {url}, which is not allowed",
            why="this server asks only servers that its operator names",
            fix="add the URL to `graph_servers` in [serving]",
        )


def _check_node(name: str, node: Node) -> None:
    titles = [step.title for step in node.steps]
    twice = [title for title in titles if titles.count(title) > 1]
    if twice and isinstance(node, Ensemble):
        raise InvalidInputError(
            f"two steps of node {name!r} are called {twice[0]!r}", fix="give one a name"
        )
    if isinstance(node, Splitter) and not sum(step.weight or 0 for step in node.steps):
        raise InvalidInputError(f"all weights of node {name!r} are 0", fix="give one more")
    if isinstance(node, Switch) and any(step.condition is None for step in node.steps[:-1]):
        raise InvalidInputError(
            f"a step of node {name!r} has no condition",
            why="only the last step of a switch may have none: it is taken where nothing else is",
        )


def _measure(graph: Graph, name: str, above: tuple[str, ...], asked: dict[str, int]) -> int:
    """Return how many steps one request of a node may take, and note it for the nodes below.

    Raises:
        InvalidInputError: the graph turns in a circle, or is too deep.
    """
    if name in above:
        raise InvalidInputError(
            f"the graph turns in a circle: {' -> '.join((*above, name))}",
            fix="let the last of these steps lead to a model",
        )
    if len(above) >= _DEEPEST:
        raise InvalidInputError(f"the graph is over {_DEEPEST} nodes deep")
    if name not in asked:
        below = (name, *above)[::-1]
        asked[name] = sum(
            1 + (_measure(graph, step.node, below, asked) if step.node else 0)
            for step in graph.nodes[name].steps
        )
    return asked[name]
