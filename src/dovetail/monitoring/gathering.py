"""Many small calls, one transaction: what arrives while the disk is busy is stored together.

A logger sends an event a call, and hundreds of calls wait at the same time. Each is read on the
event loop and waits for the next group; a group becomes durable as one, then all are answered.
What the store refuses of a group is tried call by call, so that one caller cannot spoil the
events of another.
"""

import asyncio
from dataclasses import dataclass

from dovetail.base.clock import Clock, now_ms
from dovetail.base.errors import UnavailableError
from dovetail.monitoring.intake import Item
from dovetail.monitoring.store import Store, Stored

__all__ = ["Gathering"]

_MOST_CALLS = 20_000
_GROUP_ITEMS = 2000


@dataclass
class _Call:
    items: list[Item]
    done: "asyncio.Future[Stored]"


class Gathering:
    """Calls of one event loop.

    Args:
        store: where events are kept.
        clock: when they arrived.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._waiting: list[_Call] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, items: list[Item]) -> "asyncio.Future[Stored]":
        """Store the events of a call; the future tells when they are durable.

        Raises:
            UnavailableError: too many calls wait already.
        """
        if len(self._waiting) >= _MOST_CALLS:
            raise UnavailableError(
                "too many calls wait to be stored", fix="send again later, many events in a call"
            )
        loop = asyncio.get_running_loop()
        call = _Call(items, loop.create_future())
        self._waiting.append(call)
        if self._task is None:
            self._task = loop.create_task(self._run())
        return call.done

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._store_group(self._take())
        finally:
            self._task = None

    def _take(self) -> list[_Call]:
        size = calls = 0
        for call in self._waiting:
            calls, size = calls + 1, size + len(call.items)
            if size >= _GROUP_ITEMS:
                break
        group, self._waiting = self._waiting[:calls], self._waiting[calls:]
        return group

    async def _store_group(self, group: list[_Call]) -> None:
        now = now_ms(self._clock)
        items = [item for call in group for item in call.items]
        try:
            fresh = await self._store.database.write_soon(self._store.adding(items, now))
        except Exception as error:
            if len(group) == 1:
                _refuse(group[0], error)
                return
            for call in group:
                await self._store_group([call])
            return
        for call in group:
            accepted = 0
            for item in call.items:
                if item.key in fresh:
                    fresh.discard(item.key)  # the first that brought it counts
                    accepted += 1
            if not call.done.done():
                call.done.set_result(Stored(accepted, len(call.items) - accepted))


def _refuse(call: _Call, error: Exception) -> None:
    if not call.done.done():
        call.done.set_exception(error)
