"""What happened to requests that were not run, and to models that came and went.

Rare events, so a series is taken when the first of them happens. `metrics` shows them.
"""

import weakref
from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, Metric

from dovetail.serving.counters import BOARD, Block

__all__ = ["Tally", "families"]

_KIND = "tally"
_LABELS = ("model", "version")
_FAMILIES = (
    ("requests_refused", "Requests refused at once, because the model's queue was full."),
    ("requests_expired", "Requests whose time was over before they were answered."),
    ("requests_abandoned", "Requests not run, because their clients had gone."),
    ("cache_misses", "Requests that found their model at rest; all others found it in memory."),
    ("cache_loads", "Times that a model at rest was opened again."),
    ("cache_load_seconds", "Seconds that took."),
    ("cache_evictions", "Times that a model was put to rest to make room."),
)
_REFUSED, _EXPIRED, _ABANDONED, _MISSES, _LOADS, _LOAD_NS, _EVICTIONS = range(len(_FAMILIES))


class Tally:
    """The events of one version of one model.

    Args:
        model: the model's name.
        version: the version.
    """

    def __init__(self, model: str, version: str) -> None:
        self._labels = (model, version)
        self._block: Block | None = None

    def refused(self) -> None:
        """Count a request that found the queue full."""
        self._add(_REFUSED)

    def expired(self) -> None:
        """Count a request whose time was over."""
        self._add(_EXPIRED)

    def abandoned(self) -> None:
        """Count a request whose client had gone."""
        self._add(_ABANDONED)

    def missed(self) -> None:
        """Count a request that found the model at rest."""
        self._add(_MISSES)

    def woken(self, ns: int) -> None:
        """Count that the model was opened again, and how long that took."""
        self._add(_LOADS)
        self._add(_LOAD_NS, ns)

    def evicted(self) -> None:
        """Count that the model was put to rest."""
        self._add(_EVICTIONS)

    def _add(self, index: int, amount: int = 1) -> None:
        block = self._block
        if block is None:
            block = self._block = BOARD.take(_KIND, self._labels, len(_FAMILIES))
            weakref.finalize(self, BOARD.leave, _KIND, self._labels).atexit = False
        with block.lock:
            block.cells[index] += amount


def families() -> Iterator[Metric]:
    """Yield the counters for Prometheus."""
    found = sorted(BOARD.totals(_KIND).items())
    for index, (name, about) in enumerate(_FAMILIES):
        family = CounterMetricFamily(f"dovetail_serving_{name}", about, labels=_LABELS)
        for labels, cells in found:
            value = cells[index] / 1e9 if index == _LOAD_NS else cells[index]
            family.add_metric(labels, value)
        yield family
