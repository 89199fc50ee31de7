"""How long a model takes for one row and for many, measured at load."""

import time
from collections.abc import Mapping
from contextlib import suppress

import msgspec
import numpy as np

from dovetail.base.errors import DovetailError
from dovetail.serving.predictor import Predictor
from dovetail.serving.tensors import Array

__all__ = ["Timing", "measure", "row_us"]

_TIMED = 25
_LONG = 0.05
_TRIED = 32
_SIZES = (1, 32, 1024)


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds of one call by both forms of a model."""

    rows: int
    """Rows of the call."""

    original_us: float
    """By the original."""

    compiled_us: float
    """By the compiled form."""


def measure(
    original: Predictor, faster: Predictor, sample: Mapping[str, Array]
) -> tuple[Timing, ...]:
    """Return the times of both forms on 1, 32 and 1024 rows, taken from a sample."""
    found = []
    first = _first_answered(original, sample)
    for rows in _SIZES:
        some = {
            name: np.resize(np.roll(array, -first, axis=0), (rows, *array.shape[1:]))
            for name, array in sample.items()
        }
        left, right = call_us(original, some), call_us(faster, some)
        found.append(Timing(rows=rows, original_us=round(left, 1), compiled_us=round(right, 1)))
    return tuple(found)


def _first_answered(original: Predictor, sample: Mapping[str, Array]) -> int:
    """Return the first row that the original answers alone; some break down on a missing value."""
    for row in range(min(_TRIED, len(next(iter(sample.values()))))):
        with suppress(DovetailError):
            original.run({name: array[row : row + 1] for name, array in sample.items()})
            return row
    return 0


def row_us(predictor: Predictor, sample: Mapping[str, Array]) -> float:
    """Return how long one row takes, in microseconds."""
    row = {name: np.ascontiguousarray(array[:1]) for name, array in sample.items()}
    return call_us(predictor, row)


def call_us(predictor: Predictor, inputs: Mapping[str, Array]) -> float:
    """Return how long a call takes where nothing else runs, in microseconds.

    It is the best of a few. Each counts by the clock or by the process's own time, whichever is
    less: a busy machine stretches the first, other threads of this process the second.
    """
    best, end = float("inf"), time.perf_counter() + _LONG
    for _ in range(_TIMED):
        start, used = time.perf_counter(), time.process_time()
        predictor.run(inputs)
        used = time.process_time() - used
        now = time.perf_counter()
        best = min(best, now - start, used or now - start)
        if now > end:
            break
    return best * 1e6
