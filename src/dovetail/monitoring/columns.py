"""What a column looked like on the reference, as bins that any later value falls into.

A profile is small whatever the number of rows: some 80 bins for numbers, up to 256 levels for
categories, and always a bin for missing values and bins for values never seen before. Nothing of
the rows themselves is kept.

Evidence needs bins that were not chosen by the rows that calibrate it: quantiles and levels of a
sample fit that sample better than any new row, and new levels are rarer in it than they will be
among new rows. A few rows, chosen at random whatever they hold, therefore shape the bins, and all
others calibrate. To look at a column, all rows count. Bins of numbers end at cuts of one fixed
tree (`profile_cuts.py`), so that profiles of several samples can be merged.
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
from dovetail.monitoring.profile_cuts import cuts_of

Bins = npt.NDArray[np.int64]
Values = Floats | list[str | None]
Kind = Literal["numeric", "category"]

QUANTILES = 48
"""One part in so many of the rows that shape is the largest share of a bin, but for ties."""
LEVELS = 256
SHAPING = 1000
"""Most rows that shape the bins of evidence; at most a quarter of the reference does."""
_GROUPS = 10
_LARGEST = np.nextafter(np.finfo(np.float64).max, 0.0)
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

    @classmethod
    def calibrate(cls, rows: int, seasons: Bins, count: int) -> "Roles":
        """Let all rows calibrate, where other rows have shaped the bins."""
        return cls(np.zeros(rows, dtype=np.bool_), seasons, count)


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the reference.

    Attributes:
        name: The column.
        kind: "numeric" or "category".
        cuts: Upper edges of the bins of a numeric column, increasing. The largest value is one
            of them, and so is what lies just below the smallest.
        levels: The levels of a category, most frequent first.
        counts: Rows in each bin. After the bins of `cuts` (one more than cuts) or `levels` (one
            more: any other level) comes one for missing values.
        mean: Mean of a numeric column.
        deviation: Its standard deviation.
        length: Mean length of the texts of a category, in characters.
        length_deviation: Its standard deviation.
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
    length: float | None = None
    length_deviation: float | None = None
    merge: list[int] = []
    pools: list[list[int]] = []

    @property
    def rows(self) -> int:
        """Rows of the reference."""
        return sum(self.counts)

    def shaped_cuts(self) -> Floats:
        """The cuts between bins of evidence; the others are the smallest and largest value."""
        cuts = np.asarray(self.cuts, dtype=np.float64)
        return cuts[np.diff(self.merge[:-1]) > 0] if self.merge else cuts

    def shaped_levels(self) -> list[str]:
        """The levels with a bin of evidence of their own, in the order of those bins."""
        if not self.merge:
            return self.levels
        pairs = zip(self.merge, self.levels, strict=False)
        return [level for at, level in sorted(pairs) if at < self.merge[-2]]

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
        unseen = int(counts[:-1][self._unseen()].sum())
        return {
            "psi": distances.psi(merged[0], merged[1]),
            "missing": float(counts[-1] / total),
            "unseen": unseen / total,
        }

    def _unseen(self) -> Rows:
        """Which bins hold values that the reference never had: beyond all others, or new."""
        known = np.asarray(self.counts)[:-1] > 0
        found = ~known
        if self.kind == "numeric":
            heard = np.flatnonzero(known)
            if len(heard):
                found[heard[0] : heard[-1]] = False
        else:
            found[:-1] = False
        return found

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
    like: ColumnProfile | None = None,
) -> ColumnProfile:
    """Summarise one column of the reference.

    Args:
        name: The column.
        values: Numbers, booleans or strings; None or NaN where missing.
        roles: Which rows shape the bins of evidence; without them, the profile is to look at only.
        quantiles: How many bins a numeric column gets, about.
        like: A profile whose bins of evidence to use, made of other rows.
    """
    column = typed(values)
    if like is not None:
        column = numbers_of(column) if like.kind == "numeric" else _texts(column)
    if isinstance(column, list):
        return _category(name, column, roles, like)
    known = column[np.isfinite(column)]
    shaping = known if roles is None else column[roles.shaping & np.isfinite(column)]
    cuts = shaped = cuts_of(shaping, quantiles) if like is None else like.shaped_cuts()
    if len(known):
        below = np.nextafter(max(known.min(), -_LARGEST), -math.inf)
        cuts = np.unique(np.r_[below, cuts, known.max()])
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


def _category(
    name: str, values: list[str | None], roles: Roles | None, like: ColumnProfile | None
) -> ColumnProfile:
    shaped = [] if like is None else like.shaped_levels()
    if roles is not None and like is None:
        shaped = _by_frequency(v for v, chosen in zip(values, roles.shaping, strict=True) if chosen)
    # Levels that shape are kept whatever the others say, for evidence must not depend on those.
    kept = set(shaped[:LEVELS])
    everything = _by_frequency(values)
    kept.update([level for level in everything if level not in kept][: LEVELS - len(kept)])
    # A level that shaped other rows has its bin though none of these rows holds it.
    levels = [level for level in everything if level in kept]
    held = set(levels)
    levels += [level for level in shaped[:LEVELS] if level not in held]
    index = {level: i for i, level in enumerate(shaped[:LEVELS])}
    merge = [*(index.get(level, len(index)) for level in levels), len(index), len(index) + 1]
    lengths = np.array([len(v) for v in values if v is not None], dtype=np.float64)
    made = ColumnProfile(
        name=name,
        kind="category",
        levels=levels,
        counts=[0] * (len(levels) + 2),
        length=float(lengths.mean()) if len(lengths) else None,
        length_deviation=float(lengths.std()) if len(lengths) else None,
    )
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
