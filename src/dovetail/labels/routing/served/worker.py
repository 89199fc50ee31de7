"""The thread that asks machines, learns sources anew, and writes down how tasks stand."""

import threading
import time

import msgspec
import sqlalchemy as sa

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.labels.backend import Backend
from dovetail.labels.handlers.predictions import Predictions
from dovetail.labels.routing.served.records import Told
from dovetail.labels.routing.served.room import Asking, Room
from dovetail.labels.routing.served.rooms import Rooms
from dovetail.labels.sources.seam import Said, SourceError, Task
from dovetail.labels.store.tables import tasks

__all__ = ["Worker"]

log = telemetry.logger("labels")
_BATCHES = {"function": 512, "open_inference": 128, "ml_backend": 32}
_ROUND = 1024
_PAUSE_S = 1.0
_WRITTEN = 2000


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
        self._thread = threading.Thread(target=self._run, name="labels-routing", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a call that is under way is waited for."""
        self._ended.set()
        self._rooms.wake.set()
        if self._thread.is_alive():
            self._thread.join(40)
        self._rooms.close_retired(all_=True)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._rooms.wake.clear()
            self._rooms.close_retired()
            is_busy = False
            for project in self._rooms.routed:
                if self._ended.is_set():
                    return
                try:
                    room = self._rooms.get(project)
                    is_busy |= room is not None and self._work(room)
                except DovetailError as error:
                    log.warning("a project cannot be routed", project=project, exc_info=error)
                except Exception as error:  # one project does not keep the others
                    log.error("routing failed", project=project, exc_info=error)
            if not is_busy:
                self._rooms.wake.wait(_PAUSE_S if self._rooms.routed else None)

    def _work(self, room: Room) -> bool:
        """Do one round and say whether there may be more to do at once."""
        now = self._backend.clock.now().timestamp()
        asked = room.for_machines(_ROUND, now) if room.policy.enabled else {}
        for name, numbers in asked.items():
            size = _BATCHES.get(room.asked[name].spec.kind_of, 8)
            for start in range(0, len(numbers), size):
                if self._ended.is_set():
                    return False
                if not self._ask(room, room.asked[name], numbers[start : start + size]):
                    break
        if room.router.stale:
            room.router.refit()
            room.changed.update(room.router.items())
        self._write(room)
        return bool(asked)

    def _ask(self, room: Room, one: Asking, numbers: list[int]) -> bool:
        data = self._data(numbers)
        if not data or one.source is None:
            return False
        began = time.monotonic()
        try:
            said = one.source.answer(data, room.question)
        except SourceError as error:
            one.fail(str(error), time.monotonic())
            log.warning("a source failed", source=one.spec.name, problem=str(error))
            return False
        one.problem, one.failures = "", 0
        seconds = (time.monotonic() - began) / len(data)
        self._store(room, one, data, said, seconds)
        return True

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
