"""A column of one table, reduced to what the classical tests ask of it.

Numbers are kept sorted, categories as counts, so that a reference is prepared once and each look
at new rows pays for those alone.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

KEPT = 131_072
"""Values of a reference column that are kept: beyond, as many evenly spaced order statistics."""


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
        values: The finite values, increasing; float64 [n].
        rows: Rows of the column.
        missing: Rows without a finite value.
    """

    values: Floats
    rows: int
    missing: int
    size: int

    @cached_property
    def mean(self) -> float:
        """Mean of the values, NaN where there are none."""
        with np.errstate(over="ignore"):
            return float(self.values.mean()) if len(self.values) else math.nan

    @cached_property
    def deviation(self) -> float:
        """Standard deviation, divided by n."""
        with np.errstate(over="ignore", invalid="ignore"):  # squares of 1e200: infinite, not wrong
            return float(self.values.std()) if len(self.values) else math.nan

    def cuts(self, groups: int) -> Floats:
        """The inner edges of so many groups of equal weight; fewer where values repeat."""
        return np.unique(np.quantile(self.values, np.arange(1, groups) / groups))

    def between(self, cuts: Floats) -> Floats:
        """Rows up to each cut, and above the last: float64 [len(cuts) + 1]."""
        at = np.searchsorted(self.values, cuts, side="right")
        counts = np.diff(np.concatenate([[0], at, [len(self.values)]]))
        # A thinned column stands for all its rows.
        return counts * (self.size / max(1, len(self.values)))

    def thinned(self) -> "Numbers":
        """The same column in bounded memory; distances then err by 1 in 131,072 at most."""
        if len(self.values) <= KEPT:
            return self
        at = ((np.arange(KEPT) + 0.5) * (len(self.values) / KEPT)).astype(np.int64)
        made = Numbers(self.values[at], self.rows, self.missing, self.size)
        made.__dict__.update(mean=self.mean, deviation=self.deviation)
        return made


@dataclass(frozen=True)
class Levels:
    """A column of categories.

    Attributes:
        counts: Rows of each level.
        rows: Rows of the column.
        missing: Rows without a value.
    """

    counts: Mapping[str, int]
    rows: int
    missing: int


Sample = Numbers | Levels


@dataclass(frozen=True)
class Coded:
    """Categories as a reader of columnar files has them: codes into a list of levels.

    Attributes:
        codes: One a row, -1 where missing.
        levels: What the codes stand for.
    """

    codes: npt.NDArray[np.int64]
    levels: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)


def sample(values: Any) -> Sample:
    """Reduce a column.

    Args:
        values: Numbers, booleans or texts in an array, a list or a pandas series; None or NaN is
            missing. A column with any text in it is a category; infinities count as missing. A
            column that is reduced already stays as it is.
    """
    if isinstance(values, Numbers | Levels):
        return values
    if isinstance(values, Coded):
        return _coded(values)
    array = values if isinstance(values, np.ndarray) else _array(values)
    if array.dtype.kind in "fiub":
        return numbers(np.asarray(array, dtype=np.float64))
    return _objects(array.tolist())


def numbers(values: Floats) -> Numbers:
    """Sort a column of float64; what is not finite is missing."""
    rows, ordered = len(values), np.sort(values)
    if rows and not (math.isfinite(ordered[0]) and math.isfinite(ordered[-1])):
        ordered = ordered[np.isfinite(ordered)]
    return Numbers(ordered, rows, rows - len(ordered), len(ordered))


def _array(values: Any) -> npt.NDArray[Any]:
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy())
    if isinstance(values, Sequence) and values and isinstance(values[0], str | None):
        return np.array(values, dtype=object)
    try:
        found = np.asarray(values)
    except ValueError:
        found = np.empty(0)
    return found if found.dtype.kind in "fiub" else np.array(list(values), dtype=object)


def _objects(values: Sequence[Any]) -> Sample:
    try:
        found = Counter(values)
    except TypeError:  # lists and the like: told apart by how they print
        found = Counter(str(value) for value in values)
    if any(isinstance(value, str) for value in found):
        return _levels(found.items(), len(values))
    return numbers(np.array([math.nan if v is None else v for v in values], dtype=np.float64))


def _levels(found: Iterable[tuple[Any, int]], rows: int) -> Levels:
    counts: dict[str, int] = {}
    for value, times in found:
        if value is None or value != value:
            continue
        counts[str(value)] = counts.get(str(value), 0) + times
    return Levels(counts, rows, rows - sum(counts.values()))


def _coded(values: Coded) -> Levels:
    counts = np.bincount(values.codes + 1, minlength=len(values.levels) + 1)[1:].tolist()
    return _levels(((s, c) for s, c in zip(values.levels, counts, strict=True) if c), len(values))
