"""From a question to its reply: which version answers, where it runs, who is told.

A quick model answers where it is called, because a thread would cost more than the model: on the
event loop `answer_now` is one function call. Any other runs in its lane (`scheduler`): `ask` waits
for it on the loop, `answer` in a thread.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from dovetail.base.errors import DovetailError
from dovetail.serving.graphs.model import GraphModel
from dovetail.serving.model import Model
from dovetail.serving.questions import Follow, Question, Reply, given, new_name, time_given
from dovetail.serving.repository import Repository

__all__ = ["Engine", "Observer", "answer_by"]

Observer = Callable[[Question, Reply], None]
"""Told of every answered question after its answer is written; must return at once."""


class Engine:
    """Answers questions with the models of a repository.

    Args:
        repository: the models.
        observers: who is told of answered questions.
        failed: is told of questions that reached a model and have no answer.
    """

    def __init__(
        self,
        repository: Repository,
        observers: Sequence[Observer] = (),
        failed: Observer | None = None,
    ) -> None:
        self.repository = repository
        self._observers, self._failed = tuple(observers), failed

    def answer_now(self, question: Question, *, any_size: bool = False) -> Reply | None:
        """Answer at once if the model is quick and the question small; None if `ask` is to be used.

        Args:
            question: what is asked.
            any_size: whether large questions are answered too; not on the event loop.

        Raises:
            UnknownModelError: there is no such model or version.
            NotReadyError: it is not loaded.
            BadTensorError: a tensor does not fit the model.
            InferenceFailedError: the model failed.
        """
        model = self.choose(question)
        if not (model.runs_here(question.tensors) or (any_size and model.is_quick)):
            return None
        try:
            if question.follow is not None:
                return _followed(question, question.follow, model)
            return Reply(model, model.infer(given(question, model), question.wanted))
        except Exception as error:
            self._tell_failed(question, model, error)
            raise

    async def ask(self, question: Question) -> Reply:
        """Answer a question on the event loop; a model that takes its time runs in its lane.

        Whoever cancels this before the model began spares it the call.

        Raises:
            UnknownModelError: there is no such model or version.
            NotReadyError: it is not loaded.
            BadTensorError: a tensor does not fit the model.
            InferenceFailedError: the model failed.
            OverloadedError: too many requests wait for the model.
            StuckError: the model does not come back.
            TimedOutError: the question's time was over.
        """
        model = self.choose(question)
        start = time.perf_counter_ns()
        try:
            reply = await self._ask(question, model)
        except Exception as error:
            if question.follow is not None:
                question.follow.failed(question, model, error, time.perf_counter_ns() - start)
            self._tell_failed(question, model, error)
            raise
        if question.follow is None:
            return reply
        question.follow.answered(question, reply, time.perf_counter_ns() - start)
        return reply

    async def _ask(self, question: Question, model: Model) -> Reply:
        deadline = None if model.is_quick else _deadline(question, model)
        if model.is_unopened:
            await model.open(deadline)
        tensors = given(question, model)
        if model.runs_here(tensors):
            return Reply(model, model.infer(tensors, question.wanted))
        if isinstance(model, GraphModel):
            return Reply(model, await model.ask_whole(question))
        return Reply(model, await model.ask(tensors, question.wanted, deadline))

    def answer(self, question: Question) -> Reply:
        """Answer a question from a thread that waits; raises what `ask` raises."""
        model = self.choose(question)
        try:
            if question.follow is None:
                return answer_by(question, model)
            return _followed(question, question.follow, model)
        except Exception as error:
            self._tell_failed(question, model, error)
            raise

    def choose(self, question: Question) -> Model:
        """Return the version that answers, and give the question an id where one is needed."""
        if question.id is None and self._observers:
            question.id = new_name(question)
        return self.repository.pick(question)

    def tell(self, question: Question, reply: Reply) -> None:
        """Tell the observers, once the answer is written."""
        for observe in self._observers:
            observe(question, reply)

    def _tell_failed(self, question: Question, model: Model, error: Exception) -> None:
        if self._failed is not None:
            code = error.code if isinstance(error, DovetailError) else DovetailError.code
            self._failed(question, Reply(model, {}, error=code))


def answer_by(question: Question, model: Model) -> Reply:
    """Answer a question with a certain version, in a thread that waits."""
    deadline = None if model.is_quick else _deadline(question, model)
    if model.is_unopened:
        model.open_here(deadline)
    tensors = given(question, model)
    if model.is_quick:
        return Reply(model, model.infer(tensors, question.wanted))
    if isinstance(model, GraphModel):
        return Reply(model, asyncio.run(model.ask_whole(question)))
    return Reply(model, model.answer(tensors, question.wanted, deadline))


def _followed(question: Question, follow: Follow, model: Model) -> Reply:
    """Answer a routed question, and tell whoever follows it how that went."""
    start = time.perf_counter_ns()
    try:
        reply = answer_by(question, model)
    except Exception as error:
        follow.failed(question, model, error, time.perf_counter_ns() - start)
        raise
    follow.answered(question, reply, time.perf_counter_ns() - start)
    return reply


def _deadline(question: Question, model: Model) -> float | None:
    """Return when an answer would be too late: what the caller says, else what the settings say."""
    seconds = time_given(question)
    if seconds is None:
        seconds = model.limits.timeout_s or None
    return None if seconds is None else time.monotonic() + seconds
