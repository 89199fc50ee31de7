"""What a loaded version has done, counted once for Triton's statistics, the metrics and the pages.

On the hot path, so the numbers are whole (nanoseconds, not seconds) and lie in one block of
`counters`: to count a request is to add to some ten cells under one lock.
"""

import threading
import time
import weakref
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from dovetail.serving.counters import BOARD, Block, Labels
from dovetail.wire.open_inference import (
    BatchStatistics,
    Duration,
    InferenceStatistics,
    ModelStatistics,
)

__all__ = [
    "BATCH",
    "BOUNDS",
    "INFO",
    "LARGEST",
    "MODEL",
    "QUEUED",
    "Counts",
    "Statistics",
    "describe",
]

MODEL, BATCH, INFO, QUEUED = "model", "batch", "info", "queued"

BOUNDS: tuple[int, ...] = tuple(
    round(step * 10**power) for power in range(4, 11) for step in (1.0, 1.5, 2.2, 3.3, 4.7, 6.8)
)
"""Upper bounds of the latency histogram in nanoseconds: six a decade, from 10 us to 68 s."""

QUEUE_BOUNDS = (0, 1, 2, 5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10000)

(
    _SUCCESS, _SUCCESS_NS, _FAIL, _FAIL_NS, _ROWS, _EXECUTIONS, _INPUT_NS, _INFER_NS, _OUTPUT_NS,
    _QUEUED, _QUEUE_NS, _IN_FLIGHT, _LAST_MS, _HIT, _HIT_NS, _MISS, _MISS_NS,
) = range(17)  # fmt: skip
LARGEST = (_LAST_MS,)
"""Numbers of a version that are not sums over the workers, but the largest of them."""

_BUCKETS = 17
_SIZE = _BUCKETS + len(BOUNDS) + 1
_MOST_SIZES = 64  # batch sizes that are told apart; the others go to the next power of two


class Counts:
    """The numbers of one version, as they were at one moment, over all workers.

    Args:
        cells: from the board.
    """

    def __init__(self, cells: list[int]) -> None:
        self._cells = cells if len(cells) == _SIZE else [0] * _SIZE
        c = self._cells
        self.succeeded, self.success_ns = c[_SUCCESS], c[_SUCCESS_NS]
        self.failed, self.failure_ns = c[_FAIL], c[_FAIL_NS]
        self.rows, self.executions, self.in_flight = c[_ROWS], c[_EXECUTIONS], c[_IN_FLIGHT]
        self.queued, self.queue_ns, self.last_ms = c[_QUEUED], c[_QUEUE_NS], c[_LAST_MS]
        self.buckets = c[_BUCKETS:]

    @property
    def mean_ms(self) -> float | None:
        """Mean milliseconds of an answered request; None before the first."""
        return self.success_ns / self.succeeded / 1e6 if self.succeeded else None

    def since(self, before: "Counts") -> "Counts":
        """Return what was counted after an earlier moment; what begins anew counts as all new."""
        if self.succeeded < before.succeeded:
            return self
        return Counts([now - then for now, then in zip(self._cells, before._cells, strict=True)])

    def quantile_ms(self, share: float) -> float | None:
        """Return the milliseconds that a share of the answers took at most; None without any.

        Between the bounds of a bucket (half as much again, at most) it is interpolated.
        """
        total = sum(self.buckets)
        if not total:
            return None
        rank, below = share * total, 0
        for index, count in enumerate(self.buckets):
            if count and below + count >= rank:
                low = BOUNDS[index - 1] if index else 0
                high = BOUNDS[min(index, len(BOUNDS) - 1)]
                return (low + (high - low) * (rank - below) / count) / 1e6
            below += count
        return BOUNDS[-1] / 1e6

    def describe(self) -> InferenceStatistics:
        """Return Triton's message."""
        c = self._cells

        def of(count: int, ns: int) -> Duration:
            return Duration(count=c[count], ns=c[ns])

        return InferenceStatistics(
            success=of(_SUCCESS, _SUCCESS_NS),
            fail=of(_FAIL, _FAIL_NS),
            queue=of(_QUEUED, _QUEUE_NS),
            compute_input=of(_EXECUTIONS, _INPUT_NS),
            compute_infer=of(_EXECUTIONS, _INFER_NS),
            compute_output=of(_EXECUTIONS, _OUTPUT_NS),
            cache_hit=of(_HIT, _HIT_NS),
            cache_miss=of(_MISS, _MISS_NS),
        )


class Statistics:
    """Counts of one version of one model; its series go when nothing holds this any more.

    Args:
        model: the model's name.
        version: the version.
        form: which form serves, the stored form, and whether the first is compiled; for metrics.
    """

    def __init__(self, model: str, version: str, form: tuple[str, str, bool]) -> None:
        self.model, self.version = model, version
        self._labels: Labels = (model, version)
        self._sizes: dict[int, Block] = {}
        self._queue: Block | None = None
        self._block = self._take(MODEL, self._labels, _SIZE, (_IN_FLIGHT,))
        serves, original, compiled = form
        info = (model, version, serves, original, str(compiled).lower())
        self._take(INFO, info, 1).cells[0] = 1
        self._cells, self._lock = self._block.cells, self._block.lock

    def begin(self) -> None:
        """Count a request that has come; `count_success` or `count_failure` ends it."""
        with self._lock:
            self._cells[_IN_FLIGHT] += 1

    def count_success(self, rows: int, ns: int, *, queue_ns: int | None = None) -> None:
        """Count an answered request.

        Args:
            rows: that it asked for.
            ns: from the parsed request to the answer's tensors.
            queue_ns: of them spent waiting for others or for a turn; None where nothing waits.
        """
        bucket = _BUCKETS + bisect_left(BOUNDS, ns)
        now = time.time_ns() // 1_000_000
        cells = self._cells
        with self._lock:
            cells[_IN_FLIGHT] -= 1
            cells[_SUCCESS] += 1
            cells[_SUCCESS_NS] += ns
            cells[_ROWS] += rows
            cells[_LAST_MS] = now
            cells[bucket] += 1
            if queue_ns is not None:
                cells[_QUEUED] += 1
                cells[_QUEUE_NS] += queue_ns

    def count_failure(self, ns: int) -> None:
        """Count a request that failed."""
        with self._lock:
            self._cells[_IN_FLIGHT] -= 1
            self._cells[_FAIL] += 1
            self._cells[_FAIL_NS] += ns

    def count_refusal(self, ns: int) -> None:
        """Count a request that failed before it could be begun."""
        self.begin()
        self.count_failure(ns)

    def count_execution(self, rows: int, input_ns: int, infer_ns: int, output_ns: int) -> None:
        """Count one run of the model, which may serve several requests.

        Args:
            rows: in the batch.
            input_ns: to bring the tensors into the model's form.
            infer_ns: that the model took.
            output_ns: to bring its outputs into the protocol's form.
        """
        sized = self._sizes.get(rows) or self._sized(rows)
        batch, cells = sized.cells, self._cells
        with self._lock:
            cells[_EXECUTIONS] += 1
            cells[_INPUT_NS] += input_ns
            cells[_INFER_NS] += infer_ns
            cells[_OUTPUT_NS] += output_ns
            batch[0] += 1
            batch[1] += input_ns
            batch[2] += infer_ns
            batch[3] += output_ns

    def count_queue(self, waiting: int) -> None:
        """Count how many requests a new one found waiting to be batched."""
        block = self._queue
        if block is None:
            block = self._queue = self._take(QUEUED, self._labels, len(QUEUE_BOUNDS) + 2)
        with self._lock:
            block.cells[bisect_left(QUEUE_BOUNDS, waiting)] += 1
            block.cells[len(QUEUE_BOUNDS) + 1] += waiting

    def counts(self) -> Counts:
        """Return the numbers as they are now."""
        return Counts(BOARD.total(MODEL, self._labels, LARGEST))

    def _sized(self, rows: int) -> Block:
        """Return the block of a batch size; there are never more than a few dozen of them."""
        if len(self._sizes) >= _MOST_SIZES:
            rows = 1 << max(rows - 1, 0).bit_length()
        with _making:
            block = self._sizes.get(rows)
            if block is None:
                labels = (*self._labels, str(rows))
                block = self._sizes[rows] = self._take(BATCH, labels, 4)
        return block

    def _take(self, kind: str, labels: Labels, size: int, gauges: tuple[int, ...] = ()) -> Block:
        block = BOARD.take(kind, labels, size, gauges)
        weakref.finalize(self, BOARD.leave, kind, labels).atexit = False
        return block


_making = threading.Lock()


def describe(all_of: Iterable[Statistics]) -> list[ModelStatistics]:
    """Return Triton's messages of some versions."""
    models = BOARD.totals(MODEL, LARGEST)
    batches: defaultdict[Labels, list[tuple[int, list[int]]]] = defaultdict(list)
    for (model, version, size), cells in BOARD.totals(BATCH).items():
        batches[model, version].append((int(size), cells))
    found = []
    for one in all_of:
        labels = (one.model, one.version)
        counts = Counts(models.get(labels, []))
        sizes = sorted(batches.get(labels, []))
        found.append(
            ModelStatistics(
                name=one.model,
                version=one.version,
                last_inference=counts.last_ms,
                inference_count=counts.rows,
                execution_count=counts.executions,
                inference_stats=counts.describe(),
                batch_stats=tuple(_batch(size, cells) for size, cells in sizes),
            )
        )
    return found


def _batch(size: int, cells: list[int]) -> BatchStatistics:
    count, put, infer, output = cells
    return BatchStatistics(
        batch_size=size,
        compute_input=Duration(count=count, ns=put),
        compute_infer=Duration(count=count, ns=infer),
        compute_output=Duration(count=count, ns=output),
    )
