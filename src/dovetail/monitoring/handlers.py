"""The use cases of monitoring: they take and give typed values and know no transport."""

import threading
from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from dovetail.base.clock import Clock, now_ms
from dovetail.base.sql import Database
from dovetail.monitoring import intake
from dovetail.monitoring.calibration import Calibration
from dovetail.monitoring.errors import DayInvalidError, ModelUnknownError
from dovetail.monitoring.performance import Choice, Days, Window, measure
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.references import References
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.monitoring.store import Slice, Store
from dovetail.wire.cloudevents import Event

_KEPT_FIGURES = 20_000


class Receipt(msgspec.Struct, frozen=True):
    """What became of a call's events: stored, stored before, or of no known type."""

    accepted: int
    duplicates: int
    ignored: int


class ReferenceBody(msgspec.Struct, frozen=True, kw_only=True):
    """A reference sample as it is sent: columns, scores and labels of the same rows."""

    version: str | int
    features: dict[str, list[float | str | bool | None]] = {}
    scores: list[float | None] | None = None
    labels: list[float | None] | None = None


class DayFigures(Window, frozen=True, kw_only=True):
    """The figures of one UTC day."""

    day: str


class MonthFigures(Window, frozen=True, kw_only=True):
    """The figures of one calendar month, written 2013-04."""

    month: str


class Monitoring:
    """Monitoring over one database.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
        settings: What the operator chose.
        clock: The time of events that state none.
    """

    def __init__(self, database: Database, settings: MonitoringSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.store = Store(database, shadow_features=settings.shadow_features)
        self.references = References(database)
        self._days = Days(self.store)
        self._figures: dict[tuple[object, ...], Window] = {}
        self._lock = threading.Lock()

    def accept(self, events: Sequence[Event]) -> Receipt:
        """Take events in; when this returns they are durable.

        Raises:
            EventInvalidError: One of them is broken; then none was stored.
        """
        now = now_ms(self.clock)
        items = intake.read(events, now)
        stored = self.store.add(items, now)
        return Receipt(stored.accepted, stored.duplicates, len(events) - len(items))

    def put_reference(self, model: str, body: ReferenceBody) -> Reference:
        """Set what a version was validated on. The same sample again changes nothing.

        Raises:
            ReferenceInvalidError: The sample cannot be summarised.
        """
        reference = Reference.fit(
            body.features, scores=body.scores, labels=body.labels, version=str(body.version)
        )
        self.references.put(model, reference, now_ms(self.clock))
        return reference

    def performance(self, model: str, start: str, end: str, choice: Choice) -> Window:
        """The figures of one window of UTC days, both ends included.

        Args:
            model: The model.
            start: First day, like 2013-04-01; "" for the first there is.
            end: Last day; "" for the last there is.
            choice: Which predictions count.

        Raises:
            ModelUnknownError: Nothing has named the model.
            DayInvalidError: The days are none, or in the wrong order.
        """
        days = self._between(model, start, end)
        return self._measure(model, days, choice)

    def days(self, model: str, start: str, end: str, choice: Choice) -> list[DayFigures]:
        """The figures of each day that holds predictions; see `performance`."""
        found = self._between(model, start, end)
        windows = ((day, self._measure(model, {day: kept}, choice)) for day, kept in found.items())
        return [
            DayFigures(day=day, **msgspec.structs.asdict(window))
            for day, window in windows
            if window.predictions
        ]

    def months(self, model: str, choice: Choice) -> list[MonthFigures]:
        """The figures of each calendar month that holds predictions."""
        grouped: dict[str, dict[str, tuple[int, list[Slice]]]] = {}
        for day, kept in self._between(model, "", "").items():
            grouped.setdefault(day[:7], {})[day] = kept
        windows = ((month, self._measure(model, days, choice)) for month, days in grouped.items())
        return [
            MonthFigures(month=month, **msgspec.structs.asdict(window))
            for month, window in windows
            if window.predictions
        ]

    def _between(self, model: str, start: str, end: str) -> dict[str, tuple[int, list[Slice]]]:
        first, last = _day(start or "0001-01-01"), _day(end or "9999-12-31")
        if first > last:
            raise DayInvalidError(f"the window ends on {last}, before it starts on {first}")
        found = self._days.between(model, first, last)
        if not found and not self._is_known(model):
            raise ModelUnknownError(model)
        return found

    def _is_known(self, model: str) -> bool:
        known = {row["model"] for row in self.store.models()}
        return model in known or model in self.references.models()

    def _measure(
        self, model: str, days: dict[str, tuple[int, list[Slice]]], choice: Choice
    ) -> Window:
        """The figures of some days, computed once for each state of their data."""
        references = self.references.of(model)
        parts = [p for _, slices in days.values() for p in slices if choice.takes(p)]
        key = (
            model,
            choice,
            tuple((day, revision) for day, (revision, _) in days.items()),
            tuple(references[v].digest for v in _versions(parts) if v in references),
        )
        with self._lock:
            kept = self._figures.get(key)
        if kept is not None:
            return kept
        window = measure(parts, _calibrations(references))
        with self._lock:
            if len(self._figures) >= _KEPT_FIGURES:
                self._figures.clear()
            self._figures[key] = window
        return window


def _versions(parts: Iterable[Slice]) -> list[str]:
    return sorted({part.version for part in parts})


def _calibrations(references: dict[str, Reference]) -> dict[str, Calibration]:
    found = {version: reference.calibration for version, reference in references.items()}
    return {version: fitted for version, fitted in found.items() if fitted is not None}


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise DayInvalidError(
            f"'{text}' is not a day", why=str(error), fix="write it like 2013-04-01"
        ) from error
