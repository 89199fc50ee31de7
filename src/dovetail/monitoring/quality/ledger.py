"""Predictions and the labels that come for them later, joined by id.

In whatever order they come, and however often: an id counts once, of several labels the one stated
last rules, a label may come before its prediction, and two ledgers merge into what one would hold.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.quality.rows import Rows, Task


@dataclass(frozen=True)
class Said:
    """A prediction as it was made.

    Attributes:
        day: When.
        answer: The probability, the number, or the probabilities of the classes.
        columns: The features that are kept.
    """

    day: date
    answer: Any
    columns: tuple[Any, ...]

    def rank(self) -> tuple[str, str]:
        """Decides between two predictions of one id, in whatever order they come."""
        return self.day.isoformat(), repr((self.answer, self.columns))


class Ledger:
    """Predictions and labels by id.

    Args:
        task: What the model does.
        classes: Names of the classes of a multi-class model.
        names: The features that are kept.
    """

    def __init__(self, task: Task, classes: Sequence[str] = (), names: Sequence[str] = ()) -> None:
        self.task: Task = task
        self.classes, self.names = tuple(classes), tuple(names)
        self.said: dict[str, Said] = {}
        self.labels: dict[str, tuple[str, str, Any]] = {}

    def predict(self, row_id: str, said: Said) -> None:
        """Note a prediction; of two with one id the first day's stays."""
        before = self.said.get(row_id)
        if before is None or said.rank() < before.rank():
            self.said[row_id] = said

    def label(self, row_id: str, value: Any, at: date) -> bool:
        """Note what came true, and when that was stated; returns whether it is new or changed."""
        stated = (at.isoformat(), repr(value), value)
        before = self.labels.get(row_id)
        if before is not None and stated[:2] <= before[:2]:
            return False
        self.labels[row_id] = stated
        return True

    def merge(self, other: "Ledger") -> None:
        """Take in what another ledger of the same model holds.

        Raises:
            RowsInvalidError: It is of another task, or other classes or features.
        """
        mine, theirs = (
            (self.task, self.classes, self.names),
            (other.task, other.classes, other.names),
        )
        if mine != theirs:
            raise RowsInvalidError(
                "only ledgers of one model can be merged", why=f"{mine} is not {theirs}"
            )
        for row_id, said in other.said.items():
            self.predict(row_id, said)
        for row_id, (at, _, value) in other.labels.items():
            self.label(row_id, value, date.fromisoformat(at))

    def days(self) -> list[date]:
        """The days that hold predictions."""
        return sorted({said.day for said in self.said.values()})

    def between(self, start: date | None, end: date | None) -> list[str]:
        """Ids of the predictions of some days, both ends included, in an order of their own."""

        def inside(day: date) -> bool:
            return (start is None or day >= start) and (end is None or day <= end)

        return self.chosen(lambda _, said: inside(said.day))

    def chosen(self, take: Callable[[str, Said], bool]) -> list[str]:
        """Ids of predictions that a function takes, by day and id."""
        found = [(said.day, row_id) for row_id, said in self.said.items() if take(row_id, said)]
        return [row_id for _, row_id in sorted(found)]

    def rows(self, ids: Iterable[str]) -> tuple[Rows, dict[str, list[Any]]]:
        """The rows of some predictions with the labels known so far, and the features of each."""
        wanted = list(ids)
        answers = [self.said[i].answer for i in wanted]
        labels = [self.labels[i][2] if i in self.labels else None for i in wanted]
        table: Any = answers
        if self.task == "multiclass":
            table = np.array(answers, dtype=np.float64).reshape(len(wanted), len(self.classes))
        rows = Rows.read(table, labels, task=self.task, classes=self.classes)
        kept = [self.said[i].columns for i in np.array(wanted, dtype=object)[rows.kept]]
        columns = {name: [values[k] for values in kept] for k, name in enumerate(self.names)}
        return rows, columns

    def drop(self, before: date) -> int:
        """Forget predictions made before a day, and their labels; returns how many."""
        gone = self.chosen(lambda _, said: said.day < before)
        for row_id in gone:
            del self.said[row_id]
            self.labels.pop(row_id, None)
        return len(gone)
