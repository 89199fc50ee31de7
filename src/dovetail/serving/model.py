"""A loaded version of a model: what answers, which form of it, and what it has done."""

import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dovetail.base.errors import DovetailError
from dovetail.base.telemetry import logger
from dovetail.serving import batching, formats
from dovetail.serving import compile as compiling
from dovetail.serving.cache import Cache, Opened, Resting
from dovetail.serving.errors import BadTensorError, InferenceFailedError, did_you_mean
from dovetail.serving.isolation import Forms
from dovetail.serving.layouts.card import content_digest, content_of, read_card
from dovetail.serving.layouts.dress import DressedSignature, check_format, dress
from dovetail.serving.limits import Limits
from dovetail.serving.predictor import Predictor
from dovetail.serving.scheduler import Job, Lane
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.statistics import Statistics
from dovetail.serving.table import TableSignature
from dovetail.serving.tabular import tensors_of
from dovetail.serving.tallies import Tally
from dovetail.serving.tensors import Array
from dovetail.serving.watched import CURRENT
from dovetail.wire.open_inference import ModelMetadata, TensorMetadata

__all__ = ["Model", "open_form", "rows_of"]

log = logger("serving")

_SLOW_US = 200.0
_SMALL_BYTES = 64 << 10
_HERE_US = 300.0  # for which a request may keep the event loop
_LONG_NS = 20_000_000  # for a model that was taken for quick
_LONG_MEAN_MS, _LEARNED = 2.0, 8


class _Asked:
    """The job of a request, once there is one."""

    __slots__ = ("job",)

    def __init__(self) -> None:
        self.job: Job | None = None


class Model:
    """One version of one model, ready to answer.

    Args:
        name: the model's name.
        version: the version.
        predictor: what answers; None where the first request is to open it.
        compilation: which form that is, and why.
        uri: where it was loaded from.
        digest: of the files that it was loaded from.
        limits: how much of the server it may take.
        cache: is told when it is opened.
        reopen: opens it when it rests and is asked.
        memory: bytes that it takes, estimated.

    Attributes:
        parameters: names of what a request may set beside its tensors.
        is_quick: whether a small request is answered sooner than a thread could take it over.
        lane: where it runs otherwise.
        memory: bytes that it takes, estimated; 0 where nobody asked.
        used_ns: when it was last asked, on `time.perf_counter_ns`'s clock.

    Example:
        >>> model = Model.load("model.onnx")  # doctest: +SKIP
        >>> model.predict([[0.1, 0.2]])       # doctest: +SKIP
        array([[0.42]])
    """

    def __init__(
        self,
        name: str,
        version: str,
        predictor: Predictor | None,
        compilation: compiling.Compilation,
        *,
        uri: str = "",
        digest: str = "",
        limits: Limits | None = None,
        cache: Cache | None = None,
        reopen: Callable[[], Opened] | None = None,
        memory: int = 0,
    ) -> None:
        self.name, self.version, self.uri, self.digest = name, version, uri, digest
        self.limits, self.memory, self.used_ns = limits or Limits(), memory, 0
        self.predictor: Predictor
        self._cache, self._reopen = cache, reopen
        self.parameters: tuple[str, ...] = ()
        self.tally = Tally(name, version)
        form = (compilation.serves, compilation.original, compilation.compiled)
        self.statistics = Statistics(name, version, form)
        me = weakref.proxy(self)  # else the lane would hold what holds it
        caller = batching.Caller(
            lambda bound, wanted: me._call(bound, wanted),
            lambda: me._open(),
            self.statistics.count_execution,
            lambda: me._apart(),
        )
        self.lane = Lane(name, caller, self.limits, 1, self.tally)
        self.is_quick, self._rows_here = False, 0
        self.compilation, self.predictor = compilation, Resting(self, reopen)
        if predictor is not None:
            self.take(Opened(predictor, compilation, memory))

    def take(self, opened: Opened) -> None:
        """Answer with what was opened from now on."""
        record = opened.compilation
        row_us = record.compiled_us if record.compiled else record.original_us
        if row_us is None or (row_us < _SLOW_US and not record.compiled):
            # By the clock: a model that waits, for a disk or another server, uses no time itself.
            row_us = batching.probe_us(opened.predictor) or row_us
        may_hang = getattr(opened.predictor, "may_hang", False)  # then never on the event loop
        is_quick = row_us is not None and row_us < _SLOW_US and not may_hang
        asked = self.limits.batch_rows
        self.lane.batch_rows = 1 if is_quick else batching.batch_rows(opened.predictor, asked)
        self.memory, self.used_ns = opened.memory, time.perf_counter_ns()
        self.predictor, self.compilation = opened.predictor, record
        self.parameters = getattr(opened.predictor.signature, "parameters", ())
        self._rows_here = _rows_within(record, _HERE_US) if is_quick else 0
        self.is_quick = is_quick
        if self._cache is not None:
            self._cache.add(self)

    @property
    def is_resting(self) -> bool:
        """Whether it is not in memory, and is opened by the next request."""
        return isinstance(self.predictor, Resting)

    @property
    def is_unopened(self) -> bool:
        """Whether it rests since the start, so that it is not even known what it takes."""
        return isinstance(self.predictor, Resting) and not self.predictor.is_known

    async def open(self, deadline: float | None = None) -> None:
        """Open it in its lane, from the event loop; raises what `ask` raises."""
        self.tally.missed()
        await self.lane.ask(Job({}, 0, deadline=deadline, opens=True))

    def open_here(self, deadline: float | None = None) -> None:
        """Do what `open` does, from a thread that waits."""
        self.tally.missed()
        self.lane.answer(Job({}, 0, deadline=deadline, opens=True))

    def rest(self) -> bool:
        """Leave memory until the next request; False where that cannot be or something runs."""
        busy = self.lane.running or self.lane.waiting
        if self._reopen is None or self.is_resting or busy:
            return False
        self.is_quick = False
        self.predictor = Resting(self, self._reopen, self.predictor)
        self.tally.evicted()
        log.info("model put to rest", model=self.name, version=self.version)
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features, in order; empty where the model has none."""
        signature = getattr(self.predictor.signature, "base", self.predictor.signature)
        if isinstance(signature, TableSignature):
            return signature.names
        if isinstance(signature, MatrixSignature | DressedSignature):
            return signature.columns
        return ()

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        name: str = "",
        version: str = "1",
        compile: bool = True,
        forms: Forms | None = None,
        uri: str = "",
        digest: str = "",
        trusted: bool = False,
        limits: Limits | None = None,
    ) -> "Model":
        """Load a file or an MLflow model folder and choose the form that serves.

        Args:
            path: the file or folder.
            name: the model's name; by default that of the file.
            version: the version.
            compile: whether the compiled form may serve.
            forms: where forms are kept; None compiles in this process.
            uri: where the files came from; by default the path.
            digest: of the files, if known.
            trusted: whether it may execute code while it is loaded, as pickles do.
            limits: how much of the server it may take.

        Raises:
            BadModelError: it is missing, damaged or not supported.
            UntrustedError: loading it would execute code, and it is not trusted.
        """
        chosen, record = open_form(
            Path(path), digest, compile=compile, forms=forms, trusted=trusted
        )
        known = name or Path(path).stem
        return cls(
            known, version, chosen, record, uri=uri or str(path), digest=digest, limits=limits
        )

    def infer(self, tensors: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Answer tensors with tensors in the calling thread, at once, and count it.

        Args:
            tensors: the request's tensors by name.
            wanted: names of the outputs to give; those that the model gives by default if empty.

        Raises:
            BadTensorError: a tensor does not fit, or an output is unknown.
            InferenceFailedError: the model itself failed.
        """
        start = self.used_ns = time.perf_counter_ns()
        self.statistics.begin()
        try:
            outputs = self.run(tensors, wanted)
        except BaseException as error:
            self.statistics.count_failure(time.perf_counter_ns() - start)
            self._tell(tensors, start, error)
            raise
        took = time.perf_counter_ns() - start
        self.statistics.count_success(rows_of(tensors), took)
        if CURRENT.get() is not None:
            self._tell(tensors, start)
        if took > _LONG_NS:
            self._reconsider()
        return outputs

    def run(self, tensors: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Run the model once, and count that; whoever asks counts the requests that it served.

        Args:
            tensors: of one request, or of several put together.
            wanted: names of the outputs to give; those that the model gives by default if empty.

        Raises:
            BadTensorError: a tensor does not fit, or an output is unknown.
            InferenceFailedError: the model itself failed.
        """
        start = time.perf_counter_ns()
        rows = self._checked_rows(tensors)
        bound = self.predictor.signature.bind(tensors)
        ready = time.perf_counter_ns()
        outputs = self._call(bound, wanted)
        self.statistics.count_execution(rows, ready - start, time.perf_counter_ns() - ready, 0)
        return outputs

    def runs_here(self, tensors: Mapping[str, Array]) -> bool:
        """Whether a request is answered where it is read: the model is quick, the request small.

        It is small, too, if the compiled form was measured to answer so many rows at once.
        """
        if not self.is_quick:
            return False
        size = 0
        for array in tensors.values():
            size += array.nbytes
        return size <= _SMALL_BYTES or rows_of(tensors) <= self._rows_here

    async def ask(
        self,
        tensors: Mapping[str, Array],
        wanted: tuple[str, ...] = (),
        deadline: float | None = None,
    ) -> dict[str, Array]:
        """Answer as `infer` does, from the event loop, in a thread of the model's lane.

        Args:
            tensors: the request's tensors by name.
            wanted: names of the outputs to give.
            deadline: when the answer is of no use any more, on `time.monotonic`'s clock.

        Raises:
            BadTensorError: a tensor does not fit, or an output is unknown.
            InferenceFailedError: the model itself failed.
            OverloadedError: too many requests wait for it.
            StuckError: it does not come back.
            TimedOutError: the deadline passed.
        """
        with self._counted(tensors) as counted:
            counted.job = self._job(tensors, wanted, deadline)
            return await self.lane.ask(counted.job)

    def answer(
        self,
        tensors: Mapping[str, Array],
        wanted: tuple[str, ...] = (),
        deadline: float | None = None,
    ) -> dict[str, Array]:
        """Do what `ask` does, from a thread that waits."""
        with self._counted(tensors) as counted:
            counted.job = self._job(tensors, wanted, deadline)
            return self.lane.answer(counted.job)

    def predict(self, rows: Any) -> Array:
        """Return the first output for rows.

        Args:
            rows: a matrix of rows by features, or a table: a DataFrame of pandas or Polars, or a
                mapping of columns. What a model has no column for is left out of a DataFrame.

        Raises:
            BadTensorError: they do not fit the model.
            InferenceFailedError: the model itself failed.
        """
        return next(iter(self.infer(tensors_of(rows, self.columns)).values()))

    @contextmanager
    def _counted(self, tensors: Mapping[str, Array]) -> Iterator["_Asked"]:
        """Count a request that goes through the lane."""
        asked, statistics = _Asked(), self.statistics
        start = self.used_ns = time.perf_counter_ns()
        statistics.begin()
        try:
            yield asked
        except BaseException as error:
            statistics.count_failure(time.perf_counter_ns() - start)
            self._tell(tensors, start, error, asked.job)
            raise
        job = asked.job
        assert job is not None
        statistics.count_success(
            rows_of(tensors),
            time.perf_counter_ns() - start,
            queue_ns=job.started_ns - job.queued_ns,
        )
        self._tell(tensors, start, job=job)

    def _tell(
        self,
        tensors: Mapping[str, Array],
        start_ns: int,
        error: BaseException | None = None,
        job: Job | None = None,
    ) -> None:
        """Tell who watches the request when it waited and when the model ran."""
        watched = CURRENT.get()
        if watched is None:
            return
        now = time.perf_counter_ns()
        if job is not None and job.queued_ns:
            start_ns = job.started_ns or now
            watched.waited(job.queued_ns, start_ns)
            if not job.started_ns:
                return
        watched.ran(self.name, self.version, rows_of(tensors), start_ns, now, error)

    def _job(
        self, tensors: Mapping[str, Array], wanted: tuple[str, ...], deadline: float | None
    ) -> Job:
        whole = self._checked_rows(tensors)
        if isinstance(self.predictor, Resting):
            self.tally.missed()
        bound = self.predictor.signature.bind(tensors)
        rows = batching.rows_of(bound)
        joins = self.lane.batch_rows > 1
        if joins:
            self.statistics.count_queue(self.lane.waiting)
        key = batching.key_of(bound, wanted) if joins and rows is not None else None
        return Job(bound, whole if rows is None else rows, wanted, key, deadline)

    def _checked_rows(self, tensors: Mapping[str, Array]) -> int:
        rows = rows_of(tensors)
        if rows > self.limits.rows:
            raise BadTensorError(
                f"the request has {rows} rows",
                why=f"model {self.name!r} takes {self.limits.rows} at most",
                fix="send fewer rows at a time, or raise max_rows",
            )
        return rows

    def _open(self) -> None:
        if isinstance(self.predictor, Resting):
            self.predictor.wake()

    def _call(self, bound: Mapping[str, Array], wanted: tuple[str, ...]) -> dict[str, Array]:
        """Run the model; whatever it raises becomes an error of ours."""
        try:
            outputs = self.predictor.run(bound, wanted)
        except DovetailError:
            raise
        except (Exception, SystemExit) as error:
            log.error("model failed", model=self.name, version=self.version, exc_info=error)
            raise InferenceFailedError(
                f"model {self.name!r} failed", why=f"{type(error).__name__}: {error}"
            ) from error
        most = self.limits.answer_bytes
        for array in outputs.values():
            if array.nbytes > most:
                raise InferenceFailedError(
                    f"the answer of model {self.name!r} is over {most >> 20} MiB",
                    fix="send fewer rows at a time, or raise max_answer_mb",
                )
        return self._selected(outputs, wanted) if wanted else outputs

    def _apart(self) -> None:
        log.warning("requests are not joined any more", model=self.name, version=self.version,
                    why="an answer has not as many rows as its request")  # fmt: skip
        self.lane.batch_rows = 1

    def _reconsider(self) -> None:
        """Stop taking the model for quick, if it has been slow more than once."""
        done = self.statistics.counts()
        if self.is_quick and done.succeeded >= _LEARNED and (done.mean_ms or 0) > _LONG_MEAN_MS:
            log.warning("model is slower than it was", model=self.name, mean_ms=done.mean_ms)
            self.is_quick = False

    def _selected(self, outputs: dict[str, Array], wanted: tuple[str, ...]) -> dict[str, Array]:
        for name in wanted:
            if name not in outputs:
                known = list({**outputs, **{spec.name: 0 for spec in self.predictor.outputs}})
                raise BadTensorError(
                    f"model {self.name!r} has no output {name!r}",
                    why=did_you_mean(name, known),
                    fix=f"it has: {', '.join(known)}",
                )
        return {name: outputs[name] for name in wanted}

    def describe(self, versions: tuple[str, ...] = ()) -> ModelMetadata:
        """Return the protocol's metadata; `parameters` say which form serves."""
        record = self.compilation
        return ModelMetadata(
            name=self.name,
            versions=versions or (self.version,),
            platform=self.predictor.platform,
            inputs=tuple(TensorMetadata(**s.describe()) for s in self.predictor.signature.inputs),
            outputs=tuple(TensorMetadata(**s.describe()) for s in self.predictor.outputs),
            parameters={
                "uri": self.uri,
                "columns": list(self.columns),
                "digest": self.digest,
                "original_platform": record.original,
                "compiled": record.compiled,
                "largest_difference": record.largest_difference,
                "labels_differing": record.labels_differing,
                "compared_rows": record.rows,
                "why_not_compiled": record.why,
                "resting": self.is_resting,
            },
        )


def open_form(
    path: Path, digest: str, *, compile: bool, forms: Forms | None, trusted: bool
) -> tuple[Predictor, compiling.Compilation]:
    """Open a model's files in the form that serves; the arguments are those of `Model.load`."""
    file, card = path, read_card(path)
    if card is not None:  # a repository says how it is to be called
        file = content_of(path)
        digest = content_digest(path)  # compiled forms are found by the files alone
        check_format(card, file)
    if forms is not None and compile:
        chosen, record = forms.choose(file, digest, trusted=trusted)
    else:
        chosen, record = compiling.choose(formats.load(file, trusted=trusted), wanted=compile)
    return (chosen if card is None else dress(chosen, card, file)), record


def rows_of(tensors: Mapping[str, Array]) -> int:
    """Return how many rows tensors have: the size of the first axis of the first of them."""
    first = next(iter(tensors.values()), None)
    return len(first) if first is not None and first.ndim else 1


def _rows_within(record: compiling.Compilation, us: float) -> int:
    """Return how many rows the compiled form answers in a time, by what was measured at load."""
    timed = max(record.timings, key=lambda timing: timing.rows, default=None)
    if timed is None or not record.compiled:
        return 0
    return int(timed.rows * us / max(timed.compiled_us, 1.0))
