"""Which models are in memory: those used last, as many as fit; the others rest and are woken.

A model at rest keeps its place, its files and its traffic; only what answers is let go. The first
request for it opens it again, in a thread of its own lane, and the others wait there for the same
opening. A model that runs is never put to rest.
"""

import ctypes
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dovetail.base.errors import DovetailError
from dovetail.base.telemetry import logger
from dovetail.serving.compile import Compilation
from dovetail.serving.errors import NotReadyError
from dovetail.serving.predictor import Predictor
from dovetail.serving.signature import Signature
from dovetail.serving.tensors import Array, TensorSpec

if TYPE_CHECKING:
    from dovetail.serving.model import Model

__all__ = ["Cache", "Opened", "Resting", "measured"]

log = logger("serving")
_LEAST_BYTES = 64 << 10
_TRY_AGAIN_SECONDS = 5.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")


class Opened(NamedTuple):
    """What answers for a model, and what opening it took."""

    predictor: Predictor
    compilation: Compilation
    memory: int
    """Bytes, estimated."""


class Resting:
    """Stands in for what answers, and opens it when it is needed.

    Args:
        model: whose predictor this is.
        reopen: opens it again.
        known: what answered until now; None where it was never opened since the start.
    """

    def __init__(
        self, model: "Model", reopen: Callable[[], Opened] | None, known: Predictor | None = None
    ) -> None:
        self._model, self._reopen = weakref.ref(model), reopen  # which holds this
        self._said = (known.platform, known.signature, known.outputs) if known else None
        self._lock = threading.Lock()
        self._failed: tuple[float, DovetailError] | None = None

    @property
    def is_known(self) -> bool:
        """Whether it can say what the model takes without opening it."""
        return self._said is not None

    @property
    def platform(self) -> str:
        """What runs it."""
        return self._said[0] if self._said else self.wake().platform

    @property
    def signature(self) -> Signature:
        """What it takes."""
        return self._said[1] if self._said else self.wake().signature

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it can give."""
        return self._said[2] if self._said else self.wake().outputs

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Open the model and answer."""
        return self.wake().run(inputs, wanted)

    def wake(self) -> Predictor:
        """Open the model, once however many ask, and let it answer from now on.

        Raises:
            NotReadyError: it cannot be opened any more.
        """
        model = self._model()
        assert model is not None  # whoever asks holds it
        assert self._reopen is not None
        with self._lock:
            if model.predictor is not self:
                return model.predictor
            if self._failed is not None and time.monotonic() < self._failed[0]:
                raise self._failed[1]
            start = time.perf_counter_ns()
            try:
                opened = self._reopen()
            except DovetailError as error:
                failure = NotReadyError(model.name, str(error))
                self._failed = time.monotonic() + _TRY_AGAIN_SECONDS, failure
                raise failure from error
            model.take(opened)
            model.tally.woken(time.perf_counter_ns() - start)
        return opened.predictor


class Cache:
    """Keeps the models that are in memory below a bound.

    Args:
        most: bytes of all models together, by their estimates; 0 is no bound.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self._models: weakref.WeakSet[Model] = weakref.WeakSet()
        self._lock = threading.Lock()

    def has_room(self) -> bool:
        """Whether the models in memory leave some."""
        return not self.most or self.used() < self.most

    def used(self) -> int:
        """Return the bytes of the models in memory, by their estimates."""
        with self._lock:
            return sum(model.memory for model in self._models if not model.is_resting)

    def add(self, newest: "Model") -> None:
        """Take in a model that was opened; until it fits, those rest that were used least lately.

        Args:
            newest: the model, which itself stays.
        """
        if not self.most:
            return
        with self._lock:
            self._models.add(newest)
            awake = [model for model in self._models if not model.is_resting]
            used = before = sum(model.memory for model in awake)
            for model in sorted(awake, key=lambda model: model.used_ns):
                if used > self.most and model is not newest and model.rest():
                    used -= model.memory
        if used < before:
            _trim()
        if used > self.most:
            log.warning(
                "models need more memory than they may", model=newest.name,
                used_mb=used >> 20, max_memory_mb=self.most >> 20,
            )  # fmt: skip


def measured(open_model: Callable[[], tuple[Predictor, Compilation]], path: Path) -> Opened:
    """Open a model and estimate its memory: what the process grew by, at least what its files have.

    What other threads did meanwhile is in the estimate too; where a library was imported for the
    first time, growth says nothing of the model, and twice its files stands in.
    """
    before, modules = _resident(), len(sys.modules)
    predictor, compilation = open_model()
    grown = _resident() - before
    files = _size(path)
    memory = 2 * files if len(sys.modules) > modules else max(grown, files)
    return Opened(predictor, compilation, max(memory, _LEAST_BYTES))


def _trim() -> None:
    """Give freed memory back to the system, where the C library can (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _resident() -> int:
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
