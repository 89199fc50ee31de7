"""Answers of many sources as sparse triplets: which item, which source, which label.

Everything that combines them works on these three arrays of codes, whole arrays at a time; nothing
here or beside it loops over items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dovetail.base.errors import InvalidInputError

__all__ = ["Codes", "Floats", "Votes", "softmax"]

_RADIX = 1 << 16  # codes below it are sorted in linear time
_COLUMNS = 16

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Votes:
    """Answers as codes; a source that abstained on an item has no entry.

    Attributes:
        item: int[a], the item of each answer, 0..items-1.
        source: int[a], who answered, 0..sources-1.
        label: int[a], the answer, 0..classes-1.
        items: How many items there are, those without an answer included.
        sources: How many sources.
        classes: How many labels, two or more.

    Raises:
        InvalidInputError: codes are out of range, or there are fewer than two classes.

    Example:
        >>> votes = Votes.of_matrix([[0, 0, -1], [1, -1, 0]], classes=2)
        >>> votes.shares().tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """

    item: Codes
    source: Codes
    label: Codes
    items: int
    sources: int
    classes: int

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise InvalidInputError(
                "there is nothing to combine",
                why="the answers hold fewer than two different labels",
                fix="check which column holds the labels, or name all classes",
            )
        for codes, bound, what in (
            (self.item, self.items, "items"),
            (self.source, self.sources, "sources"),
            (self.label, self.classes, "classes"),
        ):
            if len(codes) != len(self.item):
                raise InvalidInputError("items, sources and labels differ in length")
            if len(codes) and (codes.min() < 0 or codes.max() >= bound):
                raise InvalidInputError(f"an answer is outside the {bound} {what}")

    @classmethod
    def of_matrix(cls, matrix: Any, classes: int) -> "Votes":
        """Read a matrix int[items, sources] of labels; negative numbers are abstentions."""
        table = np.asarray(matrix)
        if table.ndim != 2:
            raise InvalidInputError("a label matrix has two axes: items and sources")
        item, source = np.nonzero(table >= 0)
        label = table[item, source].astype(np.int64)
        return cls(item, source, label, len(table), table.shape[1], classes)

    @cached_property
    def cell(self) -> Codes:
        """int[a]: source and answer as one code, `source * classes + label`."""
        return cast("Codes", self.source * self.classes + self.label)

    def answered(self) -> npt.NDArray[np.bool_]:
        """bool[items]: whether anybody answered."""
        return np.bincount(self.item, minlength=self.items) > 0

    def shares(self, weight: Floats | None = None) -> Floats:
        """float[items, classes]: each label's share of an item's answers; even without any.

        Args:
            weight: float[sources], what an answer of each counts.
        """
        counted = None if weight is None else weight[self.source]
        place = self.item * self.classes + self.label
        told = np.bincount(place, counted, self.items * self.classes)
        told = told.astype(float).reshape(self.items, self.classes)
        total = told.sum(1, keepdims=True)
        even = np.full_like(told, 1 / self.classes)
        return cast("Floats", np.divide(told, total, out=even, where=total > 0))

    def counts(self, posterior: Floats) -> Floats:
        """float[sources, label, truth]: expected answers of each source by truth."""
        cells, starts, order = self._by_cell
        told = np.zeros((self.sources * self.classes, self.classes))
        if len(order):
            told[cells] = np.add.reduceat(posterior.take(order, 0), starts, axis=0)
        return told.reshape(self.sources, self.classes, self.classes)

    def evidence(self, table: Floats) -> Floats:
        """float[items, classes]: the sum of `table[source * classes + label]` of an item."""
        have, starts, order = self._by_item
        total = np.zeros((self.items, table.shape[1]))
        if len(order):
            total[have] = np.add.reduceat(table.take(order, 0), starts, axis=0)
        return total

    @cached_property
    def _by_cell(self) -> tuple[Codes, Codes, Codes]:
        """Cells that occur, where each begins, and the items of the answers in that order."""
        return _grouped(self.cell, self.item, self.sources * self.classes)

    @cached_property
    def _by_item(self) -> tuple[Codes, Codes, Codes]:
        """Items that occur, where each begins, and the cells of the answers in that order."""
        return _grouped(self.item, self.cell, self.items)

    def sample(self, most: int) -> "Votes":
        """Return the answers on at most so many items that have some, the same ones every time."""
        chosen = self.some_items(most)
        return self if len(chosen) == self.items else self.of_items(chosen)

    def some_items(self, most: int) -> Codes:
        """int[..]: all items, or at most so many that have answers, the same ones every time."""
        have = np.flatnonzero(self.answered())
        if len(have) <= most:
            return np.arange(self.items)
        return np.sort(np.random.default_rng(0).choice(have, most, replace=False))

    def of_items(self, chosen: Codes) -> "Votes":
        """Return the answers on some items, with codes in that order."""
        place = np.full(self.items, -1)
        place[chosen] = np.arange(len(chosen))
        kept = np.flatnonzero(place.take(self.item) >= 0)
        parts = place.take(self.item.take(kept)), self.source.take(kept), self.label.take(kept)
        return Votes(*parts, len(chosen), self.sources, self.classes)

    def only(self, sources: Sequence[int] | Codes) -> "Votes":
        """Return the answers of some sources, with codes in that order."""
        place = np.full(self.sources, -1)
        place[np.asarray(sources)] = np.arange(len(sources))
        kept = place[self.source] >= 0
        parts = self.item[kept], place[self.source[kept]], self.label[kept]
        return Votes(*parts, self.items, len(sources), self.classes)


def _grouped(key: Codes, value: Codes, bound: int) -> tuple[Codes, Codes, Codes]:
    """Distinct keys, where each begins, and the values in the order of the keys.

    Answers are sorted once; then each sum over them is one pass over memory in order.
    """
    if len(key) and (np.diff(key) < 0).any():
        order = np.argsort(key.astype(np.uint16) if bound <= _RADIX else key, kind="stable")
        key, value = key.take(order), value.take(order)
    starts = np.flatnonzero(np.append(True, np.diff(key) != 0)) if len(key) else key
    return key.take(starts), starts, value


def softmax(evidence: Floats) -> Floats:
    """float[.., classes]: probabilities from logarithms, in place."""
    evidence -= _over_classes(np.maximum, evidence)
    np.exp(evidence, out=evidence)
    evidence /= _over_classes(np.add, evidence)
    return evidence


def _over_classes(join: np.ufunc, values: Floats) -> Floats:
    """Reduce the last axis, column by column: its few classes are no loop for numpy."""
    if values.shape[-1] > _COLUMNS:
        return cast("Floats", join.reduce(values, -1, keepdims=True))
    found = values[..., 0].copy()
    for column in range(1, values.shape[-1]):
        join(found, values[..., column], out=found)
    return found[..., None]
