"""From a question to its reply: which version answers, where it runs, who is told.

The transports call `ask` on the event loop and `answer` in a thread. A quick model answers where
it is called, because a thread would cost more than the model.
"""

from collections.abc import Callable, Sequence

import anyio.to_thread

from dovetail.base.ids import new_id
from dovetail.serving.model import Model
from dovetail.serving.questions import Question, Reply
from dovetail.serving.repository import Repository

__all__ = ["Engine", "Observer"]

Observer = Callable[[Question, Reply], None]
"""Told of every answered question after its answer is written; must return at once."""


class Engine:
    """Answers questions with the models of a repository.

    Args:
        repository: the models.
        observers: who is told of answered questions.
    """

    def __init__(self, repository: Repository, observers: Sequence[Observer] = ()) -> None:
        self.repository = repository
        self._observers = tuple(observers)

    async def ask(self, question: Question) -> Reply:
        """Answer a question on the event loop; a model that takes its time runs in a thread.

        Raises:
            UnknownModelError: there is no such model or version.
            NotReadyError: it is not loaded.
            BadTensorError: a tensor does not fit the model.
            InferenceFailedError: the model failed.
        """
        model = self.choose(question)
        if model.is_quick:
            return Reply(model, model.infer(question.tensors, question.wanted))
        outputs = await anyio.to_thread.run_sync(model.infer, question.tensors, question.wanted)
        return Reply(model, outputs)

    def answer(self, question: Question) -> Reply:
        """Answer a question in the calling thread; raises what `ask` raises."""
        model = self.choose(question)
        return Reply(model, model.infer(question.tensors, question.wanted))

    def choose(self, question: Question) -> Model:
        """Return the version that answers, and give the question an id where one is needed."""
        repository = self.repository
        divided = not question.version and repository.divides(question.model)
        if question.id is None and (divided or self._observers):
            question.id = new_id()
        return repository.choose(question.model, question.version, question.id or "")

    def tell(self, question: Question, reply: Reply) -> None:
        """Tell the observers, once the answer is written."""
        for observe in self._observers:
            observe(question, reply)
