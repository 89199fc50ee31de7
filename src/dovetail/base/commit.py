"""Group commit: one writer of a SQLite file, whose waiting jobs share a transaction.

A thread owns the file's only writing connection. A job that comes from an event loop and is small
may do without the thread: waking it and being woken by it costs more than the job. Such jobs are
gathered for one turn of the loop and committed at its end, on the loop. Requests that arrive
meanwhile wait in their sockets and make the next group, so that commits are shared as they are in
the thread. Where syncing to the disk takes long, or the thread is at work, they go to the thread.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RootTransaction

from dovetail.base.errors import UnavailableError

__all__ = ["PATIENCE_MS", "Awaited", "Bare", "GroupCommit"]

T = TypeVar("T")
GROUP = 256
PATIENCE_MS = 30_000
"""How long a transaction waits for one of another process before it gives up."""
SLOW_SECONDS = 0.004
"""A commit that takes longer than this on average does not belong on a loop."""
REST = 256
"""Jobs that go to the thread before the loop tries again whether the disk has become quick."""


class _Outcome(Protocol):
    """Who is told what became of a job."""

    def set_result(self, value: Any, /) -> None: ...

    def set_exception(self, error: BaseException, /) -> None: ...


Job = tuple[Callable[[Connection], Any], _Outcome]


class Awaited:
    """An outcome that wakes a coroutine; a third of the cost of wrapping a thread's future.

    Args:
        loop: where it waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self.future = loop, loop.create_future()
        self._thread = threading.get_ident()

    def set_result(self, value: Any, /) -> None:
        """Tell of success, from any thread."""
        self._tell(value, None)

    def set_exception(self, error: BaseException, /) -> None:
        """Tell of failure, from any thread."""
        self._tell(None, error)

    def _tell(self, value: Any, error: BaseException | None) -> None:
        if self._thread == threading.get_ident():
            self._settle(value, error)
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._settle, value, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.future.done():  # cancelled
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)


class GroupCommit:
    """The one writer of a SQLite file.

    Args:
        engine: makes the writing connection.
        name: of the thread.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._connection = engine.connect()
        self._own = threading.Lock()  # whoever uses the connection
        self._turn: list[Job] = []
        self._mean_seconds, self._rest, self._patience_ms = 0.0, 0, PATIENCE_MS
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[[Connection], T]) -> "Future[T]":
        """Give the thread a job; the future tells when it is durable."""
        done: Future[T] = Future()
        self.enqueue(fn, done)
        return done

    def enqueue(self, fn: Callable[[Connection], Any], done: _Outcome) -> None:
        """Give the thread a job."""
        if self._closed:
            raise UnavailableError("the store is closed", why="the server is stopping")
        self._jobs.put((fn, done))

    def offer(self, fn: Callable[[Connection], Any], done: Awaited) -> None:
        """Take a small job from the one loop that may call; it is done here or by the thread."""
        if self._closed:
            raise UnavailableError("the store is closed", why="the server is stopping")
        self._turn.append((fn, done))
        if len(self._turn) == 1:
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        jobs, self._turn = self._turn, []
        if self._rest or self._closed or not self._own.acquire(blocking=False):
            self._rest = max(0, self._rest - len(jobs))
            self._pass_on(jobs)
            return
        try:
            self._commit_here(jobs)
        finally:
            self._own.release()

    def _commit_here(self, jobs: list[Job]) -> None:
        start = time.perf_counter()
        self._wait_at_most(0)  # another process may be writing, and a loop must not wait for it
        try:
            transaction = self._connection.begin()
        except sa.exc.OperationalError:
            self._rest = REST
            self._pass_on(jobs)
            return
        _commit(self._connection, jobs, transaction)
        self._mean_seconds += (time.perf_counter() - start - self._mean_seconds) / 8
        if self._mean_seconds > SLOW_SECONDS:
            self._mean_seconds, self._rest = 0.0, REST

    def _wait_at_most(self, ms: int) -> None:
        """Set how long a transaction may wait for one of another process."""
        if self._patience_ms != ms:
            driver: Any = self._connection.connection.driver_connection
            driver.execute(f"PRAGMA busy_timeout = {ms}")
            self._patience_ms = ms

    def _pass_on(self, jobs: list[Job]) -> None:
        for fn, done in jobs:
            try:
                self.enqueue(fn, done)
            except UnavailableError as error:
                done.set_exception(error)

    def close(self) -> None:
        """Finish what waits, and close the connection."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()
            with self._own:
                self._connection.close()

    def _run(self) -> None:
        job = self._jobs.get()
        while job is not None:
            if isinstance(job[0], Bare):
                with self._own:
                    self._wait_at_most(PATIENCE_MS)
                    job[0].run(self._connection, job[1])
                job = self._jobs.get()
                continue
            group, job = self._gather(job)
            with self._own:
                self._wait_at_most(PATIENCE_MS)
                _commit(self._connection, group)
            if job is _NOTHING:
                job = self._jobs.get()

    def _gather(self, first: Job) -> tuple[list[Job], Any]:
        """Return jobs that wait and fit into one transaction, and what was taken after them."""
        group = [first]
        while len(group) < GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None or isinstance(job[0], Bare):
                return group, job
            group.append(job)
        return group, _NOTHING


_NOTHING = object()


class Bare:
    """A job that no transaction may hold.

    Args:
        fn: takes the driver's connection.
    """

    def __init__(self, fn: Callable[[Any], Any]) -> None:
        self._fn = fn

    def __call__(self, connection: Connection) -> Any:
        """Do it with the driver's connection."""
        return self._fn(connection.connection.driver_connection)

    def run(self, connection: Connection, done: _Outcome) -> None:
        """Do it, and tell what became of it."""
        try:
            value = self(connection)
        except Exception as error:
            done.set_exception(error)
        else:
            done.set_result(value)


def _commit(
    connection: Connection, group: list[Job], transaction: RootTransaction | None = None
) -> None:
    """Run a group of jobs in one transaction, each in a savepoint, and answer all after it."""
    if len(group) == 1:
        _commit_alone(connection, *group[0], transaction)
        return
    outcomes: list[tuple[_Outcome, Any, BaseException | None]] = []
    try:
        with transaction or connection.begin():
            for fn, done in group:
                try:
                    with connection.begin_nested():
                        outcomes.append((done, fn(connection), None))
                except Exception as error:
                    outcomes.append((done, None, error))
    except Exception as error:
        for _, done in group:
            done.set_exception(error)
        return
    for done, value, failure in outcomes:
        if failure is None:
            done.set_result(value)
        else:
            done.set_exception(failure)


def _commit_alone(
    connection: Connection,
    fn: Callable[[Connection], Any],
    done: _Outcome,
    transaction: RootTransaction | None,
) -> None:
    """Run one job in a transaction of its own, which needs no savepoint to be undone."""
    try:
        with transaction or connection.begin():
            value = fn(connection)
    except Exception as error:
        done.set_exception(error)
    else:
        done.set_result(value)
