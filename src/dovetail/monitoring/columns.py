"""What a column looked like on the reference, as bins that any later value falls into.

A profile is small whatever the number of rows: 64 quantile bins for numbers, up to 256 levels for
categories, and always a bin for missing values and bins for values never seen before. Nothing of
the rows themselves is kept.

Evidence needs bins that were not chosen by the rows that calibrate it: quantiles and levels of a
sample fit that sample better than any new row, and new levels are rarer in it than they will be
among new rows. A few rows, chosen at random whatever they hold, therefore shape the bins, and all
others calibrate. To look at a column, all rows count.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
SHAPING = 1000
"""Most rows that shape the bins of evidence; at most a quarter of the reference does."""
_GROUPS = 10
_SEED = 20130401
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Roles:
    """What each row of a reference is for.

    Attributes:
        shaping: Whether it shapes the bins, shape (n,); the others calibrate.
        seasons: The season of each row, shape (n,).
        count: How many seasons there are.
    """

    shaping: Rows
    seasons: Bins
    count: int = 1

    @classmethod
    def draw(cls, rows: int, seasons: Bins | None = None, count: int = 1) -> "Roles":
        """Choose the rows that shape, by their numbers alone."""
        shaping = np.zeros(rows, dtype=np.bool_)
        chosen = np.random.default_rng(_SEED).permutation(rows)[: min(-(-rows // 4), SHAPING)]
        shaping[chosen] = True
        return cls(shaping, np.zeros(rows, dtype=np.int64) if seasons is None else seasons, count)


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
        merge: The bin of evidence for each bin.
        pools: For each season the calibrating rows in each bin of evidence; empty where all rows
            shaped the bins, so that there is no exact evidence.
    """

    name: str
    kind: Kind
    counts: list[int]
    cuts: list[float] = []
    levels: list[str] = []
    mean: float | None = None
    deviation: float | None = None
    merge: list[int] = []
    pools: list[list[int]] = []

    @property
    def rows(self) -> int:
        """Rows of the reference."""
        return sum(self.counts)

    def bins(self, values: Values) -> Bins:
        """The bin of every value."""
        missing = len(self.counts) - 1
        if self.kind == "numeric":
            numbers = numbers_of(values)
            found = np.searchsorted(np.asarray(self.cuts), numbers).astype(np.int64)
            found[np.isnan(numbers)] = missing
            return found
        index = {level: i for i, level in enumerate(self.levels)}
        other = missing - 1
        return np.array(
            [missing if v is None else index.get(v, other) for v in _texts(values)], dtype=np.int64
        )

    def count(self, values: Values) -> Bins:
        """How many of the values are in each bin."""
        return np.bincount(self.bins(values), minlength=len(self.counts)).astype(np.int64)

    def calibration(self) -> Bins:
        """Calibrating rows, shape (seasons, bins of evidence).

        A profile whose rows all shaped its bins calibrates by the same rows. References kept by
        earlier versions are so: their evidence goes on as it was, without the exact guarantee.
        """
        return np.array(self.pools or [self.counts], dtype=np.int64)

    def merged(self, counts: Bins) -> Bins:
        """Counts in the bins of evidence, from counts in all bins."""
        if not self.pools:
            return counts
        found = np.zeros(len(self.pools[0]), dtype=np.int64)
        np.add.at(found, np.asarray(self.merge), counts)
        return found

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


def profile(
    name: str,
    values: Sequence[Any] | npt.NDArray[Any],
    roles: Roles | None = None,
    quantiles: int = QUANTILES,
) -> ColumnProfile:
    """Summarise one column of the reference.

    Args:
        name: The column.
        values: Numbers, booleans or strings; None or NaN where missing.
        roles: Which rows shape the bins of evidence; without them, the profile is to look at only.
        quantiles: How many bins a numeric column gets, about.
    """
    column = typed(values)
    if isinstance(column, list):
        return _category(name, column, roles)
    known = column[np.isfinite(column)]
    shaping = known if roles is None else column[roles.shaping & np.isfinite(column)]
    cuts = _cuts(shaping, quantiles)
    shaped = cuts
    if roles is not None and len(known):
        cuts = np.unique(np.r_[np.nextafter(known.min(), -math.inf), cuts, known.max()])
    made = ColumnProfile(
        name=name,
        kind="numeric",
        cuts=cuts.tolist(),
        counts=[0] * (len(cuts) + 2),
        mean=float(known.mean()) if len(known) else None,
        deviation=float(known.std()) if len(known) else None,
    )
    # A bin lies between two cuts, so its upper edge tells in which bin of evidence it is.
    merge = [*np.searchsorted(shaped, cuts).tolist(), len(shaped), len(shaped) + 1]
    return _counted(made, column, merge, roles)


def _cuts(known: Floats, quantiles: int) -> Floats:
    if len(known) == 0:
        return np.empty(0)
    inner = np.quantile(known, np.arange(1, quantiles) / quantiles)
    return np.unique(np.r_[np.nextafter(known.min(), -math.inf), inner, known.max()])


def _category(name: str, values: list[str | None], roles: Roles | None) -> ColumnProfile:
    shaped: list[str] = []
    if roles is not None:
        shaped = _by_frequency(v for v, chosen in zip(values, roles.shaping, strict=True) if chosen)
    # Levels that shape are kept whatever the others say, for evidence must not depend on those.
    kept = set(shaped[:LEVELS])
    everything = _by_frequency(values)
    kept.update([level for level in everything if level not in kept][: LEVELS - len(kept)])
    levels = [level for level in everything if level in kept]
    index = {level: i for i, level in enumerate(shaped[:LEVELS])}
    merge = [*(index.get(level, len(index)) for level in levels), len(index), len(index) + 1]
    made = ColumnProfile(name=name, kind="category", levels=levels, counts=[0] * (len(levels) + 2))
    return _counted(made, values, merge, roles)


def _by_frequency(values: Iterable[str | None]) -> list[str]:
    found = Counter(v for v in values if v is not None)
    return [level for level, _ in sorted(found.items(), key=lambda item: (-item[1], item[0]))]


def _counted(
    made: ColumnProfile, values: Values, merge: list[int], roles: Roles | None
) -> ColumnProfile:
    bins = made.bins(values)
    counts = np.bincount(bins, minlength=len(made.counts)).tolist()
    if roles is None:
        return msgspec.structs.replace(made, counts=counts)
    fine = np.asarray(merge)[bins]
    pools = [
        np.bincount(fine[~roles.shaping & (roles.seasons == season)], minlength=merge[-1] + 1)
        for season in range(roles.count)
    ]
    return msgspec.structs.replace(
        made, counts=counts, merge=merge, pools=[pool.tolist() for pool in pools]
    )


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


def numbers_of(values: Values) -> Floats:
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
