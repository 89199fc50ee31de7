"""Many small calls, one transaction: what arrives while the disk is busy is stored together.

A logger sends an event a call, and hundreds of calls wait at the same time. Each is read on the
event loop and waits for the next group; a group becomes durable as one, then all are answered.
What the store refuses of a group is tried call by call, so that one caller cannot spoil the
events of another.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import UnavailableError
from dovetail.monitoring import metrics
from dovetail.monitoring.intake import Item
from dovetail.monitoring.store import Store, Stored

__all__ = ["Gathering"]

T = TypeVar("T")
_MOST_CALLS = 20_000
_GROUP_ITEMS = 2000


class _Call(Generic[T]):
    __slots__ = ("done", "ignored", "items")

    def __init__(self, items: list[Item], ignored: int, done: "asyncio.Future[T]") -> None:
        self.items, self.ignored, self.done = items, ignored, done


class Gathering(Generic[T]):
    """Calls of one event loop.

    Args:
        store: Where events are kept.
        clock: When they arrived.
        tell: Makes the answer of a call from what was stored and how many events were ignored.
    """

    def __init__(self, store: Store, clock: Clock, tell: Callable[[Stored, int], T]) -> None:
        self._store, self._clock, self._tell = store, clock, tell
        self._waiting: list[_Call[T]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, items: list[Item], ignored: int = 0) -> "asyncio.Future[T]":
        """Store the events of a call; the future tells when they are durable.

        Args:
            items: The events.
            ignored: How many further events the call had, of types that are not kept.

        Raises:
            UnavailableError: Too many calls wait already.
        """
        if len(self._waiting) >= _MOST_CALLS:
            raise UnavailableError(
                "too many calls wait to be stored", fix="send again later, many events in a call"
            )
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Call(items, ignored, done))
        if self._task is None:
            self._task = loop.create_task(self._run())
        return done

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._store_group(self._take())
        finally:
            self._task = None

    def _take(self) -> list[_Call[T]]:
        size = calls = 0
        for call in self._waiting:
            calls, size = calls + 1, size + len(call.items)
            if size >= _GROUP_ITEMS:
                break
        group, self._waiting = self._waiting[:calls], self._waiting[calls:]
        return group

    async def _store_group(self, group: list[_Call[T]]) -> None:
        items = [item for call in group for item in call.items]
        work = self._store.adding(items, now_ms(self._clock))
        try:
            fresh = await self._store.database.write_quick(work)
        except Exception as error:
            if len(group) == 1:
                if not group[0].done.done():
                    group[0].done.set_exception(error)
                return
            for call in group:
                await self._store_group([call])
            return
        metrics.count_events(len(fresh), len(items) - len(fresh), sum(c.ignored for c in group))
        for call in group:
            accepted = 0
            for item in call.items:
                if item.key in fresh:
                    fresh.discard(item.key)  # the first that brought it counts
                    accepted += 1
            if not call.done.done():
                stored = Stored(accepted, len(call.items) - accepted)
                call.done.set_result(self._tell(stored, call.ignored))
