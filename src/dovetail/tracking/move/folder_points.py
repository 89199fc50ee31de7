"""The points in the metric files of an `mlruns` folder, each once.

A file grows by a line for each point, mostly by step. A point that was logged twice follows its
twin closely then, so only the current step is remembered; a file that goes back in time is
compared with all that came before.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from dovetail.base.errors import IntegrityError
from dovetail.tracking.move.folder_files import read_lines
from dovetail.tracking.store.metrics import storable

__all__ = ["Value", "distinct", "parse", "read_points"]

Value = tuple[int, int, float, bool]
"""Step, timestamp, value, whether it is NaN."""


def parse(path: Path, line: str) -> Value:
    """Return the point of a line: timestamp, value, step; what follows is of no use here."""
    parts = line.split()
    try:
        value, is_nan = storable(float(parts[1]))
        step = int(parts[2]) if len(parts) > 2 else 0
        point = step, int(parts[0]), value, is_nan
    except (IndexError, ValueError) as error:
        raise IntegrityError(f"{path} has a line that is no point: {line[:80]!r}") from error
    if not all(-(2**63) <= n < 2**63 for n in point[:2]) or math.isnan(value):
        raise IntegrityError(f"{path} has a number that is too large: {line[:80]!r}")
    return point


def read_points(path: Path) -> Iterator[Value]:
    """Yield the points of a metric file, each once."""
    return distinct(lambda: (parse(path, line) for line in read_lines(path)))


def distinct(begin: Callable[[], Iterator[Value]]) -> Iterator[Value]:
    """Yield each point once, remembering little as long as steps do not go back.

    Args:
        begin: starts reading from the first point.
    """
    current: set[Value] = set()
    at = (-(2**63), -(2**63))
    for count, point in enumerate(begin()):
        if point[:2] < at:
            yield from _against_all(begin, count)
            return
        if point[:2] > at:
            current, at = set(), point[:2]
        if point not in current:
            current.add(point)
            yield point


def _against_all(begin: Callable[[], Iterator[Value]], after: int) -> Iterator[Value]:
    seen: set[Value] = set()
    for count, point in enumerate(begin()):
        if point not in seen:
            seen.add(point)
            if count >= after:
                yield point
