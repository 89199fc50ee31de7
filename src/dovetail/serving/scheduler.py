"""When a slow model runs: a few threads of its own, and a queue that is bounded.

One slow model cannot take the threads of another, because each has its own `Lane`. A request that
finds an idle thread runs at once; while all are busy, requests gather, and those that fit together
go together. A queue that is full answers at once instead of growing. Whoever no longer waits, be
it that the time is over or the client gone, is not run. `batching` says what a call is.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence

from dovetail.base.telemetry import logger
from dovetail.serving.errors import InferenceFailedError, OverloadedError, StuckError, TimedOutError
from dovetail.serving.limits import Limits
from dovetail.serving.tallies import Tally
from dovetail.serving.tensors import Array

__all__ = ["Job", "Lane"]

log = logger("serving")
_IDLE_SECONDS = 10.0
_NEWEST = 0.2  # weight of the last call in the mean


class Job:
    """One request that waits for its model, and then its outcome.

    Args:
        bound: the model's own tensors.
        rows: how many rows they have.
        wanted: names of the outputs to give.
        key: jobs of equal keys may run in one call; None runs alone.
        deadline: when it is of no use any more, on `time.monotonic`'s clock; None is never.
        opens: whether it only opens a model that rests.
    """

    __slots__ = (
        "bound", "deadline", "done", "error", "future", "is_dropped", "key", "loop",
        "opens", "outputs", "queued_ns", "rows", "size", "started_ns", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        bound: dict[str, Array],
        rows: int,
        wanted: tuple[str, ...] = (),
        key: Hashable = None,
        deadline: float | None = None,
        *,
        opens: bool = False,
    ) -> None:
        self.opens = opens
        self.bound, self.rows, self.wanted = bound, rows, wanted
        self.key, self.deadline = key, deadline
        self.size = sum([array.nbytes for array in bound.values()])
        self.outputs: dict[str, Array] | None = None
        self.error: BaseException | None = None
        self.is_dropped = False
        self.queued_ns = self.started_ns = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[None] | None = None
        self.done: threading.Event | None = None

    def result(self) -> dict[str, Array]:
        """Return the outputs, or raise what went wrong."""
        if self.error is not None:
            raise self.error
        assert self.outputs is not None
        return self.outputs


class Lane:
    """The threads and the queue of one model.

    Args:
        name: the model, for messages.
        run: gives each job of a call its outputs or its error.
        limits: how much it may take.
        batch_rows: rows of one call at most; 1 joins no jobs.
        tally: counts the requests that are not run.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[Job]], None],
        limits: Limits,
        batch_rows: int = 1,
        tally: Tally | None = None,
    ) -> None:
        self.name, self.limits, self.batch_rows = name, limits, batch_rows
        self.tally = tally or Tally(name, "")
        self._run = run
        self._waiting: deque[Job] = deque()
        self._waiting_bytes = 0
        self._running: dict[int, float] = {}
        self._threads = self._idle = 0
        self._call_s = 0.0
        self._changed = threading.Condition()

    # What is seen

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Calls that run."""
        return len(self._running)

    def stuck_seconds(self) -> float:
        """Return for how long every thread has been in one and the same call; 0 if not stuck."""
        running = list(self._running.values())
        if len(running) < self.limits.calls:
            return 0.0
        seconds = time.monotonic() - max(running)
        return seconds if seconds >= self.limits.stuck_s else 0.0

    def retry_after(self) -> int:
        """Return the whole seconds after which the queue will have room, by what calls took."""
        waiting = list(self._waiting)
        calls = sum(job.rows for job in waiting) / self.batch_rows if self.batch_rows > 1 else 0.0
        calls = max(calls, len(waiting) if self.batch_rows == 1 else 1.0)
        return max(1, math.ceil((calls + 1) * self._call_s / self.limits.calls))

    # Those who ask

    async def ask(self, job: Job) -> dict[str, Array]:
        """Run a job and wait for it on the event loop; a caller that is cancelled is not run.

        Raises:
            OverloadedError: the queue is full.
            StuckError: the model does not come back.
            TimedOutError: the job's deadline passed.
        """
        job.loop = asyncio.get_running_loop()
        job.future = job.loop.create_future()
        self._put(job)
        timer = None
        if job.deadline is not None:
            left = max(0.0, job.deadline - time.monotonic())
            timer = job.loop.call_later(left, self._expire, job)
        try:
            await job.future
        except asyncio.CancelledError:
            if self._drop(job):
                self.tally.abandoned()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return job.result()

    def answer(self, job: Job) -> dict[str, Array]:
        """Run a job and wait for it in the calling thread; raises what `ask` raises."""
        job.done = threading.Event()
        self._put(job)
        left = None if job.deadline is None else max(0.0, job.deadline - time.monotonic())
        if not job.done.wait(left):
            raise self._late(job)
        return job.result()

    def _expire(self, job: Job) -> None:
        if job.future is not None and not job.future.done():
            job.error = self._late(job)
            job.future.set_result(None)

    def _late(self, job: Job) -> TimedOutError:
        """Give a job up, and say where it was."""
        was_waiting = self._drop(job)
        self.tally.expired()
        return _too_late(self.name, job, was_waiting=was_waiting)

    def _drop(self, job: Job) -> bool:
        """Take a job out of the queue; return whether it was there."""
        with self._changed:
            job.is_dropped = True
            try:
                self._waiting.remove(job)
            except ValueError:
                return False
            self._waiting_bytes -= job.size
            return True

    def _put(self, job: Job) -> None:
        limits = self.limits
        with self._changed:
            has_room = self._idle > len(self._waiting) or self._threads < limits.calls
            if not has_room and (
                len(self._waiting) >= limits.queue
                or self._waiting_bytes + job.size > limits.queue_bytes
            ):
                self.tally.refused()
                raise OverloadedError(self.name, len(self._waiting), self.retry_after())
            stuck = 0.0 if has_room else self.stuck_seconds()
            if stuck:
                self.tally.refused()
                raise StuckError(self.name, stuck)
            job.queued_ns = time.perf_counter_ns()
            self._waiting.append(job)
            self._waiting_bytes += job.size
            if self._idle < len(self._waiting) and self._threads < limits.calls:
                self._threads += 1
                # A daemon, because a model that hangs must not keep the process from ending.
                threading.Thread(target=self._work, name=f"model-{self.name}", daemon=True).start()
            else:
                self._changed.notify()

    # Those who work

    def _work(self) -> None:
        me = threading.get_ident()
        while batch := self._take(me):
            start = time.perf_counter_ns()
            for job in batch:
                job.started_ns = start
            try:
                self._run(batch)
            except BaseException as error:  # a model may raise anything, SystemExit too
                log.error("model failed", model=self.name, exc_info=error)
                failure = InferenceFailedError(
                    f"model {self.name!r} failed", why=f"{type(error).__name__}: {error}"
                )
                for job in batch:
                    job.error = job.error or failure
            self._finish(me, batch, time.perf_counter_ns() - start)

    def _take(self, me: int) -> list[Job]:
        """Wait for jobs; return none when there were none for a while, and the thread ends."""
        with self._changed:
            self._idle += 1
            try:
                while True:
                    while not self._waiting:
                        if not self._changed.wait(_IDLE_SECONDS) and not self._waiting:
                            self._threads -= 1
                            return []
                    batch = self._next()
                    if batch:
                        self._running[me] = time.monotonic()
                        return batch
            finally:
                self._idle -= 1

    def _next(self) -> list[Job]:
        """Take the oldest job that is still wanted, and those that fit to it."""
        if self.limits.delay_s and self.batch_rows > 1:
            self._gather()
        batch: list[Job] = []
        rows = 0
        kept: list[Job] = []
        now = time.monotonic()
        while self._waiting:
            job = self._waiting[0]
            if job.deadline is not None and job.deadline <= now and not batch:
                self._waiting.popleft()
                self._waiting_bytes -= job.size
                self._tell_late(job)
                continue
            fits = not batch or (
                job.key is not None
                and job.key == batch[0].key
                and rows + job.rows <= self.batch_rows
                and (job.deadline is None or job.deadline > now)
            )
            self._waiting.popleft()
            if not fits:
                kept.append(job)
                continue
            batch.append(job)
            rows += job.rows
            self._waiting_bytes -= job.size
            if self.batch_rows == 1 or rows >= self.batch_rows or job.key is None:
                break
        self._waiting.extendleft(reversed(kept))
        if batch and self._waiting and self._idle > 1:
            self._changed.notify()
        return batch

    def _gather(self) -> None:
        """Wait for more rows, no longer than the oldest may be delayed."""
        while self._waiting and sum(job.rows for job in self._waiting) < self.batch_rows:
            age = (time.perf_counter_ns() - self._waiting[0].queued_ns) * 1e-9
            if age >= self.limits.delay_s:
                return
            self._changed.wait(self.limits.delay_s - age)

    def _tell_late(self, job: Job) -> None:
        job.error = _too_late(self.name, job, was_waiting=True)
        self.tally.expired()
        _deliver([job])

    def _finish(self, me: int, batch: list[Job], ns: int) -> None:
        with self._changed:
            del self._running[me]
            took = ns * 1e-9
            self._call_s = took if not self._call_s else (
                (1 - _NEWEST) * self._call_s + _NEWEST * took
            )  # fmt: skip
        _deliver(batch)
        batch.clear()  # the thread may wait long for its next call, and tensors are large


def _too_late(name: str, job: Job, *, was_waiting: bool) -> TimedOutError:
    waited = (time.perf_counter_ns() - job.queued_ns) * 1e-9
    return TimedOutError(name, waited, was_waiting=was_waiting)


def _deliver(batch: Sequence[Job]) -> None:
    """Wake those who wait: threads each, a loop once for all of its own."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in batch:
        job.bound = {}
        if job.done is not None:
            job.done.set()
        elif job.loop is not None:
            by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        if not loop.is_closed():
            _call(loop, jobs)


def _call(loop: asyncio.AbstractEventLoop, jobs: list[Job]) -> None:
    try:
        loop.call_soon_threadsafe(_wake, jobs)
    except RuntimeError:  # the server ended meanwhile
        log.debug("nobody waits for the answer", jobs=len(jobs))


def _wake(jobs: list[Job]) -> None:
    for job in jobs:
        if job.future is not None and not job.future.done():
            job.future.set_result(None)
