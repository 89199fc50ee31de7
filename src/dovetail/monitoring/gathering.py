"""Many small calls, one transaction: what arrives while the disk is busy is stored together.

A logger sends an event a call, and hundreds of calls wait at the same time. Each is read on the
event loop and waits for the next group; a group becomes durable as one, then all are answered.
What the store refuses of a group is tried call by call, so that one caller cannot spoil the
events of another.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import UnavailableError
from dovetail.base.promise import Promise
from dovetail.monitoring import metrics
from dovetail.monitoring.intake import Item
from dovetail.monitoring.store import Store, Stored

__all__ = ["Gathering"]

T = TypeVar("T")
_MOST_CALLS = 20_000
_GROUP_ITEMS = 2000
_SLOW_SECONDS = 0.001
"""A group that took longer than this to become durable was worth waiting for."""
_SHARE = 0.25
"""Of the time that the last group took, after which the next waits no longer for company."""


class _Call(Generic[T]):
    __slots__ = ("done", "ignored", "items")

    def __init__(self, items: list[Item], ignored: int, done: Promise[T]) -> None:
        self.items, self.ignored, self.done = items, ignored, done


@dataclass(frozen=True, slots=True)
class _Last:
    """The group before: its calls, how long it took to become durable, and when it was."""

    calls: int = 0
    seconds: float = 0.0
    at: float = 0.0


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
        self._last = _Last()
        self._enough, self._company = 0, asyncio.Event()

    def add(self, items: list[Item], ignored: int = 0) -> Promise[T]:
        """Store the events of a call; the promise tells when they are durable.

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
        done: Promise[T] = Promise()
        self._waiting.append(_Call(items, ignored, done))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        elif len(self._waiting) == self._enough:
            self._company.set()
        return done

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await self._meet(loop)
                group, begun = self._take(), loop.time()
                await self._store_group(group)
                self._last = _Last(len(group), loop.time() - begun, loop.time())
        finally:
            self._task = None

    async def _meet(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait a little until as many calls are here as have just been answered.

        Their senders send again at once. Without this the first of them would make a group of a
        few, and all others would wait for its sync: two syncs in place of one.
        """
        last = self._last
        if len(self._waiting) >= last.calls or last.seconds < _SLOW_SECONDS:
            return
        left = last.at + last.seconds * _SHARE - loop.time()
        if left <= 0:
            return
        self._enough = last.calls
        self._company.clear()
        timer = loop.call_later(left, self._company.set)
        try:
            await self._company.wait()
        finally:
            timer.cancel()
            self._enough = 0

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
            stored = Stored(accepted, len(call.items) - accepted)
            call.done.set_result(self._tell(stored, call.ignored))
