"""A second version gets copies of requests; its answers are compared and given to nobody.

The live answer never waits: a copy is put in a bounded queue, and what does not fit is dropped and
counted. One thread asks the shadow. Requests that fail live are not copied.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from prometheus_client.metrics_core import CounterMetricFamily, Metric, SummaryMetricFamily

from dovetail.base.errors import DovetailError
from dovetail.base.telemetry import logger
from dovetail.serving.counters import BOARD, Block
from dovetail.serving.model import Model
from dovetail.serving.questions import Question, Reply, Told
from dovetail.serving.routing.compare import Difference, OutputDifference, compare
from dovetail.serving.routing.document import Shadow
from dovetail.serving.traffic import choose_version

__all__ = ["ShadowReport", "Shadows", "families"]

log = logger("serving")
_KIND = "shadow"
_MOST = 1000
_MOST_BYTES = 64 << 20
_ASKED, _DROPPED, _FAILED, _COMPARED, _AGREED, _LIVE_NS, _SHADOW_NS = range(7)
Observer = Callable[[Question, Reply], None]


class ShadowReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a shadow since the server started.

    Attributes:
        version: the shadow.
        requests: copies that were asked of it.
        dropped: copies that found no place in the queue.
        failed: that it failed on.
        compared: answers compared.
        agreement: the share of answers that agree in every output.
        live_ms: mean milliseconds of the live answers that were copied.
        shadow_ms: mean milliseconds of the shadow's answers.
        outputs: differences by output, of the worker that answers this.
        last_error: what it last failed with.
    """

    version: str
    requests: int
    dropped: int
    failed: int
    compared: int
    agreement: float | None
    live_ms: float | None
    shadow_ms: float | None
    outputs: dict[str, OutputDifference]
    last_error: str = ""


@dataclass(slots=True)
class _Seen:
    """What one shadow showed in this process."""

    outputs: dict[str, Difference] = field(default_factory=dict)
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class _Copy:
    """One request that a shadow is to be asked."""

    shadowing: "_Shadowing"
    question: Question
    reply: Reply
    ns: int
    size: int


class Shadows:
    """The queue of copies, and the thread that asks the shadows.

    Args:
        observers: told of a shadow's answers, with the role `shadow`.
        answer: asks a version, in a thread that waits.
        most: copies that wait at most.
    """

    def __init__(
        self,
        observers: Sequence[Observer],
        answer: Callable[[Question, Model], Reply],
        most: int = _MOST,
    ) -> None:
        self._observers, self._answer, self._most = observers, answer, most
        self._queue: deque[_Copy] = deque()
        self._bytes = 0
        self._filled = threading.Condition()
        self._stopping = False
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._blocks: dict[tuple[str, str], Block] = {}
        self._thread = threading.Thread(target=self._run, name="serving-shadow", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """End; copies that wait are let go."""
        with self._filled:
            self._stopping = True
            self._queue.clear()
            self._filled.notify()
        if self._thread.is_alive():
            self._thread.join(5)

    def shadowing(self, model: Model, shadow: Shadow) -> "_Shadowing":
        """Return what copies requests to a shadow."""
        return _Shadowing(self, model, shadow)

    def block(self, model: str, version: str) -> Block:
        """Return the counts of a shadow, which stay when its rule goes."""
        key = (model, version)
        if key not in self._blocks:
            self._blocks[key] = BOARD.take(_KIND, key, 7)
        return self._blocks[key]

    def offer(self, copy: _Copy) -> bool:
        """Queue a copy, or say that it has no place. Never waits."""
        with self._filled:
            full = len(self._queue) >= self._most or self._bytes + copy.size > _MOST_BYTES
            if full or self._stopping:
                return False
            self._queue.append(copy)
            self._bytes += copy.size
            if len(self._queue) == 1:
                self._filled.notify()
        return True

    def report(self, model: str, version: str) -> ShadowReport:
        """Return what is known of a version as a shadow."""
        cells = BOARD.totals(_KIND).get((model, version), [0] * 7)
        seen = self._seen.get((model, version), _Seen())
        asked, compared = cells[_ASKED], cells[_COMPARED]
        return ShadowReport(
            version=version,
            requests=asked,
            dropped=cells[_DROPPED],
            failed=cells[_FAILED],
            compared=compared,
            agreement=cells[_AGREED] / compared if compared else None,
            live_ms=cells[_LIVE_NS] / compared / 1e6 if compared else None,
            shadow_ms=cells[_SHADOW_NS] / compared / 1e6 if compared else None,
            outputs={name: one.describe() for name, one in dict(seen.outputs).items()},
            last_error=seen.last_error,
        )

    def _run(self) -> None:
        while True:
            with self._filled:
                while not self._queue and not self._stopping:
                    self._filled.wait()
                if self._stopping:
                    return
                copy = self._queue.popleft()
                self._bytes -= copy.size
            try:
                self._ask(copy)
            except Exception as error:  # a version's own code may raise anything
                log.warning("shadow not compared", why=str(error))

    def _ask(self, copy: _Copy) -> None:
        shadowing, question = copy.shadowing, copy.question
        model, block = shadowing.model, shadowing.block
        seen = self._seen.setdefault((model.name, model.version), _Seen())
        start = time.perf_counter_ns()
        try:
            outputs = self._answer(question, model).outputs
        except Exception as error:
            seen.last_error = str(error)
            with block.lock:
                block.cells[_ASKED] += 1
                block.cells[_FAILED] += 1
            if not isinstance(error, DovetailError):
                log.warning("shadow failed", model=model.name, why=str(error))
            return
        ns = time.perf_counter_ns() - start
        agrees = compare(copy.reply.outputs, outputs, shadowing.shadow.tolerance, seen.outputs)
        with block.lock:
            for cell, number in (
                (_ASKED, 1), (_COMPARED, 1), (_AGREED, int(agrees)),
                (_LIVE_NS, copy.ns), (_SHADOW_NS, ns),
            ):  # fmt: skip
                block.cells[cell] += number
        told = Told(question.told.time, "shadow")
        for observe in self._observers:
            observe(replace(question, told=told, follow=None), Reply(model, outputs))


class _Shadowing:
    """Copies a share of a model's requests to a shadow.

    Args:
        shadows: where copies go.
        model: the shadow.
        shadow: how much of what it gets.
    """

    def __init__(self, shadows: Shadows, model: Model, shadow: Shadow) -> None:
        self._shadows, self.model, self.shadow = shadows, model, shadow
        self.block = shadows.block(model.name, model.version)
        self._salt = f"{model.name}\0shadow"
        self._weights = {"yes": shadow.share, "no": 1 - shadow.share}

    def answered(self, question: Question, reply: Reply, ns: int) -> None:
        """Copy an answered request, if it is of the share."""
        if reply.model is self.model or question.told.role != "live":
            return
        if not self._takes(question):
            return
        size = sum(a.nbytes for a in (*question.tensors.values(), *reply.outputs.values()))
        copy = _Copy(self, question, reply, ns, size + len(question.body or b""))
        if not self._shadows.offer(copy):
            with self.block.lock:
                self.block.cells[_DROPPED] += 1

    def _takes(self, question: Question) -> bool:
        if self.shadow.share == 1:
            return True
        return choose_version(self._salt, question.id or "", self._weights) == "yes"

    def failed(self, question: Question, model: Model, error: Exception, ns: int) -> None:
        """Leave a failed request alone: there is nothing to compare with."""


def families() -> Iterator[Metric]:
    """Yield the metrics of shadows."""
    labels = ("model", "version")
    requests = CounterMetricFamily(
        "dovetail_serving_shadow_requests",
        "Copies of requests for a shadow: `agreed`, `differed`, `failed` or `dropped`.",
        labels=(*labels, "outcome"),
    )
    seconds = SummaryMetricFamily(
        "dovetail_serving_shadow_seconds", "Seconds of a shadow's answers.", labels=labels
    )
    live = SummaryMetricFamily(
        "dovetail_serving_shadow_live_seconds",
        "Seconds of the live answers that a shadow was compared with.",
        labels=labels,
    )
    for key, cells in sorted(BOARD.totals(_KIND).items()):
        compared = cells[_COMPARED]
        for outcome, count in (
            ("agreed", cells[_AGREED]),
            ("differed", compared - cells[_AGREED]),
            ("failed", cells[_FAILED]),
            ("dropped", cells[_DROPPED]),
        ):
            requests.add_metric((*key, outcome), count)
        seconds.add_metric(key, count_value=compared, sum_value=cells[_SHADOW_NS] / 1e9)
        live.add_metric(key, count_value=compared, sum_value=cells[_LIVE_NS] / 1e9)
    yield from (requests, seconds, live)
