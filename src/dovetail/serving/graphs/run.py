"""One request through a graph.

Steps are asked on the event loop as any question is, so a quick model answers without a task or a
thread, and a slow one joins the batch of its other requests. Branches of an ensemble that are not
quick run at the same time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from dovetail.base.errors import DovetailError, InvalidInputError
from dovetail.base.telemetry import logger
from dovetail.serving.errors import (
    BadRequestError,
    BadTensorError,
    InferenceFailedError,
    TimedOutError,
)
from dovetail.serving.graphs.combine import combine
from dovetail.serving.graphs.document import (
    ROOT,
    Ensemble,
    Graph,
    Node,
    Sequence,
    Splitter,
    Step,
    Switch,
)
from dovetail.serving.graphs.expression import Condition, Facts, parse_condition
from dovetail.serving.graphs.remote import Remotes
from dovetail.serving.questions import Question, Reply, new_name, time_given
from dovetail.serving.routing.keys import key_of, reader
from dovetail.serving.tensors import Array
from dovetail.serving.traffic import choose_version
from dovetail.serving.watched import step as seen_step

__all__ = ["Ask", "Runner"]

log = logger("serving")
_DEEPEST = 8
_depth: ContextVar[int] = ContextVar("graph_depth", default=0)

Ask = Callable[[Question], Awaitable[Reply]]
Tensors = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class _Work:
    """One request, and when it has to be answered."""

    question: Question
    until: float

    @property
    def seconds(self) -> float:
        """What is left of its time."""
        return max(self.until - time.monotonic(), 0.001)


class Runner:
    """Runs a checked graph.

    Args:
        name: of the graph.
        graph: what it is.
        ask: answers a question with a model of this server.
        remotes: answers steps of other servers.
        is_quick: whether a model of this server answers at once.
    """

    def __init__(
        self, name: str, graph: Graph, ask: Ask, remotes: Remotes, is_quick: Callable[[str], bool]
    ) -> None:
        self._name, self._graph = name, graph
        self._ask, self._remotes, self._is_quick = ask, remotes, is_quick
        texts = {step.condition for _, _, step in graph.steps() if step.condition is not None}
        self._conditions: dict[str, Condition] = {text: parse_condition(text) for text in texts}

    async def run(self, question: Question) -> dict[str, Array]:
        """Return the outputs of the graph.

        Raises:
            BadRequestError: no condition of a switch holds, or graphs call each other too deeply.
            BadTensorError: a tensor does not fit a step, or an output is unknown.
            InferenceFailedError: a step that the graph depends on failed.
            TimedOutError: its time was over.
            DovetailError: what else a step raises.
        """
        depth = _depth.get()
        if depth >= _DEEPEST:
            raise BadRequestError(f"graphs call each other over {_DEEPEST} deep")
        token = _depth.set(depth + 1)
        if question.id is None:
            question.id = new_name(question)
        given = time_given(question)
        seconds = self._graph.timeout_seconds if given is None else given
        seconds = min(seconds, self._graph.timeout_seconds)
        start = time.monotonic()
        try:
            async with asyncio.timeout(seconds) as limit:
                work = _Work(question, start + seconds)
                outputs = await self._node(ROOT, work, question.tensors)
        except TimeoutError:
            if not limit.expired():
                raise
            passed = time.monotonic() - start
            raise TimedOutError(self._name, passed, was_waiting=False) from None
        finally:
            _depth.reset(token)
        return self._selected(outputs, question.wanted)

    async def _node(self, name: str, work: _Work, sent: Tensors) -> Tensors:
        node: Node = self._graph.nodes[name]
        if isinstance(node, Sequence):
            return await self._sequence(name, node, work, sent)
        if isinstance(node, Switch):
            for step in node.steps:
                if self._holds(step, work, sent, {}):
                    return await self._only(name, step, work, sent)
            raise BadRequestError(
                f"no condition of node {name!r} of graph {self._name!r} holds",
                fix="a last step without a condition takes what is left",
            )
        if isinstance(node, Splitter):
            return await self._only(name, self._drawn(name, node, work), work, sent)
        return await self._ensemble(node, work, sent)

    async def _only(self, name: str, step: Step, work: _Work, sent: Tensors) -> Tensors:
        outputs = await self._step(step, work, sent, None)
        if outputs is None:
            raise InferenceFailedError(f"the only step of node {name!r} that was taken failed")
        return outputs

    async def _sequence(self, name: str, node: Sequence, work: _Work, sent: Tensors) -> Tensors:
        response: Tensors | None = None
        for step in node.steps:
            if not self._holds(step, work, sent, response or {}):
                break
            outputs = await self._step(step, work, sent, response)
            response = response if outputs is None else outputs
        if response is None:
            raise InferenceFailedError(f"no step of node {name!r} of graph {self._name!r} answered")
        return response

    async def _ensemble(self, node: Ensemble, work: _Work, sent: Tensors) -> Tensors:
        answers: dict[int, Tensors | None] = {}
        slow: dict[int, asyncio.Task[Tensors | None]] = {}
        try:
            for index, step in enumerate(node.steps):
                if not self._runs_here(step):
                    slow[index] = asyncio.ensure_future(self._step(step, work, sent, None))
            for index, step in enumerate(node.steps):
                if index not in slow:
                    answers[index] = await self._step(step, work, sent, None)
            for index, outputs in zip(slow, await asyncio.gather(*slow.values()), strict=True):
                answers[index] = outputs
        except BaseException:
            for task in slow.values():
                task.cancel()
            await asyncio.gather(*slow.values(), return_exceptions=True)
            raise
        found = []
        for index, step in enumerate(node.steps):
            one = answers[index]
            if one is not None:
                found.append((step.title, 1.0 if step.weight is None else step.weight, one))
        return combine(node.combine, found)

    async def _step(
        self, step: Step, work: _Work, sent: Tensors, response: Tensors | None
    ) -> Tensors | None:
        """Return the outputs of a step; None where it failed and nothing depends on it."""
        try:
            with seen_step(f"step {step.title}", **{"dovetail.graph.name": self._name}):
                return await self._asked(step, work, _sent(step, sent, response))
        except DovetailError as error:
            if step.dependency == "hard":
                raise
            log.warning("step left out", graph=self._name, step=step.title, why=str(error))
            return None

    async def _asked(self, step: Step, work: _Work, tensors: Tensors) -> Tensors:
        if step.node is not None:
            return await self._node(step.node, work, tensors)
        if step.url is not None:
            return await self._remotes.ask(
                step, tensors, work.question, self._graph.headers, work.seconds
            )
        return (await self._ask(_question(step, work, tensors))).outputs

    def _holds(self, step: Step, work: _Work, sent: Tensors, response: Tensors) -> bool:
        if step.condition is None:
            return True
        question = work.question
        facts = Facts(sent, response, question.parameters or {}, question.headers)
        try:
            return self._conditions[step.condition](facts)
        except InvalidInputError as error:
            raise BadRequestError(
                f"the condition {step.condition!r} of graph {self._name!r} cannot be decided",
                why=error.what,
                fix=error.fix,
            ) from error

    def _drawn(self, name: str, node: Splitter, work: _Work) -> Step:
        weights = {str(i): step.weight or 0.0 for i, step in enumerate(node.steps)}
        weights = {index: weight for index, weight in weights.items() if weight > 0}
        key = key_of(work.question, reader(node.sticky_by))
        return node.steps[int(choose_version(f"{self._name}\0{name}", key, weights))]

    def _runs_here(self, step: Step) -> bool:
        return step.model is not None and step.url is None and self._is_quick(step.model)

    def _selected(self, outputs: Tensors, wanted: tuple[str, ...]) -> dict[str, Array]:
        for name in wanted:
            if name not in outputs:
                raise BadTensorError(
                    f"graph {self._name!r} gave no output {name!r}",
                    fix=f"it gave: {', '.join(outputs)}",
                )
        return {name: outputs[name] for name in wanted} if wanted else dict(outputs)


def _sent(step: Step, request: Tensors, response: Tensors | None) -> Tensors:
    """Return the inputs of a step.

    Raises:
        BadTensorError: its map names a tensor that is not there.
    """
    takes_request = response is None or step.data.endswith("request")
    own = request if takes_request or response is None else response
    if not step.map:
        return own
    tensors = {}
    for name, source in step.map.items():
        place, key = own, source
        if source.startswith("$request."):
            place, key = request, source.removeprefix("$request.")
        elif source.startswith("$response."):
            place, key = response or {}, source.removeprefix("$response.")
        if key not in place:
            raise BadTensorError(
                f"step {step.title!r} needs the tensor {source!r}, which is not there",
                fix=f"there are: {', '.join(place) or 'none'}",
            )
        tensors[name] = place[key]
    return tensors


def _question(step: Step, work: _Work, tensors: Tensors) -> Question:
    asked = work.question
    return Question(
        model=step.model or "",
        version=step.version,
        tensors=tensors,
        wanted=step.outputs,
        id=asked.id,
        parameters=asked.parameters,
        headers=asked.headers,
        told=asked.told,
        seconds=work.seconds,
    )
