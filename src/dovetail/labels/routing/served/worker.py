"""The thread that has machines asked, learns sources anew, and writes down how tasks stand.

It alone plans and writes; the calls themselves are in `flight.py`, many at the same time.
"""

import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.labels.backend import Backend
from dovetail.labels.handlers.predictions import Predictions
from dovetail.labels.routing.served.flight import Batch, Flight
from dovetail.labels.routing.served.records import Told
from dovetail.labels.routing.served.room import Asking, Room
from dovetail.labels.routing.served.rooms import Rooms
from dovetail.labels.sources.seam import Said, Task
from dovetail.labels.store.tables import tasks

__all__ = ["Worker"]

log = telemetry.logger("labels")
_BATCHES = {"function": 512, "open_inference": 128, "ml_backend": 32}
_ROUND = 1024
_PAUSE_S = 1.0
_SOMETIMES_S = 5.0
_LAST_S = 40.0
_WRITTEN = 2000


@dataclass
class _Plan:
    """Who is asked what next in a project.

    Attributes:
        room: For which it was made.
        queues: Tasks by source, what is worth most first.
        named: The sources that had a part when it was made.
        at: When that was, by the monotonic clock.
        turns: When each source was asked last, counted: who waited longest goes first.
    """

    room: Room | None = None
    queues: dict[str, deque[int]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    at: float = float("-inf")
    turns: dict[str, int] = field(default_factory=dict)


class Worker:
    """Works in the background.

    Args:
        backend: The server's surroundings.
        rooms: The projects.
        predictions: Where answers of machines are stored.
    """

    def __init__(self, backend: Backend, rooms: Rooms, predictions: Predictions) -> None:
        self._backend, self._rooms, self._predictions = backend, rooms, predictions
        self._ended = threading.Event()
        self._flight = Flight(rooms.wake)
        self._plans: dict[int, _Plan] = {}
        self._thread = threading.Thread(target=self._run, name="labels-routing", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; calls that are under way are waited for."""
        self._ended.set()
        self._rooms.wake.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_S)
        self._rooms.close_retired(self._flight.sources(), all_=True)

    def _run(self) -> None:
        first = 0  # the projects take turns in being the first
        while not self._ended.is_set():
            self._rooms.wake.clear()
            self._rooms.close_retired(self._flight.sources())
            is_busy, routed = False, self._rooms.routed
            first = (first + 1) % max(len(routed), 1)
            for project in (*routed[first:], *routed[:first]):
                if self._ended.is_set():
                    break
                try:
                    room = self._rooms.get(project)
                    is_busy |= room is not None and self._work(room)
                except DovetailError as error:
                    log.warning("a project cannot be routed", project=project, exc_info=error)
                except Exception as error:  # one project does not keep the others
                    log.error("routing failed", project=project, exc_info=error)
            self._drop(self._flight.projects.difference(routed))
            if not is_busy:
                self._rooms.wake.wait(_PAUSE_S if self._rooms.routed else None)
        self._land()

    def _land(self) -> None:
        """Wait for what is under way, since it is paid for, and keep it."""
        until = time.monotonic() + _LAST_S
        while len(self._flight) and time.monotonic() < until:
            self._rooms.wake.clear()
            for project in self._flight.projects:
                try:
                    self._taken(project)
                except Exception as error:
                    log.error("an answer was lost", project=project, exc_info=error)
                    self._drop({project})
            self._drop(self._flight.projects.difference(self._rooms.routed))
            if len(self._flight):
                self._rooms.wake.wait(_PAUSE_S)

    def _drop(self, projects: Collection[int]) -> None:
        """Let go of what came for projects that are no longer routed."""
        for project in projects:
            for batch in self._flight.done(project):
                log.info("an answer came too late", source=batch.one.spec.name)

    def _work(self, room: Room) -> bool:
        """Take what was answered, ask for more, and say whether there is more to do at once."""
        # A room that was made anew meanwhile may have read what was told since, or not: it is made
        # anew once more, from all that was told.
        is_old = [batch.room is not room for batch in self._taken(room.project)]
        if any(is_old):
            self._rooms.forget(room.project)
            return True
        plan = self._plans.setdefault(room.project, _Plan())
        if plan.room is not room:
            plan = self._plans[room.project] = _Plan(room)
        if not room.policy.enabled:
            plan.queues.clear()
        elif self._is_due(room, plan):
            self._plan(room, plan)
        has_asked = self._send(room, plan)
        if room.router.stale:
            room.router.refit()
            room.changed.update(room.router.items())
        self._write(room)
        return has_asked

    def _is_due(self, room: Room, plan: "_Plan") -> bool:
        """Whether it is time to choose anew who is asked what.

        A source without work is a reason: at once where it worked off its part or nobody is at
        work, and now and then where it had no part while others are at work.
        """
        now = time.monotonic()
        idle = [
            one.spec.name
            for one in room.machines
            if not one.is_paused and one.until <= now and not plan.queues.get(one.spec.name)
            if self._flight.has_room(room, one)
        ]  # fmt: skip
        if not idle:
            return False
        rests = not any(plan.queues.values()) and not self._flight.tasks(room.project)
        return rests or not plan.named.isdisjoint(idle) or now - plan.at >= _SOMETIMES_S

    def _plan(self, room: Room, plan: "_Plan") -> None:
        now = self._backend.clock.now().timestamp()
        asked = self._flight.tasks(room.project)
        found = room.for_machines(_ROUND, now, asked, self._flight.cost(room.project))
        plan.queues = {name: deque(numbers) for name, numbers in found.items()}
        plan.named, plan.at = set(found), time.monotonic()

    def _send(self, room: Room, plan: "_Plan") -> bool:
        """Get as much under way as may be, and say whether anything was."""
        has_asked = False
        for name in sorted(plan.queues, key=lambda name: plan.turns.get(name, 0)):
            one, queue = room.asked[name], plan.queues[name]
            while queue and self._flight.has_room(room, one) and not self._ended.is_set():
                size = min(_BATCHES.get(one.spec.kind_of, 8), -(-len(queue) // one.concurrency))
                data = self._data([queue.popleft() for _ in range(size)])
                if data:
                    self._flight.ask(room, one, data)
                    has_asked = True
                    plan.turns[name] = max(plan.turns.values(), default=0) + 1
        return has_asked

    def _taken(self, project: int) -> list[Batch]:
        """Keep what batches brought, and return them."""
        found = []
        for batch in self._flight.done(project):
            found.append(batch)
            one = batch.one
            if batch.problem is None:
                one.problem, one.failures = "", 0
                seconds = batch.seconds / len(batch.asked)
                self._store(batch.room, one, batch.asked, batch.said, seconds)
            else:
                one.fail(str(batch.problem), time.monotonic())
                self._plans.get(project, _Plan()).queues.pop(one.spec.name, None)
                log.warning("a source failed", source=one.spec.name, problem=str(batch.problem))
        return found

    def _store(
        self, room: Room, one: Asking, asked: list[Task], said: list[Said | None], seconds: float
    ) -> None:
        now, name, cost = self._backend.now(), one.spec.name, one.spec.cost
        told = [
            Told(task.id, name, answer.label if answer else None, cost, seconds, False, now)
            for task, answer in zip(asked, said, strict=True)
        ]
        rows = [
            {
                "task_id": task.id,
                "model_version": name,
                "score": answer.score,
                "created_at": now,
                "updated_at": now,
                "result": msgspec.json.encode(answer.result).decode(),
            }
            for task, answer in zip(asked, said, strict=True)
            if answer is not None
        ]
        self._rooms.records.tell(
            room.project, told
        )  # first: what was paid for is never asked twice
        self._predictions.add(rows, room.project)
        for answer in told:
            room.take(answer)

    def _data(self, numbers: list[int]) -> list[Task]:
        query = sa.select(tasks.c.id, tasks.c.data).where(tasks.c.id.in_(numbers))
        rows = self._backend.database.read(lambda c: c.execute(query).all())
        return [Task(row.id, msgspec.json.decode(row.data)) for row in rows]

    def _write(self, room: Room) -> None:
        while room.changed and not self._ended.is_set():
            self._rooms.records.keep_posteriors(room.project, room.to_write(_WRITTEN))
