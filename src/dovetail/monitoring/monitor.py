"""Monitoring without a server: a watch over one model in the memory of a job or a notebook."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np

from dovetail.monitoring.columns import typed
from dovetail.monitoring.drift import assess, watch_inputs
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.loss import Loss, assess_loss, watch_loss
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.performance import measure
from dovetail.monitoring.reference import Column, Reference
from dovetail.monitoring.store import Slice
from dovetail.wire.monitoring import Drift, Figures


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What one update said.

    Attributes:
        drift: How sure it is that the inputs have changed.
        loss: How sure it is that the loss has risen; None without labels.
        figures: Realised and estimated performance of these rows; None without scores.
    """

    drift: Drift
    loss: Loss | None = None
    figures: Figures | None = None

    @property
    def alarm(self) -> bool:
        """Whether the evidence is over the budget, for drift or for the loss."""
        return self.drift.alarm or (self.loss is not None and self.loss.alarm)


class Monitor:
    """Watches a model, one update a day.

    Args:
        reference: What the model was validated on, or its columns by name.
        alpha_per_year: The chance of any false alarm during 365 updates on which nothing changes;
            half goes to drift, half to the loss.

    Example:
        >>> import numpy as np
        >>> r = np.random.default_rng(0)
        >>> monitor = Monitor({"wind": r.normal(10, 3, 2000)})
        >>> monitor.update({"wind": r.normal(10, 3, 300)}).alarm
        False
        >>> found = monitor.update({"wind": r.normal(14, 3, 300)})
        >>> found.alarm, found.drift.columns[0].column
        (True, 'wind')
    """

    def __init__(
        self, reference: Reference | Mapping[str, Column], *, alpha_per_year: float = 0.05
    ) -> None:
        if not isinstance(reference, Reference):
            reference = Reference.fit(reference)
        self.reference = reference
        self._alpha = alpha_per_year / 2
        self._inputs, self._losses = watch_inputs(reference), watch_loss(reference)
        self._day: date | None = None

    def update(
        self,
        rows: Mapping[str, Column],
        *,
        scores: Column | None = None,
        labels: Column | None = None,
        day: date | None = None,
    ) -> Findings:
        """Add the rows of one day.

        Args:
            rows: The features by column, all of one length.
            scores: The model's scores of these rows.
            labels: What came true, 0 or 1, missing where not known yet.
            day: Their date; by default the day after the last one, or today.

        Raises:
            ReferenceInvalidError: Columns differ in length, or a day is not after the last.
        """
        self._check(rows, scores, labels)
        at = self._next(day).isoformat()
        columns = {name: typed(values) for name, values in rows.items()}
        p = None if scores is None else _floats("scores", scores)
        drift = assess(self._inputs, at, columns, p, alpha=self._alpha)
        if p is None:
            return Findings(drift=drift)
        y = np.full(len(p), np.nan) if labels is None else _floats("labels", labels)
        loss = None
        known = np.isfinite(y)
        if self._losses is not None and known.any():
            loss = assess_loss(self._losses, at, p[known], y[known], alpha=self._alpha)
        version = self.reference.version
        calibration = self.reference.calibration
        figures = measure(
            [Slice("live", version, p, y)], {version: calibration} if calibration else {}
        )
        return Findings(drift=drift, loss=loss, figures=figures)

    def _next(self, day: date | None) -> date:
        if day is None:
            day = datetime.now(UTC).date() if self._day is None else self._day + timedelta(days=1)
        if self._day is not None and day <= self._day:
            raise ReferenceInvalidError(
                f"day {day} is not after {self._day}", why="evidence grows day by day"
            )
        self._day = day
        return day

    @staticmethod
    def _check(rows: Mapping[str, Column], scores: Column | None, labels: Column | None) -> None:
        sizes = {name: len(values) for name, values in rows.items()}
        sizes |= {n: len(v) for n, v in (("scores", scores), ("labels", labels)) if v is not None}
        if len(set(sizes.values())) > 1:
            said = ", ".join(f"{name} {size}" for name, size in list(sizes.items())[:6])
            raise ReferenceInvalidError("the columns differ in length", why=said)


def _floats(name: str, values: Column) -> Floats:
    column = typed(values)
    if isinstance(column, list):
        raise ReferenceInvalidError(f"{name} are not numbers", why="there are strings among them")
    return column
