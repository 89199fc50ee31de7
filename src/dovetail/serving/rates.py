"""How much each version answers now, how fast and how well: the last minute of its counts.

A thread notes the counts every few seconds. What a version did lately is the difference between
now and the oldest note, so the figures of the pages move with the traffic and not with all that
ever was. A note is a few hundred bytes a version and is gone after a minute.
"""

import threading
import time
from array import array
from collections import deque
from typing import NamedTuple

from dovetail.serving.counters import BOARD, Labels
from dovetail.serving.statistics import LARGEST, MODEL, Counts

__all__ = ["Lately", "Rates"]

SECONDS = 5.0
_NOTES = 13  # a minute, and the note that it begins with
_SHOWN = 20
_POINTS = 60  # of the course of the rate: five minutes


class Lately(NamedTuple):
    """What a version did in the last minute.

    Attributes:
        rate: requests a second, answered or failed.
        errors: share of them that failed; None without any.
        p50_ms: milliseconds that half of the answers took at most; None without any.
        p99_ms: milliseconds that 99 % of them took at most.
        course: requests a second at each note, oldest first.
    """

    rate: float
    errors: float | None
    p50_ms: float | None
    p99_ms: float | None
    course: list[float]


class _Note(NamedTuple):
    time: float
    cells: dict[Labels, "array[int]"]


class Rates:
    """Notes the counts of every version.

    Args:
        seconds: between two notes.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._notes: deque[_Note] = deque(maxlen=_NOTES)
        self._courses: dict[Labels, deque[float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serving-rates", daemon=True)

    def start(self) -> None:
        """Begin to note, in the background."""
        self.note()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def note(self) -> None:
        """Note the counts as they are."""
        found = BOARD.totals(MODEL, LARGEST)
        new = _Note(time.monotonic(), {labels: array("q", c) for labels, c in found.items()})
        if self._notes:
            last = self._notes[-1]
            passed = max(new.time - last.time, 1e-3)
            for labels, cells in new.cells.items():
                done = _since(cells, last.cells.get(labels))
                course = self._courses.setdefault(labels, deque(maxlen=_POINTS))
                course.append((done.succeeded + done.failed) / passed)
        self._courses = {k: v for k, v in self._courses.items() if k in new.cells}
        self._notes.append(new)

    def lately(self, model: str, version: str, now: Counts) -> Lately:
        """Return what a version did in the last minute, or since it is watched.

        Args:
            model: its name.
            version: its version.
            now: its counts as they are.
        """
        labels = (model, version)
        if not self._notes:
            return Lately(0.0, None, None, None, [])
        oldest = self._notes[0]
        before = oldest.cells.get(labels)
        done = now if before is None else now.since(Counts(before.tolist()))
        requests = done.succeeded + done.failed
        passed = max(time.monotonic() - oldest.time, min(self._seconds, 1.0))
        return Lately(
            requests / passed,
            done.failed / requests if requests else None,
            done.quantile_ms(0.5),
            done.quantile_ms(0.99),
            _thinned(list(self._courses.get(labels, ()))),
        )

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            self.note()


def _thinned(course: list[float]) -> list[float]:
    """Return at most 20 points, each the mean of those that it stands for: enough for a word."""
    step = -(-len(course) // _SHOWN) or 1
    parts = [course[at : at + step] for at in range(0, len(course), step)]
    return [round(sum(part) / len(part), 3) for part in parts]


def _since(cells: "array[int]", before: "array[int] | None") -> Counts:
    now = Counts(cells.tolist())
    return now if before is None else now.since(Counts(before.tolist()))
