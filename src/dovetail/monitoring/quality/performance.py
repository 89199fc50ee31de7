"""Performance without a server: predictions now, labels whenever they come, findings anytime."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from msgspec import Struct

from dovetail.monitoring.columns import Roles, profile, typed
from dovetail.monitoring.drift import Watch
from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.loss import Loss, assess_losses
from dovetail.monitoring.quality.business import Business
from dovetail.monitoring.quality.design import Columns, length
from dovetail.monitoring.quality.direct import DirectLoss
from dovetail.monitoring.quality.estimate import Estimator
from dovetail.monitoring.quality.ledger import Ledger, Said
from dovetail.monitoring.quality.realised import loss_streams
from dovetail.monitoring.quality.report import describe
from dovetail.monitoring.quality.rows import Column, Rows, Task
from dovetail.wire.monitoring import Estimated, Quality

_LEAST = 50


class PerformanceFindings(Struct, frozen=True, kw_only=True):
    """What one update said.

    Attributes:
        day: The day of the update.
        quality: Figures of the predictions of this update.
        loss: How sure it is that the loss has risen; None while no new label has come.
    """

    day: date
    quality: Quality
    loss: Loss | None = None

    @property
    def alarm(self) -> bool:
        """Whether the evidence is over the budget."""
        return self.loss is not None and self.loss.alarm


class Performance:
    """Watches how a model does, one update a day.

    Args:
        answers: The model's answers on a labelled reference that it was not trained on.
        labels: What came true there.
        columns: The features of the reference, for estimates without labels and for segments.
        task: "binary", "multiclass" or "regression".
        classes: Names of the classes of a multi-class model, in the order of its answers.
        threshold: At and above it a binary answer counts as positive.
        alpha_per_year: The chance of a false alarm in 365 updates while nothing changes. Beside a
            `Monitor` of the inputs give each half of what you allow.
        functions: Business figures: each takes the answers and labels of the labelled rows and
            gives one number a row, or one for all.

    Example:
        >>> r = np.random.default_rng(0)
        >>> p = r.random(3000)
        >>> came = (r.random(3000) < p).astype(int)
        >>> watch = Performance(p[:2000], came[:2000])
        >>> watch.update(p[2000:2500], ids=range(500), day=date(2026, 3, 1)).quality.arrival.note
        '0 of 500 labels have arrived: nothing is realised yet, only estimates can be given'
        >>> found = watch.update(labels=dict(enumerate(came[2000:2500])), day=date(2026, 3, 9))
        >>> found.loss.rows, found.alarm
        (500, False)
        >>> watch.quality(date(2026, 3, 1)).arrival.share
        1.0
    """

    def __init__(
        self,
        answers: Column,
        labels: Column,
        columns: Columns | None = None,
        *,
        task: Task = "binary",
        classes: Sequence[str] = (),
        threshold: float = 0.5,
        alpha_per_year: float = 0.05,
        functions: Mapping[str, Business] | None = None,
    ) -> None:
        reference = Rows.read(answers, labels, task=task, classes=classes)
        if reference.refused:
            raise RowsInvalidError(
                f"{reference.refused} answers of the reference are no {task} answers",
                fix="leave those rows out, or say which task it is",
            )
        if int(reference.known.sum()) < _LEAST:
            raise RowsInvalidError(f"the reference has under {_LEAST} labelled rows")
        self.threshold, self._alpha = threshold, alpha_per_year
        self._functions = dict(functions or {})
        self._estimator = _estimator(reference, columns, threshold)
        streams = loss_streams(reference.at(reference.known))
        roles = Roles.draw(len(streams[0]))  # some rows shape the bins, others calibrate: exact
        profiles = [profile(f"(loss {k})", values, roles) for k, values in enumerate(streams)]
        self._watch = Watch.fresh(profiles, upward=True)
        self.ledger = Ledger(task, reference.classes, tuple(columns or ()))
        self._judged: set[str] = set()
        self._day: date | None = None

    def update(
        self,
        answers: Column | None = None,
        columns: Columns | None = None,
        *,
        ids: Sequence[Any] | None = None,
        labels: Column | Mapping[Any, Any] | None = None,
        day: date | None = None,
    ) -> PerformanceFindings:
        """Add a day's predictions, labels that have come, or both.

        Args:
            answers: The answers of the day.
            columns: Their features, those of the reference.
            ids: Their ids, by which labels are joined later; their positions by default, which
                only serves where all labels come at once.
            labels: Of these answers, row by row, None where not known yet; or by id, of any day.
            day: The date; by default the day after the last one, or today.

        Raises:
            RowsInvalidError: Something does not fit; then nothing was taken in.
        """
        at = self._next(day)
        said, stated = self._read(at, answers, columns, ids, labels)
        self._day = at
        for row_id, prediction in said.items():
            self.ledger.predict(row_id, prediction)
        for row_id, value in stated.items():
            self.ledger.label(row_id, value, at)
        return PerformanceFindings(
            day=at, quality=self._describe(list(said), None), loss=self._weigh(at)
        )

    def quality(
        self, start: date | None = None, end: date | None = None, *, by: str | None = None
    ) -> Quality:
        """All figures of a window, with the labels known by now.

        Args:
            start: First day of the predictions; the first there is by default.
            end: Last day, included; the last by default.
            by: A feature to split by, too.

        Raises:
            RowsInvalidError: There is no such feature.
        """
        return self._describe(self.ledger.between(start, end), by)

    def days(self) -> dict[date, Quality]:
        """All figures of each day that holds predictions."""
        return {day: self.quality(day, day) for day in self.ledger.days()}

    def merge(self, other: "Performance") -> None:
        """Take in the predictions and labels of another shard of the same model.

        The loss evidence counts what is new here at the next update.

        Raises:
            RowsInvalidError: It watches something else.
        """
        self.ledger.merge(other.ledger)

    def _describe(self, ids: list[str], by: str | None) -> Quality:
        rows, columns = self.ledger.rows(ids)
        if by is not None and by not in columns:
            raise RowsInvalidError(
                f"there is no feature '{by}'",
                fix=f"split by one of {', '.join(columns) or '(none were given)'}",
            )
        return describe(
            rows,
            threshold=self.threshold,
            estimated=self._estimate(rows, columns),
            by=None if by is None else typed(columns[by]),
            functions=self._functions,
        )

    def _estimate(self, rows: Rows, columns: Columns) -> Estimated | None:
        if len(rows) == 0 or self._estimator is None:
            return None
        return self._estimator.estimate(rows, columns)

    def _weigh(self, at: date) -> Loss | None:
        """Count rows whose first label is new, each exactly once, in the order of prediction."""
        ledger = self.ledger
        fresh = ledger.chosen(lambda i, _: i in ledger.labels and i not in self._judged)
        if not fresh:
            return None
        rows, _ = ledger.rows(fresh)
        self._judged.update(fresh)
        streams = loss_streams(rows.at(rows.known))
        return assess_losses(self._watch, at.isoformat(), streams, alpha=self._alpha)

    def _next(self, day: date | None) -> date:
        if day is None:
            day = datetime.now(UTC).date() if self._day is None else self._day + timedelta(days=1)
        if self._day is not None and day <= self._day:
            raise RowsInvalidError(
                f"day {day} is not after {self._day}", why="evidence grows day by day"
            )
        return day

    def _read(
        self,
        at: date,
        answers: Column | None,
        columns: Columns | None,
        ids: Sequence[Any] | None,
        labels: Column | Mapping[Any, Any] | None,
    ) -> tuple[dict[str, Said], dict[str, Any]]:
        """Check an update as a whole before any of it counts."""
        task, classes = self.ledger.task, self.ledger.classes
        table = [] if answers is None else list(answers)
        given = None if isinstance(labels, Mapping) else labels
        if answers is not None:
            Rows.read(answers, given, task=task, classes=classes)
        names = [f"{at}/{i}" for i in range(len(table))] if ids is None else list(map(str, ids))
        if len(names) != len(table):
            raise RowsInvalidError(f"there are {len(table)} answers but {len(names)} ids")
        if columns and length(columns) != len(table):
            raise RowsInvalidError(
                f"there are {len(table)} answers but {length(columns)} rows of columns"
            )
        features = _transposed(columns or {}, self.ledger.names, len(table))
        said = {
            name: Said(at, _plain(answer), values)
            for name, answer, values in zip(names, table, features, strict=True)
        }
        pairs = (
            labels.items()
            if isinstance(labels, Mapping)
            else zip(names, () if given is None else given, strict=given is not None)
        )
        stated = {str(i): _plain(v) for i, v in pairs if v is not None and v == v}
        _check_labels(list(stated.values()), task, classes)
        return said, stated


def _estimator(
    reference: Rows, columns: Columns | None, threshold: float
) -> Estimator | DirectLoss | None:
    if reference.task != "regression":
        return Estimator.fit(reference, columns, threshold=threshold)
    return DirectLoss.fit(reference, columns or {})


def _transposed(columns: Columns, names: tuple[str, ...], rows: int) -> list[tuple[Any, ...]]:
    parts = [[_plain(v) for v in columns.get(name, [None] * rows)] for name in names]
    return list(zip(*parts, strict=True)) if parts else [()] * rows


def _plain(value: Any) -> Any:
    """A number of NumPy as Python's, an array as a list."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _check_labels(values: list[Any], task: Task, classes: tuple[str, ...]) -> None:
    if task == "multiclass":
        Rows.read(
            np.full((len(values), len(classes)), 1 / len(classes)),
            values,
            task=task,
            classes=classes,
        )
    else:
        Rows.read(np.zeros(len(values)), values, task=task)
