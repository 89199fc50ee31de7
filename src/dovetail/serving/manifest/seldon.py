"""Seldon Core 2: a Model per model, a Pipeline of a graph, an Experiment for shares of traffic.

Seldon's servers bring the files themselves, so a model of a registry is written as the place that
its version lies at now. A splitter is an Experiment, because a Pipeline has no weights: at the root
of the graph, where it shares requests between models or between pipelines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import UNSET

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest import seldon_types as s
from dovetail.serving.manifest.common import metadata
from dovetail.serving.manifest.graph import (
    ROOT,
    Graph,
    Node,
    Step,
    graph_name,
    percents,
    refuse_beyond,
)
from dovetail.serving.manifest.parts import Maybe, Object, dns_label
from dovetail.serving.manifest.places import Entry, known_formats
from dovetail.serving.manifest.wishes import Wishes

__all__ = ["objects"]


def objects(entries: Sequence[Entry], wishes: Wishes, graph: Graph | None) -> list[Object]:
    """Return the objects that serve some models, and how requests are shared between them.

    Args:
        entries: the models; none where the graph is about models that run.
        wishes: everything else.
        graph: how they answer together.

    Raises:
        InvalidInputError: something cannot be had, saying what and why.
    """
    made: list[Object] = [_model(entry, wishes) for entry in entries]
    if wishes.canary is not None or wishes.mirror is not None:
        made.append(_shares(entries, wishes))
    if graph is not None:
        made += _graph(graph, wishes)
    return made


def _model(entry: Entry, wishes: Wishes) -> s.Model:
    if entry.kind in ("local", "container", "claim"):
        raise InvalidInputError(
            f"{entry.uri!r} is not seen by Seldon's servers",
            why="they fetch models themselves",
            fix=f"copy it to a bucket and give {entry.name}=s3://BUCKET/PATH",
        )
    if not entry.format:
        raise InvalidInputError(
            f"the format of {entry.name!r} is not to be seen from {entry.uri!r}",
            why="Seldon looks for a server that is able to load it",
            fix=f"give --format {entry.name}=FORMAT, one of {', '.join(known_formats())}",
        )
    if len(wishes.secrets) > 1:
        raise InvalidInputError("a Seldon Model names one Secret", fix="give --secret once")
    scaled = wishes.replicas.most > wishes.replicas.least
    return s.Model(
        metadata=metadata(entry.name, "a Model", wishes),
        spec=s.ModelSpec(
            storage_uri=_storage(entry, wishes),
            requirements=[entry.format],
            secret_name=dns_label(wishes.secrets[0], "a Secret") if wishes.secrets else UNSET,
            memory=wishes.memory.request or UNSET,
            server=dns_label(wishes.server, "a Server") if wishes.server else UNSET,
            replicas=UNSET if scaled else wishes.replicas.least,
            min_replicas=wishes.replicas.least if scaled else UNSET,
            max_replicas=wishes.replicas.most if scaled else UNSET,
        ),
    )


def _storage(entry: Entry, wishes: Wishes) -> str:
    """Return where the files lie; of a registry's model, ask where that is."""
    if entry.kind != "registry":
        return entry.uri
    from dovetail.serving.manifest.registry import resolve

    return resolve(entry, wishes.registry)


def _shares(entries: Sequence[Entry], wishes: Wishes) -> s.Experiment:
    """Return the Experiment of `--canary` and `--mirror`: all else goes to the first model."""
    canary, mirror = wishes.canary, wishes.mirror
    taken = {share.model for share in (canary, mirror) if share is not None}
    others = [entry.name for entry in entries if entry.name not in taken]
    if not others:
        raise InvalidInputError(
            f"{', '.join(sorted(taken))} would share requests with nothing",
            fix="give the model that gets the rest too",
        )
    candidates = [s.Candidate(name=others[0], weight=100 - (canary.percent if canary else 0))]
    if canary is not None:
        candidates.append(s.Candidate(name=canary.model, weight=canary.percent))
    return s.Experiment(
        metadata=metadata(wishes.name or f"{others[0]}-experiment", "an Experiment", wishes),
        spec=s.ExperimentSpec(
            default=others[0],
            candidates=candidates,
            mirror=s.Mirror(name=mirror.model, percent=mirror.percent) if mirror else UNSET,
        ),
    )


def _graph(graph: Graph, wishes: Wishes) -> list[Object]:
    refuse_beyond(graph, "Seldon's Pipeline", ("map", "outputs"))
    name = dns_label(graph_name(graph, wishes.name), "a Pipeline")
    root = graph.nodes[ROOT]
    if root.type != "splitter":
        return [_Pipeline(graph, name).of(root, wishes)]
    kinds = {"model" if step.model else "pipeline" for step in root.steps}
    if len(kinds) > 1:
        raise InvalidInputError(
            "an Experiment shares requests between models or between pipelines, not between both",
            fix="put the model into a node of its own, of the type sequence",
        )
    below = dict.fromkeys(step.node for step in root.steps if step.node)
    pipelines: list[Object] = [
        _Pipeline(graph, f"{name}-{node}").of(graph.nodes[node], wishes) for node in below
    ]
    candidates = [
        s.Candidate(name=step.model or f"{name}-{step.node}", weight=share)
        for step, share in zip(root.steps, percents(ROOT, root), strict=True)
    ]
    spec = s.ExperimentSpec(
        resource_type="model" if kinds == {"model"} else "pipeline", candidates=candidates
    )
    return [*pipelines, s.Experiment(metadata=metadata(name, "an Experiment", wishes), spec=spec)]


@dataclass
class _Pipeline:
    """Flattens nodes into steps: each model reads what the steps before it gave.

    Attributes:
        graph: the nodes.
        name: of the pipeline; `NAME.inputs` is what it is given.
        steps: those that are made so far.
    """

    graph: Graph
    name: str
    steps: list[s.Step] = field(default_factory=list)

    def of(self, node: Node, wishes: Wishes) -> s.Pipeline:
        """Return the pipeline that begins at a node."""
        last = self._node(node, (), ())
        self._check()
        ways = {source.partition(".")[0]: None for source in last.sources}
        join: Maybe[s.Join] = UNSET
        if len(ways) > 1:
            join = "any" if last.is_either else "inner"
        return s.Pipeline(
            metadata=metadata(self.name, "a Pipeline", wishes),
            spec=s.PipelineSpec(
                steps=self.steps, output=s.Output(steps=list(ways), steps_join=join)
            ),
        )

    def _check(self) -> None:
        names = [step.name for step in self.steps]
        if self.name in names:
            raise InvalidInputError(
                f"a Pipeline cannot be named {self.name!r} as one of its steps is",
                fix="give another --name",
            )
        for trigger in (one for step in self.steps for one in step.triggers or ()):
            if trigger.partition(".")[0] not in names:
                raise InvalidInputError(
                    f"the condition {trigger!r} names {trigger.partition('.')[0]!r}, which is no"
                    " step of the Pipeline",
                    fix=f"known: {', '.join(names)}",
                )

    def _node(self, node: Node, inputs: tuple[str, ...], triggers: tuple[str, ...]) -> "_Given":
        if node.type == "splitter":
            raise InvalidInputError(
                "Seldon shares requests by weight at the root of a graph only",
                why="a Pipeline has no weights, and an Experiment stands before pipelines",
                fix="make the splitter the root",
            )
        if node.type == "sequence":
            return self._sequence(node, inputs, triggers)
        found: list[str] = []
        either = node.type == "switch"
        for step in node.steps:
            when = self._when(node, step, triggers)
            given = self._step(step, inputs, when)
            either = either or given.is_either
            found += given.sources
        return _Given(tuple(found), either)

    def _sequence(self, node: Node, inputs: tuple[str, ...], triggers: tuple[str, ...]) -> "_Given":
        given = _Given(inputs, False)
        for number, step in enumerate(node.steps):
            # Only the first step waits for the triggers; the others wait for the first.
            asked, waits = given.sources, triggers if not number else ()
            if number and step.sent_request:
                asked, waits = inputs or (f"{self.name}.inputs",), given.sources
            given = self._step(step, asked, waits, either=given.is_either)
        return given

    def _step(
        self,
        step: Step,
        inputs: tuple[str, ...],
        triggers: tuple[str, ...],
        *,
        either: bool = False,
    ) -> "_Given":
        if step.node is not None:
            return self._node(self.graph.nodes[step.node], inputs, triggers)
        model = dns_label(step.model or "", "a Model")
        if any(made.name == model for made in self.steps):
            raise InvalidInputError(
                f"model {model!r} is in two steps",
                why="a Pipeline has each model once",
                fix="serve it a second time under another name",
            )
        tensors = {self._tensor(source, inputs): name for name, source in step.map.items()}
        inputs = tuple(tensors) or inputs
        join: Maybe[s.Join] = UNSET
        if len(inputs) > 1:
            join = "any" if either else "inner"
        self.steps.append(
            s.Step(
                name=model,
                inputs=list(inputs) or UNSET,
                inputs_join_type=join,
                tensor_map=tensors or UNSET,
                triggers=list(triggers) or UNSET,
                triggers_join_type="inner" if len(triggers) > 1 else UNSET,
            )
        )
        wanted = tuple(f"{model}.outputs.{output}" for output in step.outputs)
        return _Given(wanted or (f"{model}.outputs",), False)

    def _tensor(self, source: str, inputs: tuple[str, ...]) -> str:
        """Return the tensor that an entry of `map` names, as a Pipeline names it."""
        whose, dot, tensor = source.rpartition(".")
        if whose == "$request":
            return f"{self.name}.inputs.{tensor}"
        before = {one.partition(".")[0] for one in inputs}
        if (dot and whose != "$response") or len(before) != 1:
            raise InvalidInputError(
                f"{source!r} is no tensor that a step can be sent",
                why="it names none of one step before" if dot else "several steps come before",
                fix="write $request.NAME, or $response.NAME after a single model",
            )
        return f"{before.pop()}.outputs.{tensor}"

    def _when(self, node: Node, step: Step, triggers: tuple[str, ...]) -> tuple[str, ...]:
        if node.type != "switch":
            return triggers
        if step.condition is None or step.condition.count(".") < 2:
            raise InvalidInputError(
                f"the condition of {step.model or step.node!r} is not a tensor",
                why="a step of a Seldon Pipeline is taken when a tensor is there that another step"
                " gives or does not give",
                fix="write MODEL.outputs.TENSOR",
            )
        return (*triggers, step.condition)


@dataclass(frozen=True)
class _Given:
    """What steps give.

    Attributes:
        sources: what the next step reads.
        is_either: whether only one of them arrives.
    """

    sources: tuple[str, ...]
    is_either: bool
