"""What the payload log keeps of a request until its sinks have it, and which requests those are."""

from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import NamedTuple

from dovetail.serving.payload.settings import PayloadSink
from dovetail.serving.questions import Question, Reply

__all__ = ["Record", "Wanted", "size_of"]

_SCALE = float(1 << 64)


class Record(NamedTuple):
    """One request and its answer, as the hot path has them at hand, and when it was.

    Attributes:
        time: when the question arose.
        question: what was asked.
        reply: what was answered.
        size: bytes held, about.
    """

    time: datetime
    question: Question
    reply: Reply
    size: int


def size_of(question: Question, reply: Reply) -> int:
    """Return about how many bytes a request and its answer hold."""
    size = 512 + len(question.body or b"") + len(reply.body or b"")
    for array in question.tensors.values():
        size += array.nbytes
    for array in reply.outputs.values():
        size += array.nbytes
    return size


class Wanted:
    """Which requests a sink is told.

    Args:
        sink: its settings.
    """

    def __init__(self, sink: PayloadSink) -> None:
        self._share, self._patterns = sink.share, sink.models
        self._failed = sink.failed and sink.log != "response"
        self._models: dict[str, bool] = {}

    def __call__(self, model: str, id: str, *, failed: bool = False) -> bool:
        """Return whether a request is told; the same request always gets the same answer."""
        if failed and not self._failed:
            return False
        if self._patterns and not self._matches(model):
            return False
        if self._share >= 1:
            return True
        digest = blake2b(id.encode(), digest_size=8).digest()
        return int.from_bytes(digest) / _SCALE < self._share

    def _matches(self, model: str) -> bool:
        found = self._models.get(model)
        if found is None:
            found = any(fnmatchcase(model, pattern) for pattern in self._patterns)
            self._models[model] = found
        return found
