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
)


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
        self._add(0)

    def expired(self) -> None:
        """Count a request whose time was over."""
        self._add(1)

    def abandoned(self) -> None:
        """Count a request whose client had gone."""
        self._add(2)

    def _add(self, index: int) -> None:
        block = self._block
        if block is None:
            block = self._block = BOARD.take(_KIND, self._labels, len(_FAMILIES))
            weakref.finalize(self, BOARD.leave, _KIND, self._labels).atexit = False
        with block.lock:
            block.cells[index] += 1


def families() -> Iterator[Metric]:
    """Yield the counters for Prometheus."""
    found = sorted(BOARD.totals(_KIND).items())
    for index, (name, about) in enumerate(_FAMILIES):
        family = CounterMetricFamily(f"dovetail_serving_{name}", about, labels=_LABELS)
        for labels, cells in found:
            family.add_metric(labels, cells[index])
        yield family
