"""Group commit: one writer of a SQLite file, whose waiting jobs share a transaction.

A thread owns the file's only writing connection. A job that comes from an event loop and is small
may do without the thread: waking it and being woken by it costs more than the job. Such jobs are
gathered for one turn of the loop and committed at its end, on the loop. Requests that arrive
meanwhile wait in their sockets and make the next group, so that commits are shared as they are in
the thread. Where syncing to the disk takes long, only the sync is left to another thread: the
statements stay on the loop, where they do not contend for the interpreter's lock with whatever the
loop reads meanwhile. Where the thread is at work, or another process writes, jobs go to the thread.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from dovetail.base.errors import UnavailableError
from dovetail.base.promise import Promise

__all__ = ["PATIENCE_MS", "Bare", "GroupCommit"]

T = TypeVar("T")
GROUP = 256
PATIENCE_MS = 30_000
"""How long a transaction waits for one of another process before it gives up."""
SLOW_SECONDS = 0.006
"""A commit that takes longer than this on average does not belong on a loop."""
_OUTLIER = 2 * SLOW_SECONDS
"""One that takes longer still counts for no more: now and then the log is copied into the file."""
_WEIGHT = 1 / 16
"""Of the newest commit in the average."""
REST = 256
"""Jobs that another thread syncs before the loop tries again whether the disk has become quick;
turns that go to the thread before the loop tries again whether another process still writes."""


class _Outcome(Protocol):
    """Who is told what became of a job."""

    def set_result(self, value: Any, /) -> None: ...

    def set_exception(self, error: BaseException, /) -> None: ...


Job = tuple[Callable[[Connection], Any], _Outcome]
Done = tuple[_Outcome, Any, BaseException | None]
"""Whom to tell, and the value or the error."""
_BEGIN = "BEGIN IMMEDIATE"


@dataclass(frozen=True, slots=True)
class _Sync:
    """Jobs of a loop that have run, and what will have become of them once they are durable."""

    jobs: list[Job]
    done: Sequence[Done]
    loop: asyncio.AbstractEventLoop


class GroupCommit:
    """The one writer of a SQLite file.

    Args:
        engine: makes the writing connection.
        name: of the thread.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._connection = engine.connect()
        # Transactions are begun and ended past SQLAlchemy, which takes longer for it than SQLite.
        self._driver: Any = self._connection.connection.driver_connection
        self._own = threading.Lock()  # whoever uses the connection
        self._at_work = False  # the thread has a job, though it may still wait for its turn
        self._turn: list[Job] = []
        self._called = False  # the turn will be ended
        self._syncs: queue.SimpleQueue[_Sync | None] = queue.SimpleQueue()
        self._syncer: threading.Thread | None = None
        self._mean_seconds, self._patience_ms = 0.0, PATIENCE_MS
        self._slow = self._away = 0  # for how many jobs the disk is slow, and turns another writes
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

    def offer(self, fn: Callable[[Connection], Any], done: Promise[Any]) -> None:
        """Take a small job from the one loop that may call; it is done here or by the thread."""
        if self._closed:
            raise UnavailableError("the store is closed", why="the server is stopping")
        self._turn.append((fn, done))
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        jobs, self._turn, self._called = self._turn, [], False
        free = not (self._closed or self._at_work) and self._own.acquire(blocking=False)
        if not free or not self._begin_here():
            self._pass_on(jobs)
        elif self._slow:
            self._slow = max(0, self._slow - len(jobs))
            self._sync_elsewhere(jobs)
        else:
            try:
                done = self._commit_here(jobs)
            finally:
                self._own.release()
            _tell(done)

    def _begin_here(self) -> bool:
        """Begin a transaction on the loop; where another process writes, leave it."""
        if self._away:
            self._away -= 1
        else:
            self._wait_at_most(0)  # a loop must not wait for another process
            try:
                self._driver.execute(_BEGIN)
            except sqlite3.OperationalError:
                self._away = REST
            else:
                return True
        self._own.release()
        return False

    def _commit_here(self, jobs: list[Job]) -> Sequence[Done]:
        start = time.perf_counter()
        done = self._commit(jobs)
        took = min(time.perf_counter() - start, _OUTLIER)
        self._mean_seconds += (took - self._mean_seconds) * _WEIGHT
        if self._mean_seconds > SLOW_SECONDS:
            self._mean_seconds, self._slow = 0.0, REST
        return done

    def _sync_elsewhere(self, jobs: list[Job]) -> None:
        """Run jobs on the loop, and have another thread commit; jobs that come meanwhile wait."""
        try:
            done = self._run_group(jobs)
        except BaseException as error:
            self._own.release()
            if not isinstance(error, Exception):
                raise
            _tell(_failed(jobs, error))
            return
        self._called = True
        if self._syncer is None:
            name = f"{self._thread.name}-sync"
            self._syncer = threading.Thread(target=self._sync, name=name, daemon=True)
            self._syncer.start()
        self._syncs.put(_Sync(jobs, done, asyncio.get_running_loop()))

    def _sync(self) -> None:
        while (one := self._syncs.get()) is not None:
            done = one.done
            try:
                done = self._close_group(one.jobs, one.done)
            finally:
                self._own.release()
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                one.loop.call_soon_threadsafe(self._synced, done)

    def _synced(self, done: Sequence[Done]) -> None:
        try:
            _tell(done)
        finally:
            self._called = False
            if self._turn:
                self._end_turn()

    def _wait_at_most(self, ms: int) -> None:
        """Set how long a transaction may wait for one of another process."""
        if self._patience_ms != ms:
            self._driver.execute(f"PRAGMA busy_timeout = {ms}")
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
            self._syncs.put(None)
            if self._syncer is not None:
                self._syncer.join()
            with self._own:
                self._connection.close()

    def _run(self) -> None:
        job = self._jobs.get()
        while job is not None:
            if isinstance(job[0], Bare):
                with self._owning():
                    job[0].run(self._connection, job[1])
                job = self._jobs.get()
                continue
            group, job = self._gather(job)
            with self._owning():
                done = self._begin_and_commit(group)
            _tell(done)
            if job is _NOTHING:
                job = self._jobs.get()

    @contextlib.contextmanager
    def _owning(self) -> Iterator[None]:
        """Own the connection; from now on the loop begins nothing before the thread is done."""
        self._at_work = True
        with self._own:
            try:
                self._wait_at_most(PATIENCE_MS)
                yield
            finally:
                self._at_work = False

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

    def _begin_and_commit(self, group: list[Job]) -> Sequence[Done]:
        try:
            self._driver.execute(_BEGIN)
        except sqlite3.Error as error:
            return _failed(group, _wrapped(_BEGIN, error))
        return self._commit(group)

    def _commit(self, group: list[Job]) -> Sequence[Done]:
        """Run jobs in the transaction that has begun, and end it; nobody is told before."""
        try:
            done = self._run_group(group)
        except Exception as error:
            return _failed(group, error)
        return self._close_group(group, done)

    def _run_group(self, group: list[Job]) -> Sequence[Done]:
        """Run jobs in the transaction that has begun; if that fails as a whole, undo it."""
        try:
            return self._run_alone(*group[0]) if len(group) == 1 else self._run_each(group)
        except BaseException:
            self._undo()
            raise

    def _close_group(self, group: list[Job], done: Sequence[Done]) -> Sequence[Done]:
        """End the transaction; returns what became of its jobs."""
        try:
            self._end("COMMIT")
        except BaseException as error:
            self._undo()
            if not isinstance(error, Exception):
                raise
            return _failed(group, error)
        return done

    def _run_alone(self, fn: Callable[[Connection], Any], outcome: _Outcome) -> Sequence[Done]:
        """Run one job, which needs no savepoint to be undone."""
        return ((outcome, fn(self._connection), None),)

    def _run_each(self, group: list[Job]) -> Sequence[Done]:
        """Run every job in a savepoint, so that one that fails undoes its own work only."""
        done: list[Done] = []
        for fn, outcome in group:
            self._driver.execute("SAVEPOINT job")
            try:
                done.append((outcome, fn(self._connection), None))
            except Exception as error:
                done.append((outcome, None, error))
                self._driver.execute("ROLLBACK TO job")
            self._driver.execute("RELEASE job")
        return done

    def _end(self, how: str) -> None:
        """End the transaction, for SQLite and for SQLAlchemy if a job made it begin one."""
        try:
            self._driver.execute(how)
        except sqlite3.Error as error:
            raise _wrapped(how, error) from error
        if self._connection.in_transaction():
            self._connection.commit()

    def _undo(self) -> None:
        if self._driver.in_transaction:  # SQLite itself undoes it where the disk is full
            self._driver.rollback()
        if self._connection.in_transaction():
            self._connection.rollback()


def _failed(group: list[Job], error: Exception) -> Sequence[Done]:
    return [(outcome, None, error) for _, outcome in group]


def _tell(done: Sequence[Done]) -> None:
    for outcome, value, error in done:
        if error is None:
            outcome.set_result(value)
        else:
            outcome.set_exception(error)


def _wrapped(statement: str, error: sqlite3.Error) -> sa.exc.DBAPIError:
    """Return an error of the driver as SQLAlchemy would raise it."""
    return sa.exc.DBAPIError.instance(statement, None, error, sqlite3.Error)  # type: ignore[return-value]


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
