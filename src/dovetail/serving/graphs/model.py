"""A graph as a model: it is in the index, has metadata and statistics, and answers like one."""

import time
from collections.abc import Mapping

from dovetail.serving.compile import Compilation
from dovetail.serving.errors import InferenceFailedError
from dovetail.serving.graphs.document import ROOT, Ensemble, Graph, Sequence
from dovetail.serving.graphs.run import Runner
from dovetail.serving.limits import Limits
from dovetail.serving.model import Model, rows_of
from dovetail.serving.questions import Question
from dovetail.serving.signature import AnySignature
from dovetail.serving.tensors import Array, TensorSpec

__all__ = ["GraphModel"]

_PLATFORM = "dovetail_graph"
_SLOW_US = 1e9  # never answered where it is read: its steps decide where they run


class _GraphPredictor:
    """What a graph takes and gives, as far as its models say.

    Args:
        inputs: of its first models.
        outputs: of its last ones.
    """

    platform = _PLATFORM

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self.signature, self.outputs = AnySignature(inputs), outputs

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        raise InferenceFailedError("a graph is asked as a whole question, on the event loop")


class GraphModel(Model):
    """A graph that answers.

    Args:
        name: the graph's name.
        revision: of it, which is its version.
        graph: what it is.
        runner: what runs it.
        models: the models that it asks, as far as they are loaded, for the metadata.
        limits: of a request's rows and bytes.
    """

    def __init__(
        self,
        name: str,
        revision: str,
        graph: Graph,
        runner: Runner,
        models: Mapping[str, Model],
        limits: Limits,
    ) -> None:
        super().__init__(
            name,
            revision,
            _GraphPredictor(_inputs(graph, models), _outputs(graph, models, ROOT)),
            Compilation(original=_PLATFORM, serves=_PLATFORM, original_us=_SLOW_US),
            uri=f"graphs:/{name}/{revision}",
            limits=limits.with_own(batch_rows=1),
        )
        self.graph, self._runner = graph, runner

    async def ask_whole(self, question: Question) -> dict[str, Array]:
        """Answer a question, and count it; raises what `Runner.run` raises."""
        start = time.perf_counter_ns()
        statistics = self.statistics
        statistics.begin()
        try:
            rows = self._checked_rows(question.tensors)
            outputs = await self._runner.run(question)
        except BaseException:
            statistics.count_failure(time.perf_counter_ns() - start)
            raise
        took = time.perf_counter_ns() - start
        statistics.count_execution(rows, 0, took, 0)
        statistics.count_success(rows_of(question.tensors), took)
        return outputs


def _inputs(graph: Graph, models: Mapping[str, Model]) -> tuple[TensorSpec, ...]:
    """Return the tensors of the models that are sent the request as it is."""
    found: dict[str, TensorSpec] = {}
    waiting, seen = [ROOT], set()
    while waiting:
        name = waiting.pop(0)
        seen.add(name)
        node = graph.nodes[name]
        steps = node.steps[:1] if isinstance(node, Sequence) else node.steps
        for step in steps:
            if step.node is not None and step.node not in seen:
                waiting.append(step.node)
            model = models.get(step.model or "") if step.url is None else None
            for spec in model.predictor.signature.inputs if model and not step.map else ():
                found.setdefault(spec.name, spec)
    return tuple(found.values())


def _outputs(graph: Graph, models: Mapping[str, Model], name: str) -> tuple[TensorSpec, ...]:
    """Return the tensors of the models whose answer is a node's."""
    node = graph.nodes[name]
    steps = node.steps[-1:] if isinstance(node, Sequence) else node.steps
    found: dict[str, TensorSpec] = {}
    for step in steps:
        if step.node is not None:
            specs = _outputs(graph, models, step.node)
        else:
            model = models.get(step.model or "") if step.url is None else None
            specs = tuple(model.predictor.outputs) if model is not None else ()
        for spec in specs:
            if step.outputs and spec.name not in step.outputs:
                continue
            keeps = isinstance(node, Ensemble) and node.combine == "outputs"
            shown = f"{step.title}.{spec.name}" if keeps else spec.name
            found.setdefault(shown, TensorSpec(shown, spec.datatype, spec.shape))
    return tuple(found.values())
