"""Starts the workers, starts anew what dies, and carries what they tell each other.

It holds the ports, without listening, so that nobody takes them while a worker is between two
lives. Nothing heavy is imported here.
"""

import asyncio
import itertools
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from dovetail.base import telemetry
from dovetail.serving.workers.messages import (
    Built,
    Changed,
    Followed,
    FromWorker,
    Held,
    Job,
    Joined,
    Loaded,
    Ready,
    Refresh,
    ToWorker,
    encode,
    from_worker,
)

__all__ = ["Supervisor"]

log = telemetry.logger("serving")
_PAUSES = (0.2, 10.0)  # seconds before a worker that died is started: at first, at most
_LASTING = 30.0  # seconds after which a death is not counted with those before
_LAST_GRACE = 10.0  # beyond what the workers were given to finish


@dataclass(eq=False)
class _Worker:
    """One worker, through all its lives."""

    number: int
    process: asyncio.subprocess.Process | None = None
    writer: asyncio.StreamWriter | None = None
    is_built: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    has_loaded: bool = False

    def tell(self, message: ToWorker) -> None:
        if self.writer is not None and not self.writer.is_closing():
            self.writer.write(encode(message))


@dataclass
class _Change:
    """A change that some workers do not hold yet."""

    origin: _Worker
    id: int
    missing: set[_Worker]
    problems: list[str] = field(default_factory=list)


class Supervisor:
    """The workers of one server.

    Args:
        job: what a worker is started with, by its number and the folder of the counters.
        count: how many workers.
        grace_seconds: how long they may take to finish.
        answering: called once when all answer.
    """

    def __init__(
        self,
        job: Callable[[int, str], Job],
        count: int,
        grace_seconds: float,
        answering: Callable[[], None],
    ) -> None:
        self._job, self._grace, self._answering = job, grace_seconds, answering
        self._workers = [_Worker(number) for number in range(count)]
        self._changes: dict[int, _Change] = {}
        self._ids = itertools.count(1)
        self._stopping = asyncio.Event()
        self._are_ready = self._has_failed = False

    async def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        with tempfile.TemporaryDirectory(prefix="dovetail-serving-") as counters:
            lives = [asyncio.create_task(self._keep(self._workers[0], counters))]
            # The first makes the tables; the others find them.
            await self._first_of(self._workers[0].is_built)
            lives += [asyncio.create_task(self._keep(w, counters)) for w in self._workers[1:]]
            for worker in self._workers:
                await self._first_of(worker.answers)
            if not self._stopping.is_set():
                self._answering()
            await self._stopping.wait()
            await self._end(lives)
        return int(self._has_failed)

    async def _first_of(self, event: asyncio.Event) -> None:
        """Wait for something, or for being told to stop."""
        waits = [asyncio.create_task(one.wait()) for one in (event, self._stopping)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _keep(self, worker: _Worker, counters: str) -> None:
        """Give a worker one life after the other."""
        pause = _PAUSES[0]
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._live(worker, counters)
            if self._stopping.is_set():
                return
            if not worker.answers.is_set():  # it never did: the settings are at fault
                self._has_failed = True
                self._stopping.set()
                return
            if time.monotonic() - began > _LASTING:
                pause = _PAUSES[0]
            log.warning("worker ended and is started anew", worker=worker.number, code=code)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, _PAUSES[1])

    async def _live(self, worker: _Worker, counters: str) -> int:
        """Start a worker, listen to it until it ends, and return its exit code."""
        ours, theirs = socket.socketpair()
        with theirs:
            worker.process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "dovetail.serving.workers.child", str(theirs.fileno()),
                stdin=asyncio.subprocess.PIPE, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        reader, worker.writer = await asyncio.open_unix_connection(sock=ours)
        stdin = worker.process.stdin
        assert stdin is not None
        stdin.write(msgspec.json.encode(self._job(worker.number, counters)))
        stdin.close()
        if self._stopping.is_set():
            worker.process.terminate()
        try:
            async for line in reader:
                self._hear(worker, from_worker.decode(line))
        except ConnectionError:
            pass
        finally:
            worker.writer.close()
            worker.writer = None
            self._forget(worker)
        return await worker.process.wait()

    def _hear(self, worker: _Worker, message: FromWorker) -> None:
        match message:
            case Built():
                worker.is_built.set()
            case Joined():
                worker.answers.set()
                if self._are_ready:
                    worker.tell(Ready())
            case Loaded():
                worker.has_loaded = True
                if not self._are_ready and all(one.has_loaded for one in self._workers):
                    self._are_ready = True
                    for one in self._workers:
                        one.tell(Ready())
            case Changed(id=identity):
                self._pass_on(worker, identity)
            case Followed(id=identity, problem=problem):
                change = self._changes.get(identity)
                if change is not None:
                    change.problems += [problem] if problem else []
                    self._held(identity, change, worker)

    def _pass_on(self, origin: _Worker, identity: int) -> None:
        others = {w for w in self._workers if w is not origin and w.writer is not None}
        own = next(self._ids)
        change = self._changes[own] = _Change(origin, identity, others)
        for other in others:
            other.tell(Refresh(own))
        self._held(own, change, None)

    def _held(self, own: int, change: _Change, by: _Worker | None) -> None:
        if by is not None:
            change.missing.discard(by)
        if not change.missing:
            del self._changes[own]
            if change.id:
                change.origin.tell(Held(change.id, "; ".join(change.problems)))

    def _forget(self, worker: _Worker) -> None:
        """Wait no longer for a worker that died: its next life reads the store anyway."""
        for own, change in list(self._changes.items()):
            if worker in change.missing:
                self._held(own, change, worker)

    async def _end(self, lives: list[asyncio.Task[None]]) -> None:
        """Have every worker finish what runs; end those that do not."""
        for worker in self._workers:
            self._signal(worker, signal.SIGTERM)
        _, late = await asyncio.wait(lives, timeout=self._grace + _LAST_GRACE)
        for worker in self._workers if late else ():
            log.warning("worker did not end and is killed", worker=worker.number)
            self._signal(worker, signal.SIGKILL)
        await asyncio.gather(*lives)

    def _signal(self, worker: _Worker, number: signal.Signals) -> None:
        process = worker.process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(number)
