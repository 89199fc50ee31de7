"""One thread that lets labellers learn: whoever has enough new answers, or was asked to."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from dovetail.base import telemetry
from dovetail.base.clock import Clock
from dovetail.base.errors import DovetailError, IntegrityError, InvalidInputError
from dovetail.labels.backend import instant
from dovetail.labels.learning.records import Kept, Records
from dovetail.labels.learning.rooms import Room, version_name
from dovetail.labels.learning.tracking import Tracker
from dovetail.wire.label_learner import Phase, Settings

if TYPE_CHECKING:
    from dovetail.labels.learning.labeller import Labeller

__all__ = ["Standing", "Trainer", "needed"]

log = telemetry.logger("labels")
_PAUSE = 0.2  # seconds: answers that come together are learned together
_SHARE = 0.2
_CACHED = 16


@dataclass
class Standing:
    """How a room stands in this process.

    Attributes:
        phase: What the labeller does.
        problem: Why it does not learn.
        events: Answers that were told since it last learned.
        asked: Whether somebody asked that it learns now.
        has_new_tasks: Whether tasks came that it has not predicted.
    """

    phase: Phase = "waiting"
    problem: str = ""
    events: int = 0
    asked: bool = False
    has_new_tasks: bool = False


def needed(settings: Settings, last: Kept | None) -> int:
    """At how many new answers a labeller learns again.

    A fifth of all, so that all trainings together cost a few times the last one.
    """
    before = last.counted if last is not None else 0
    return max(settings.every, int(_SHARE * before))


@dataclass
class Trainer:
    """Trains.

    Attributes:
        records: Settings and versions.
        room: Gives a room by its key; None where there is none such.
        clock: What time it is.
        tracker: Keeps runs; None where the tracking joint is off.
        learned: Told of a room with its new model, or with None where its order is due.
    """

    records: Records
    room: Callable[[str], Room | None]
    clock: Clock
    tracker: Tracker | None = None
    learned: "Callable[[Room, Settings, Labeller | None], None] | None" = None
    _standing: dict[str, Standing] = field(default_factory=dict)
    _models: "dict[str, tuple[int, Labeller]]" = field(default_factory=dict)
    _due: dict[str, None] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _wake: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to learn in the background."""
        self._thread = threading.Thread(target=self._run, name="labels-learning", daemon=True)
        self._thread.start()
        for key in self.records.rooms():
            self.wake(key)

    def stop(self) -> None:
        """End; a training that is under way is not waited for longer than a moment."""
        self._over.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)

    def standing(self, key: str) -> Standing:
        """How a room stands."""
        with self._guard:
            return self._standing.setdefault(key, Standing())

    def wake(
        self, key: str, *, events: int = 0, asked: bool = False, has_new_tasks: bool = False
    ) -> None:
        """Look at a room soon.

        Args:
            key: Which.
            events: Answers that were told.
            asked: Whether it is to learn whatever is new.
            has_new_tasks: Whether there are tasks to predict.
        """
        standing = self.standing(key)
        with self._guard:
            standing.events += events
            standing.asked = standing.asked or asked
            standing.has_new_tasks = standing.has_new_tasks or has_new_tasks
            self._due[key] = None
        self._wake.set()

    def model(self, key: str) -> "tuple[str, Labeller] | None":
        """The newest model of a room with its name; None where there is none.

        Another server on the same database may have trained it.
        """
        found, newest = self._models.get(key), self.records.latest(key)
        if newest is not None and (found is None or found[0] != newest.number):
            kept = self.records.latest(key, with_body=True)
            if kept is None or kept.body is None:
                return None
            from dovetail.labels.learning.saving import load

            try:
                found = kept.number, load(kept.body)
            except IntegrityError as error:
                log.error("a labeller cannot be read", room=key, error=str(error))
                return None
            self._remember(key, *found)
        return None if found is None else (version_name(found[0]), found[1])

    def _remember(self, key: str, number: int, labeller: "Labeller") -> None:
        with self._guard:
            self._models.pop(key, None)
            self._models[key] = number, labeller
            while len(self._models) > _CACHED:
                self._models.pop(next(iter(self._models)))

    def forget(self, key: str) -> None:
        """Forget a room."""
        self.records.forget(key)
        with self._guard:
            self._models.pop(key, None)
            self._standing.pop(key, None)
            self._due.pop(key, None)

    def _run(self) -> None:
        while not self._over.is_set():
            self._wake.wait()
            if self._over.wait(_PAUSE):
                return
            self._wake.clear()
            with self._guard:
                due, self._due = list(self._due), {}
            for key in due:
                if self._over.is_set():
                    return
                self._visit(key)

    def _visit(self, key: str) -> None:
        standing = self.standing(key)
        try:
            room = self.room(key)
            if room is not None:
                self._look(room, standing)
        except InvalidInputError as error:  # not enough was answered, or nothing can be learned
            standing.phase, standing.problem = "waiting", str(error)
        except DovetailError as error:
            standing.phase, standing.problem = "failed", str(error)
            log.warning("a labeller does not learn", room=key, error=str(error))
        except Exception as error:
            standing.phase, standing.problem = "failed", f"{type(error).__name__}: {error}"
            log.error("a labeller failed", room=key, exc_info=error)

    def _look(self, room: Room, standing: Standing) -> None:
        settings = self.records.settings(room.key)
        asked, standing.asked = standing.asked, False
        if not settings.enabled and not asked:
            standing.phase = "off"
            if self.learned is not None:
                self.learned(room, settings, None)
            return
        last = self.records.latest(room.key)
        known = self.model(room.key)
        if last is not None and known is not None and known[1].config != room.config():
            asked = True  # the questions are others now
        new = self.new_answers(room, standing, last)
        if asked or new >= needed(settings, last):
            self._learn(room, settings, standing, last)
            return
        standing.phase = "ready" if last is not None else "waiting"
        if self.learned is not None:
            self.learned(room, settings, known[1] if known is not None else None)
        if known is not None and standing.has_new_tasks and settings.predicts:
            standing.has_new_tasks = False
            room.publish(known[1], known[0], self._over.is_set, only_missing=True)

    def new_answers(self, room: Room, standing: Standing, last: Kept | None) -> int:
        """Answers that came, changed or went since the room last learned."""
        return max(standing.events, abs(room.counted() - (last.counted if last else 0)))

    def _learn(self, room: Room, settings: Settings, standing: Standing, last: Kept | None) -> None:
        from dovetail.labels.learning.figures import version_of
        from dovetail.labels.learning.labeller import train
        from dovetail.labels.learning.saving import save

        standing.phase, events = "training", standing.events
        begin, counted = time.thread_time(), room.counted()
        before = self.model(room.key)
        pool = [data for _, data in room.pool()]
        labeller = train(
            room.config(),
            room.answered(),
            pool,
            fields=settings.fields,
            before=before[1] if before is not None else None,
            reader=room.reader(),
        )
        number = last.number + 1 if last is not None else 1
        version = version_of(
            labeller, version_name(number), instant(self.clock.now()), time.thread_time() - begin
        )
        body = save(labeller)
        kept = Kept(number, counted, version, body)
        if not self.records.add(room.key, kept):  # another server has learned the same answers
            standing.events, standing.phase = 0, "ready"
            return
        self._remember(room.key, number, labeller)
        standing.events = max(0, standing.events - events)
        standing.phase, standing.problem = "ready", ""
        if self.learned is not None:
            self.learned(room, settings, labeller)
        predicted = 0
        if settings.predicts:
            standing.has_new_tasks = False
            predicted = room.publish(labeller, version.name, self._over.is_set, only_missing=False)
        run = ""
        if self.tracker is not None:
            run = self.tracker.keep(room.key, room.title(), settings, version, body)
        if predicted or run:
            more = msgspec.structs.replace(version, predicted=predicted, run=run)
            self.records.change(room.key, number, more)
