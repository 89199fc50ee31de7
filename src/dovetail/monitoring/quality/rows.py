"""What a model answered and what came true, as arrays: the one thing that is measured.

A task says what the answers are. Labels that have not arrived are NaN; nothing else is missing:
rows whose answer cannot be read (not finite, no probability) are taken out and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.columns import typed
from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.numeric import Floats

Task = Literal["binary", "multiclass", "regression"]
Column = Sequence[Any] | npt.NDArray[Any]
_SUM = 1e-3


@dataclass(frozen=True)
class Rows:
    """Some predictions of one model.

    Attributes:
        task: "binary", "multiclass" or "regression".
        answers: Probability of the positive class or predicted number, shape (n,); for
            "multiclass" the probabilities, shape (n, K).
        labels: 0 or 1, the number that came true, or the position of the class; NaN where not
            known yet, shape (n,).
        classes: Names of the K classes, in the order of the columns of the answers.
        refused: Rows left out because their answer cannot be read.
        kept: Positions of the other rows in what was read; empty for rows made otherwise.
        named: The model named a class and stated no probability: its answers are 1 for that class.
    """

    task: Task
    answers: Floats
    labels: Floats
    classes: tuple[str, ...] = ()
    refused: int = 0
    kept: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    named: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Where the label has arrived, shape (n,)."""
        return np.isfinite(self.labels)

    def at(self, which: npt.NDArray[Any]) -> "Rows":
        """The rows at a mask or at positions."""
        answers, labels = self.answers[which], self.labels[which]
        return Rows(self.task, answers, labels, self.classes, named=self.named)

    @classmethod
    def read(
        cls,
        answers: Column,
        labels: Column | None = None,
        *,
        task: Task = "binary",
        classes: Sequence[str] = (),
    ) -> "Rows":
        """Check columns and make rows of them.

        Args:
            answers: See the attributes; any sequence or array.
            labels: What came true, None or NaN where not known yet; class names for "multiclass".
            task: What the model does.
            classes: Names of the classes; "0", "1", ... by default.

        Raises:
            RowsInvalidError: Lengths differ, a label is none of the task, or there are strings.

        Example:
            >>> rows = Rows.read([0.9, 0.2, 0.4], [1, 0, None])
            >>> len(rows), int(rows.known.sum())
            (3, 2)
        """
        table = _table(answers, task)
        width = table.shape[1] if table.ndim > 1 else 0
        names = tuple(map(str, classes or range(width))) if task == "multiclass" else ()
        if task == "multiclass" and len(names) != width:
            raise RowsInvalidError(
                f"there are {len(names)} classes but {width} columns of probabilities",
                fix="give one name a column, in their order",
            )
        said = _labels(labels, len(table), task, names)
        fit = _readable(table, task)
        return cls(task, table[fit], said[fit], names, int((~fit).sum()), np.flatnonzero(fit))


def join(parts: Sequence[Rows]) -> Rows:
    """Put rows of one task after each other."""
    first = parts[0]
    kind = (first.task, first.classes, first.named)
    if any((p.task, p.classes, p.named) != kind for p in parts):
        raise RowsInvalidError("rows of different tasks or classes cannot be joined")
    return Rows(
        first.task,
        np.concatenate([p.answers for p in parts]),
        np.concatenate([p.labels for p in parts]),
        first.classes,
        sum(p.refused for p in parts),
        named=first.named,
    )


def _table(answers: Column, task: Task) -> Floats:
    try:
        table = np.asarray(
            [np.nan if a is None else a for a in answers]
            if not isinstance(answers, np.ndarray) and task != "multiclass"
            else answers,
            dtype=np.float64,
        )
    except (TypeError, ValueError) as error:
        raise RowsInvalidError("the answers are not numbers", why=str(error)) from error
    wanted = 2 if task == "multiclass" else 1
    if table.ndim != wanted:
        shape = "[rows, classes]" if task == "multiclass" else "[rows]"
        raise RowsInvalidError(
            f"the answers of a {task} model have shape {list(table.shape)}",
            fix=f"give them as {shape}",
        )
    return table


def _labels(labels: Column | None, rows: int, task: Task, classes: tuple[str, ...]) -> Floats:
    if labels is None:
        return np.full(rows, np.nan)
    if len(labels) != rows:
        raise RowsInvalidError(f"there are {rows} answers but {len(labels)} labels")
    if task == "multiclass":
        return _positions(labels, classes)
    try:
        found = typed(labels)
    except (TypeError, ValueError) as error:
        raise RowsInvalidError("the labels are not numbers", why=str(error)) from error
    if isinstance(found, list):
        raise RowsInvalidError("the labels are not numbers", why="there are strings among them")
    found = np.where(np.isfinite(found), found, np.nan)
    if task == "binary" and not (np.isnan(found) | (found == 0) | (found == 1)).all():
        raise RowsInvalidError(
            "the labels of a binary model are 0 or 1",
            why=f"there is {found[~np.isnan(found) & (found != 0) & (found != 1)][0]:g}",
            fix='give task="regression" where the model predicts a number',
        )
    return found


def _positions(labels: Column, classes: tuple[str, ...]) -> Floats:
    index = {name: float(k) for k, name in enumerate(classes)}
    found = np.full(len(labels), np.nan)
    for i, label in enumerate(labels):
        if label is None or label != label:
            continue
        whole = isinstance(label, float | np.floating) and float(label).is_integer()
        name = str(int(label)) if whole else str(label)
        if name not in index:
            raise RowsInvalidError(
                f"'{name}' is no class", why=f"the classes are {', '.join(classes[:10])}"
            )
        found[i] = index[name]
    return found


def _readable(table: Floats, task: Task) -> npt.NDArray[np.bool_]:
    if task == "regression":
        return np.isfinite(table)
    inside = np.isfinite(table) & (table >= 0) & (table <= 1)
    if task == "binary":
        return inside
    with np.errstate(invalid="ignore"):
        whole = np.abs(table.sum(axis=1) - 1) < _SUM
    return np.asarray(inside.all(axis=1) & whole)
