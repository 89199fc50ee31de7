"""What a column looked like on the reference, as bins that any later value falls into.

A profile is small whatever the number of rows: 64 quantile bins for numbers, up to 256 levels for
categories, and always a bin for missing values and bins for values never seen before. Nothing of
the rows themselves is kept.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring import distances
from dovetail.monitoring.numeric import Floats

Bins = npt.NDArray[np.int64]
Values = Floats | list[str | None]
Kind = Literal["numeric", "category"]

QUANTILES = 64
LEVELS = 256
_GROUPS = 10


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the reference.

    Attributes:
        name: The column.
        kind: "numeric" or "category".
        cuts: Upper edges of the bins of a numeric column, increasing; the first lies just below
            the smallest value and the last is the largest, so the outer bins are unheard-of values.
        levels: The levels of a category, most frequent first.
        counts: Rows in each bin. After the bins of `cuts` (one more than cuts) or `levels` (one
            more: any other level) comes one for missing values.
        mean: Mean of a numeric column.
        deviation: Its standard deviation.
    """

    name: str
    kind: Kind
    counts: list[int]
    cuts: list[float] = []
    levels: list[str] = []
    mean: float | None = None
    deviation: float | None = None

    @property
    def rows(self) -> int:
        """Rows of the reference."""
        return sum(self.counts)

    def bins(self, values: Values) -> Bins:
        """The bin of every value."""
        missing = len(self.counts) - 1
        if self.kind == "numeric":
            numbers = _numbers(values)
            found = np.searchsorted(np.asarray(self.cuts), numbers).astype(np.int64)
            found[np.isnan(numbers)] = missing
            return found
        index = {level: i for i, level in enumerate(self.levels)}
        other = missing - 1
        return np.array(
            [missing if v is None else index.get(v, other) for v in _texts(values)], dtype=np.int64
        )

    def describe(self, counts: Bins) -> dict[str, float]:
        """How other rows, counted in the same bins, differ: for people, never for alarms.

        Returns:
            `psi` over about ten groups of bins, and the shares `missing` and `unseen` of rows.
        """
        total = max(1, int(counts.sum()))
        reference = np.asarray(self.counts)
        groups = self.groups()
        merged = [np.bincount(groups, weights=c).astype(np.int64) for c in (reference, counts)]
        above = len(self.counts) - 2
        outer = {0, above} if self.kind == "numeric" else {above}
        unseen = sum(int(counts[i]) for i in outer if self.counts[i] == 0)
        return {
            "psi": distances.psi(merged[0], merged[1]),
            "missing": float(counts[-1] / total),
            "unseen": unseen / total,
        }

    def groups(self) -> Bins:
        """The group of each bin: at most ten of about equal weight, missing alone as the last."""
        known = np.asarray(self.counts)[:-1]
        middle = (np.cumsum(known) - known / 2) / max(1, known.sum())
        groups = np.minimum((middle * _GROUPS).astype(np.int64), _GROUPS - 1)
        dense = np.unique(groups, return_inverse=True)[1]
        return np.append(dense, dense.max() + 1).astype(np.int64)


def profile(name: str, values: Sequence[Any] | npt.NDArray[Any]) -> ColumnProfile:
    """Summarise one column of the reference.

    Args:
        name: The column.
        values: Numbers, booleans or strings; None or NaN where missing.
    """
    column = typed(values)
    if isinstance(column, list):
        return _category(name, column)
    known = column[np.isfinite(column)]
    cuts = np.empty(0)
    if len(known):
        inner = np.quantile(known, np.arange(1, QUANTILES) / QUANTILES)
        cuts = np.unique(np.r_[np.nextafter(known.min(), -math.inf), inner, known.max()])
    made = ColumnProfile(
        name=name,
        kind="numeric",
        cuts=cuts.tolist(),
        counts=[0] * (len(cuts) + 2),
        mean=float(known.mean()) if len(known) else None,
        deviation=float(known.std()) if len(known) else None,
    )
    return msgspec.structs.replace(made, counts=_count(made, column))


def _category(name: str, values: list[str | None]) -> ColumnProfile:
    found = Counter(v for v in values if v is not None)
    levels = [level for level, _ in sorted(found.items(), key=lambda i: (-i[1], i[0]))][:LEVELS]
    made = ColumnProfile(name=name, kind="category", levels=levels, counts=[0] * (len(levels) + 2))
    return msgspec.structs.replace(made, counts=_count(made, values))


def _count(column: ColumnProfile, values: Values) -> list[int]:
    counts = np.bincount(column.bins(values), minlength=len(column.counts))
    return [int(count) for count in counts]


def typed(values: Sequence[Any] | npt.NDArray[Any]) -> Values:
    """Make a column of float64 with NaN, or a list of strings with None, of whatever came.

    A column with any string in it is a category; booleans are numbers.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return values.astype(np.float64)
    items = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if any(isinstance(v, str) for v in items):
        return [None if v is None or v != v else str(v) for v in items]
    return np.array([math.nan if v is None else v for v in items], dtype=np.float64)


def _numbers(values: Values) -> Floats:
    """Read a column as numbers; what is no number counts as missing."""
    if isinstance(values, np.ndarray):
        return values
    return np.array([_number(v) for v in values], dtype=np.float64)


def _number(value: str | None) -> float:
    try:
        return math.nan if value is None else float(value)
    except ValueError:
        return math.nan


def _texts(values: Values) -> list[str | None]:
    """Read a column as levels; whole numbers lose their decimal point."""
    if isinstance(values, list):
        return values
    return [
        None if math.isnan(v) else str(int(v)) if v.is_integer() else str(v)
        for v in values.tolist()
    ]
