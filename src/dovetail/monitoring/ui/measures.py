"""What a model's page computes from rows, kept until the rows change: figures in full, outliers.

The page is asked for every half minute while somebody looks; its days change a few times a day.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

from dovetail.base.errors import DovetailError
from dovetail.monitoring.handlers import RECENT, Monitoring
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.quality.history import History
from dovetail.monitoring.quality.service import Asked, measure
from dovetail.wire.monitoring import Day, OutlierDay, Quality

__all__ = ["Measures"]

_KEPT = 64
_MOST_ROWS = 100_000
T = TypeVar("T")


class Measures:
    """Measures of models for their pages.

    Args:
        monitoring: Where the rows are.
    """

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring
        self._history = History(monitoring.store.database)
        self._kept: OrderedDict[tuple[object, ...], object] = OrderedDict()
        self._lock = threading.Lock()

    def quality(self, model: str, days: Sequence[Day], by: str) -> tuple[Quality | None, list[str]]:
        """All figures of the latest days, as many as four weeks and 100,000 rows hold.

        Args:
            model: The model.
            days: Its days.
            by: A feature to split by, "" for none.

        Returns:
            The figures, None where there are none, and the days that they are of.
        """
        chosen: list[str] = []
        rows = 0
        for day in reversed(days[-RECENT:]):
            if chosen and rows + day.predictions > _MOST_ROWS:
                break
            rows += day.predictions
            chosen.insert(0, day.day.isoformat())
        if not chosen:
            return None, []
        references = self._monitoring.references.of(model)
        held = self._monitoring.store.revisions(model, chosen[0], chosen[-1])
        digests = tuple(sorted(one.digest for one in references.values()))
        key = ("quality", model, tuple(held.items()), digests, by)
        own = self._monitoring.business
        asked = Asked(choice=Choice(), by=by or None)

        def work() -> Quality | None:
            # A business figure that fails is left out; labels of no one task leave no figure.
            for functions in (own, None):
                try:
                    return measure(self._history, model, chosen, asked, references, functions)
                except DovetailError:
                    continue
            return None

        return self._once(key, work), chosen

    def outliers(self, model: str, day: str) -> list[OutlierDay]:
        """The rows of a day that are unlike the reference; none of very many rows."""
        held = self._monitoring.store.revisions(model, day, day)
        figures = self._monitoring.performance(model, day, day, Choice())
        if figures.predictions > _MOST_ROWS:
            return []
        key = ("outliers", model, tuple(held.items()), tuple(sorted(figures.versions)))

        def work() -> list[OutlierDay]:
            found = self._monitoring.outliers_of(model, day, "")
            return [one for one in found if one.version in figures.versions]

        return self._once(key, work)

    def _once(self, key: tuple[object, ...], work: Callable[[], T]) -> T:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                kept: T = self._kept[key]  # type: ignore[assignment]
                return kept
        made = work()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made
