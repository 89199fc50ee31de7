"""The payload log as the server knows it: offered each answered request, and never in its way."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dovetail.base.clock import Clock
from dovetail.base.errors import SettingsError
from dovetail.serving.payload.events import Writer
from dovetail.serving.payload.http import HttpSink
from dovetail.serving.payload.parquet import ParquetSink
from dovetail.serving.payload.queue import Queue, Sink
from dovetail.serving.payload.records import Record, Wanted, size_of
from dovetail.serving.payload.settings import PayloadSink
from dovetail.serving.questions import Question, Reply
from dovetail.web.piece import Endpoint

__all__ = ["PayloadLog"]

_MONITORING = "/monitoring/events"
_GRACE = 5.0


class PayloadLog:
    """Several sinks, each with its own queue.

    Args:
        sinks: where requests are told; none for nowhere.
        connect: returns the endpoint of a joint; asked again after a failure.
        clock: what time it is.

    Raises:
        SettingsError: a sink is neither a URL, nor `monitoring`, nor a folder.
        MissingExtraError: a folder is to be written and pyarrow is missing.
    """

    def __init__(
        self, sinks: Sequence[PayloadSink], connect: Callable[[str], Endpoint], clock: Clock
    ) -> None:
        self._clock = clock
        self.queues = [
            Queue(sink.name, _made(sink, connect), most=sink.queue, most_bytes=sink.queue_mb << 20)
            for sink in sinks
        ]
        self._told = [(Wanted(s), q.offer) for s, q in zip(sinks, self.queues, strict=True)]

    def start(self) -> None:
        """Begin to send."""
        for queue in self.queues:
            queue.start()

    def offer(self, question: Question, reply: Reply) -> None:
        """Queue a request for the sinks that are told of it. Never waits.

        Requests of the role `test` are nobody's traffic and are told to nobody. Of one that failed,
        as with KServe's logger, the request alone is told.
        """
        told = question.told
        if told.role == "test":
            return
        record = None
        for is_wanted, offer in self._told:
            if is_wanted(reply.model.name, question.id or "", failed=bool(reply.error)):
                if record is None:
                    when = told.time or self._clock.now()
                    record = Record(when, question, reply, size_of(question, reply))
                offer(record)

    def stop(self) -> None:
        """Send what is queued, for a few seconds at most, and end."""
        for queue in self.queues:
            queue.hurry()
        deadline = time.monotonic() + _GRACE
        for queue in self.queues:
            queue.stop(deadline)

    @property
    def waiting(self) -> int:
        """Requests that some sink does not have yet."""
        return max((queue.waiting for queue in self.queues), default=0)

    @property
    def problem(self) -> str:
        """Why a sink does not take what it is sent; empty where all do."""
        return "; ".join(queue.problem for queue in self.queues if queue.problem)


def _made(sink: PayloadSink, connect: Callable[[str], Endpoint]) -> Sink:
    if sink.is_folder:
        local = unquote(urlsplit(sink.to).path) if sink.to.startswith("file:") else sink.to
        return ParquetSink(Path(local), sink)
    if not sink.is_http:
        raise SettingsError(
            f"a payload log cannot go to {sink.to!r}",
            fix="give `monitoring`, a URL, or a folder such as ./requests/",
        )
    if sink.to == "monitoring":
        return HttpSink(lambda: connect("monitoring"), _MONITORING, Writer(sink), sink.mode)
    return HttpSink(lambda: Endpoint(sink.to), "", Writer(sink), sink.mode)
