"""Sending what is due, in the background.

One thread with an event loop of its own, so that a slow receiver costs neither a thread nor a
request. It sleeps until a change wakes it or a delivery is due, and looks now and then by itself,
because another server on the same database may have died with a delivery in its hands.
"""

import asyncio
import random
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import prometheus_client
from sqlalchemy.engine import Connection, Row

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.base.sql import Database
from dovetail.base.vault import Vault
from dovetail.tracking.store import deliveries
from dovetail.tracking.webhooks.sender import Outcome, Sender

__all__ = ["Courier"]

log = telemetry.logger("tracking")
AT_ONCE, OF_ONE = 16, 2
IDLE, GRACE = 15.0, 15.0
SLOWEST = 60.0
T = TypeVar("T")
ATTEMPTS = prometheus_client.Counter(
    "dovetail_tracking_webhook_attempts",
    "Attempts to deliver an event to a webhook, by what came of them.",
    ["result"],
)


class Courier:
    """Delivers.

    Args:
        database: where the queue is.
        sender: makes the attempts.
        vault: opens the secrets.
        retries: how often an attempt that failed in passing is repeated.
        timeout: seconds that the sender takes at most.
    """

    def __init__(
        self, database: Database, sender: Sender, vault: Vault, *, retries: int, timeout: float
    ) -> None:
        self._database, self._sender, self._vault = database, sender, vault
        self._retries, self._lease = retries, timeout + GRACE
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake: asyncio.Event | None = None
        self._under_way: dict[asyncio.Task[None], Row[Any]] = {}
        # threads of its own, because a name server that hangs takes those of the loop
        self._threads = ThreadPoolExecutor(2, "webhooks-database")
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin; what a process that died was sending is due at once."""
        with self._lock:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End; an attempt under way is dropped and made again at the next start."""
        with self._lock:
            self._stopping = True
        self.wake()
        if self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Look for due deliveries now. Any thread may call."""
        loop, awake = self._loop, self._awake
        if loop is not None and awake is not None:
            try:
                loop.call_soon_threadsafe(awake.set)
            except RuntimeError:
                return  # the loop has ended

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._serve())
        except Exception as error:
            log.error("webhooks are no longer delivered", error=str(error), exc_info=error)
        finally:
            self._awake = None
            loop.close()
            self._threads.shutdown()

    async def _serve(self) -> None:
        self._loop, awake = asyncio.get_running_loop(), asyncio.Event()
        self._awake = awake
        if self._database.dialect == "sqlite":
            await self._write(lambda c: deliveries.reclaim(c, _now()))
        while not self._stopping:
            awake.clear()
            wait = IDLE
            try:
                wait = await self._dispatch()
            except Exception as error:
                log.warning("the queue of webhooks cannot be read", error=str(error))
            if not self._stopping:
                await _wait(awake, wait)
        under_way = dict(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        held = [row.id for row in under_way.values()]
        await self._write(lambda c: deliveries.reclaim(c, _now(), held))

    async def _dispatch(self) -> float:
        """Send what is due and return for how many seconds nothing will be."""
        tally = Tally(row.webhook_id for row in self._under_way.values())
        busy = [webhook for webhook, count in tally.items() if count >= OF_ONE]
        free = AT_ONCE - len(self._under_way)
        due = await self._read(lambda c: deliveries.next_due(c, busy)) if free else None
        if due is None:
            return IDLE
        now = _now()
        if due > now:
            return min(IDLE, (due - now) / 1000)
        until = now + int(self._lease * 1000)
        rows = await self._write(lambda c: deliveries.claim(c, now, until, 1, busy))
        for row in rows:
            task = asyncio.ensure_future(self._deliver(row))
            self._under_way[task] = row
            task.add_done_callback(self._done)
        return 0.0 if rows else 1.0

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._under_way.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            log.warning("an attempt was not recorded", error=str(task.exception()))
        if self._awake is not None:
            self._awake.set()

    async def _deliver(self, row: Row[Any]) -> None:
        try:
            secret = self._vault.open(row.webhook_id, row.secret) if row.secret else None
        except DovetailError as error:
            outcome = Outcome(error=str(error))
        else:
            outcome = await self._sender.send(row.url, secret, row.delivery_id, row.body.encode())
        await self._write(lambda c: self._settle(c, row, outcome))

    def _settle(self, c: Connection, row: Row[Any], outcome: Outcome) -> None:
        tried, now = row.attempts + 1, _now()
        facts = {
            "status": outcome.status,
            "error": outcome.error,
            "took": int(outcome.seconds * 1000),
        }
        who = {"webhook": row.name, "about": row.event, "delivery": row.delivery_id}
        if outcome.is_delivered:
            ATTEMPTS.labels("delivered").inc()
            deliveries.settle(c, row.id, state=deliveries.DELIVERED, finished=now, **facts)
        elif outcome.may_retry and tried <= self._retries:
            ATTEMPTS.labels("retried").inc()
            pause = max(outcome.retry_after, min(2.0 ** (tried - 1), SLOWEST) + random.random())
            deliveries.retry(c, row.id, now + int(pause * 1000), **facts)
            return
        else:
            ATTEMPTS.labels("failed").inc()
            log.warning("a webhook was not delivered", error=outcome.error, tried=tried, **who)
            deliveries.settle(c, row.id, state=deliveries.FAILED, finished=now, **facts)
        deliveries.prune(c, row.webhook_id)

    async def _read(self, fn: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._database.read, fn)

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._database.write, fn)


async def _wait(awake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await awake.wait()
    except TimeoutError:
        return


def _now() -> int:
    return time.time_ns() // 1_000_000
