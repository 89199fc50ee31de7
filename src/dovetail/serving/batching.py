"""Several requests in one call: which fit together, and to whom each row of the answer belongs.

Requests are joined by rows, and only for models that gain from it: those whose call of 32 rows
costs less than four calls of one row, measured at load. Each request is bound and checked before
it is joined, so what is wrong with one is its own affair; if the joint call fails all the same,
each is run alone, and only the one that fails is told.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from dovetail.base.errors import DovetailError
from dovetail.serving.predictor import Predictor
from dovetail.serving.scheduler import Job
from dovetail.serving.tensors import DATATYPES, Array

__all__ = ["ROWS", "Caller", "batch_rows", "key_of", "probe_us", "rows_of"]

ROWS = 256
"""Rows of a joint call at most, where nothing else is said."""

_PROBED_ROWS, _PAYS_BELOW = 32, 4.0
_TIMED, _LONG_US = 5, 50_000.0

Call = Callable[[Mapping[str, Array], tuple[str, ...]], dict[str, Array]]


def rows_of(bound: Mapping[str, Array]) -> int | None:
    """Return how many rows bound tensors have; None if they do not agree."""
    found = {array.shape[0] if array.ndim else None for array in bound.values()}
    return found.pop() if len(found) == 1 else None


def key_of(bound: Mapping[str, Array], wanted: tuple[str, ...]) -> Hashable:
    """Return what requests must have in common to run in one call."""
    return (wanted, *((name, a.dtype.str, a.shape[1:]) for name, a in bound.items()))


def batch_rows(predictor: Predictor, asked: int | None) -> int:
    """Return how many rows a joint call of a model may have; 1 if requests are not to be joined.

    Args:
        predictor: the model.
        asked: what the settings say; None leaves it to what was measured.
    """
    if asked is not None:
        return max(1, asked)
    by_rows = getattr(predictor.signature, "by_rows", False)
    return ROWS if by_rows and _pays(predictor) else 1


def _pays(predictor: Predictor) -> bool:
    """Whether a call of 32 rows costs less than four calls of one row."""
    one, many = probe_us(predictor), probe_us(predictor, _PROBED_ROWS)
    return one is not None and many is not None and many < _PAYS_BELOW * one


def probe_us(predictor: Predictor, rows: int = 1) -> float | None:
    """Return the microseconds of a call with rows of zeros; None if zeros do not suit the model."""
    best = None
    try:
        zeros = _zeros(predictor, rows)
        for _ in range(_TIMED):
            start = time.perf_counter_ns()
            predictor.run(zeros)
            took = (time.perf_counter_ns() - start) * 1e-3
            best = took if best is None else min(best, took)
            if took > _LONG_US:
                break
    except Exception:
        return None  # nothing is measured; it runs in a thread, as whatever is slow
    return best


def _zeros(predictor: Predictor, rows: int) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for spec in predictor.signature.inputs:
        shape = [max(size, 1) for size in spec.shape]
        if spec.shape and spec.shape[0] < 0:
            shape[0] = rows
        if spec.datatype == "BYTES":
            found[spec.name] = np.full(shape, b"", dtype=object)
        else:
            found[spec.name] = np.zeros(shape, DATATYPES[spec.datatype])
    return predictor.signature.bind(found)


class Caller:
    """Runs the jobs of a lane, joined where there are several.

    Args:
        call: the model.
        opened: opens the model if it rests, for jobs that ask for no more.
        told: called for each call of the model with its rows, and the nanoseconds of putting
            them together, of the model, and of taking its answer apart.
        apart: called when the model turns out not to answer row by row.
    """

    def __init__(
        self,
        call: Call,
        opened: Callable[[], None],
        told: Callable[[int, int, int, int], None],
        apart: Callable[[], None],
    ) -> None:
        self._call, self._opened, self._told, self._apart = call, opened, told, apart

    def __call__(self, jobs: Sequence[Job]) -> None:
        """Give each job its outputs or its error."""
        if len(jobs) > 1 and self._run_joined(jobs):
            return
        for job in jobs:
            if not job.is_dropped:
                self._run_one(job)

    def _run_joined(self, jobs: Sequence[Job]) -> bool:
        first = jobs[0].bound
        rows = sum(job.rows for job in jobs)
        begun = time.perf_counter_ns()
        try:
            joint = {name: np.concatenate([job.bound[name] for job in jobs]) for name in first}
            outputs = self._timed(joint, jobs[0].wanted, rows, time.perf_counter_ns() - begun)
        except Exception:
            return False  # one of them may be at fault: each is run alone and tells
        if any(not array.ndim or array.shape[0] != rows for array in outputs.values()):
            self._apart()
            return False
        start = 0
        for job in jobs:
            end = start + job.rows
            job.outputs = {name: array[start:end] for name, array in outputs.items()}
            start = end
        return True

    def _run_one(self, job: Job) -> None:
        try:
            if job.opens:
                self._opened()
                job.outputs = {}
            else:
                job.outputs = self._timed(job.bound, job.wanted, job.rows)
        except DovetailError as error:
            job.error = error

    def _timed(
        self, bound: Mapping[str, Array], wanted: tuple[str, ...], rows: int, input_ns: int = 0
    ) -> dict[str, Array]:
        start = time.perf_counter_ns()
        outputs = self._call(bound, wanted)
        self._told(rows, input_ns, time.perf_counter_ns() - start, 0)
        return outputs
