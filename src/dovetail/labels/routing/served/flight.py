"""What machines are being asked at this moment: batches of tasks, each in a thread of its own.

A source has as many batches under way as its description states, all together as many as threads
are worth; one that already has some leaves room for those that have none, so that many slow ones
never shut out a fast one. Labelling functions are code of one file in one interpreter: they are
called one at a time. Answers are given back per source in the order in which they were asked for.
"""

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from dovetail.base import telemetry
from dovetail.labels.routing.served.room import Asking, Room
from dovetail.labels.sources.seam import Said, SourceError, Task

__all__ = ["Batch", "Flight"]

log = telemetry.logger("labels")
_MOST = 64
_SHARED = 48  # beyond which a source takes no second thread
_FUNCTION = "function"


class Signal(Protocol):
    """Something that wakes who waits, such as a `threading.Event`."""

    def set(self) -> None:
        """Wake them."""


@dataclass
class Batch:
    """Tasks that a source was asked about.

    Attributes:
        room: As it was when it was asked.
        one: The source.
        asked: The tasks.
        said: What it answered, in their order.
        problem: Why it did not; None where it did.
        seconds: How long it took.
        is_done: Whether it came to an end.
    """

    room: Room
    one: Asking
    asked: list[Task]
    said: list[Said | None] = field(default_factory=list)
    problem: SourceError | None = None
    seconds: float = 0.0
    is_done: bool = False

    @property
    def key(self) -> tuple[int, str]:
        """The project, and the name of the source."""
        return self.room.project, self.one.spec.name


class Flight:
    """All batches under way. Used by one thread, the worker's.

    Args:
        wake: Is set whenever a batch comes to an end.
    """

    def __init__(self, wake: Signal) -> None:
        self._wake = wake
        self._batches: dict[tuple[int, str], list[Batch]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._batches.values()))

    @property
    def projects(self) -> set[int]:
        """The projects with batches under way, or done and not yet taken."""
        return {project for project, _ in self._batches}

    def tasks(self, project: int) -> set[int]:
        """The tasks of a project that somebody is being asked about."""
        return {
            task.id
            for (of, _), batches in self._batches.items()
            if of == project
            for batch in batches
            for task in batch.asked
        }

    def cost(self, project: int) -> float:
        """What the answers of a project will cost that are under way."""
        return sum(
            batch.one.spec.cost * len(batch.asked)
            for (of, _), batches in self._batches.items()
            if of == project
            for batch in batches
        )

    def sources(self) -> Collection[int]:
        """The `id` of each source that is being asked."""
        return {id(b.one.source) for batches in self._batches.values() for b in batches}

    def has_room(self, room: Room, one: Asking) -> bool:
        """Whether one more batch of a source may get under way."""
        mine, all_ = self._batches.get((room.project, one.spec.name), []), len(self)
        if len(mine) >= one.concurrency or all_ >= _MOST or (mine and all_ >= _SHARED):
            return False
        kinds = Counter(b.one.spec.kind_of for batches in self._batches.values() for b in batches)
        return one.spec.kind_of != _FUNCTION or not kinds[_FUNCTION]

    def ask(self, room: Room, one: Asking, asked: list[Task]) -> None:
        """Get a batch under way."""
        batch = Batch(room, one, asked)
        self._batches.setdefault(batch.key, []).append(batch)
        name = f"labels-source-{one.spec.name}"
        threading.Thread(target=self._answer, args=(batch,), name=name, daemon=True).start()

    def done(self, project: int) -> Iterator[Batch]:
        """Take the batches of a project that came to an end, of each source in the order asked."""
        for key in [key for key in self._batches if key[0] == project]:
            batches = self._batches[key]
            while batches and batches[0].is_done:
                yield batches.pop(0)
            if not batches:
                del self._batches[key]

    def _answer(self, batch: Batch) -> None:
        began, source = time.monotonic(), batch.one.source
        assert source is not None  # people are not asked but ask
        try:
            batch.said = source.answer(batch.asked, batch.room.question)
            if len(batch.said) != len(batch.asked):
                told = f"{len(batch.said)} answers came for {len(batch.asked)} tasks"
                batch.problem = SourceError(f"the source {batch.one.spec.name!r} broke", why=told)
        except SourceError as error:
            batch.problem = error
        except Exception as error:  # a source is foreign: whatever it does is its own failure
            log.error("a source broke", source=batch.one.spec.name, exc_info=error)
            why = f"{type(error).__name__}: {error}"
            batch.problem = SourceError(f"the source {batch.one.spec.name!r} broke", why=why)
        finally:
            batch.seconds = time.monotonic() - began
            batch.is_done = True
            self._wake.set()
