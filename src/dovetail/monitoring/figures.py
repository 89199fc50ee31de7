"""The figures of days and of groups of days, each computed once for each state of its data."""

import threading
from collections.abc import Callable, Iterable, Mapping

from dovetail.monitoring.calibration import Calibration
from dovetail.monitoring.performance import Choice, Days, measure
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.references import References
from dovetail.monitoring.store import Slice, Store
from dovetail.wire.monitoring import Figures

_KEPT = 20_000
Held = Mapping[str, tuple[int, list[Slice]]]
"""Days with their revision and slices."""


class FigureBook:
    """Figures of models over windows of days.

    Args:
        store: Predictions and outcomes.
        references: What estimates rest on.
    """

    def __init__(self, store: Store, references: References) -> None:
        self._days = Days(store)
        self._references = references
        self._kept: dict[tuple[object, ...], Figures] = {}
        self._lock = threading.Lock()

    def held(self, model: str, start: str, end: str) -> Held:
        """The days from start to end, both included, that hold anything."""
        return self._days.between(model, start, end)

    def window(self, model: str, days: Held, choice: Choice) -> Figures:
        """The figures of all these days as one."""
        return self._measure(model, days, choice, self._references.of(model))

    def grouped(
        self, model: str, days: Held, choice: Choice, group: Callable[[str], str]
    ) -> dict[str, Figures]:
        """The figures of groups of days that hold predictions, in order.

        Args:
            model: The model.
            days: From `held`.
            choice: Which predictions count.
            group: Gives each day the name of its group.
        """
        groups: dict[str, dict[str, tuple[int, list[Slice]]]] = {}
        for day, kept in days.items():
            groups.setdefault(group(day), {})[day] = kept
        references = self._references.of(model)
        found = {
            name: self._measure(model, some, choice, references) for name, some in groups.items()
        }
        return {name: figures for name, figures in found.items() if figures.predictions}

    def _measure(
        self, model: str, days: Held, choice: Choice, references: Mapping[str, Reference]
    ) -> Figures:
        parts = [p for _, slices in days.values() for p in slices if choice.takes(p)]
        key = (
            model,
            choice,
            tuple((day, revision) for day, (revision, _) in days.items()),
            tuple(references[v].digest for v in _versions(parts) if v in references),
        )
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        classes = {version: one.classes for version, one in references.items()}
        figures = measure(parts, _calibrations(references), classes)
        with self._lock:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = figures
        return figures


def _versions(parts: Iterable[Slice]) -> list[str]:
    return sorted({part.version for part in parts})


def _calibrations(references: Mapping[str, Reference]) -> dict[str, Calibration]:
    found = {version: reference.calibration for version, reference in references.items()}
    return {version: fitted for version, fitted in found.items() if fitted is not None}
