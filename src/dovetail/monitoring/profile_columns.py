"""Two profiles of one column become that of all their rows.

Bins are the ones that both have in common: cuts that both have, levels that both name. Counts are
sums. What is left open is only what is shown: of more than 256 levels the rarest of one side may
be counted as "other" by the other side.

Why evidence stays exact: bins must be a function of rows that do not calibrate (`ranks.py`). The
bins of either part are shaped by rows of its own that do not calibrate, so what they have in common
depends on shaping rows alone, and the calibrating rows of both are counted in it exactly. Merging
may make bins coarser, which costs a little power and no validity. One exception is harmless: a
part in which a column is missing on every row takes over the other's bins, for if its rows were
exchangeable with those of the other, the column would not be missing on all of them.
"""

import math

import msgspec
import numpy as np

from dovetail.monitoring.columns import LEVELS, Bins, ColumnProfile
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.profile_cuts import common_cuts, gathered, recount

__all__ = ["absent", "add_columns", "in_common"]


def absent(like: ColumnProfile, rows: int, pools: Bins) -> ColumnProfile:
    """A column that is missing on every row.

    Args:
        like: What it is elsewhere.
        rows: How many rows there are.
        pools: How many of them calibrate, by season.
    """
    width = len(like.pools[0])
    return msgspec.structs.replace(
        like,
        counts=[0] * (len(like.counts) - 1) + [rows],
        mean=None,
        deviation=None,
        length=None,
        length_deviation=None,
        pools=[[0] * (width - 1) + [int(n)] for n in pools],
    )


def add_columns(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    """The profile of all rows of both.

    Raises:
        ReferenceInvalidError: One holds numbers and the other texts, or one is too old to merge.
    """
    for one in (a, b):
        if not one.pools:
            raise ReferenceInvalidError(
                f"the profile of '{one.name}' cannot be merged",
                why="an earlier version made it, without what evidence needs",
                fix="make it again of its rows",
            )
    # Each as the other is, where it has no value of its own.
    a, b = (
        absent(other, one.rows, np.array(one.pools).sum(axis=1)) if _is_empty(one) else one
        for one, other in ((a, b), (b, a))
    )
    if a.kind != b.kind:
        raise ReferenceInvalidError(
            f"the profiles of '{a.name}' do not fit together",
            why="one holds numbers and the other texts",
            fix="correct one of the two parts, or leave the column out",
        )
    return _numbers(a, b) if a.kind == "numeric" else _levels(a, b)


def in_common(a: ColumnProfile, b: ColumnProfile) -> tuple[ColumnProfile, ColumnProfile]:
    """Two profiles of a column told in the same bins, to be looked at beside each other.

    Those of unlike kinds stay as they are. Neither result has bins of evidence.
    """
    if a.kind != b.kind:
        return a, b
    if a.kind == "category":
        # A level that a side does not name may be among its others, if it has any.
        every = {*a.levels, *b.levels}
        named = {
            level
            for level in every
            if all(one.counts[-2] == 0 or level in one.levels for one in (a, b))
        }
        return _only(a, named), _only(b, named)
    ends = [end for one in (a, b) for end in _ends(one)]
    shared = common_cuts(a.shaped_cuts(), b.shaped_cuts())
    cuts = np.unique(np.r_[shared, min(ends, default=[]), max(ends, default=[])])

    def told(one: ColumnProfile) -> ColumnProfile:
        counts = [*_regrouped(one, cuts).tolist(), one.counts[-1]]
        return msgspec.structs.replace(one, cuts=cuts.tolist(), counts=counts, merge=[], pools=[])

    return told(a), told(b)


def _only(column: ColumnProfile, named: set[str]) -> ColumnProfile:
    """A category that counts all levels but some as others."""
    pairs = zip(column.levels, column.counts, strict=False)
    kept = [(level, count) for level, count in pairs if level in named]
    missing = column.counts[-1]
    other = column.rows - missing - sum(count for _, count in kept)
    counts = [*(count for _, count in kept), other, missing]
    levels = [level for level, _ in kept]
    return msgspec.structs.replace(column, levels=levels, counts=counts, merge=[], pools=[])


def _is_empty(column: ColumnProfile) -> bool:
    return column.counts[-1] == column.rows


def _numbers(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    shaped = common_cuts(a.shaped_cuts(), b.shaped_cuts())
    ends = [end for one in (a, b) for end in _ends(one)]
    cuts = np.unique(np.r_[shaped, min(ends, default=[]), max(ends, default=[])])
    pools = sum(recount(one.shaped_cuts(), shaped, np.array(one.pools)[:, :-1]) for one in (a, b))
    calibrating = np.array([[pool[-1] for pool in one.pools] for one in (a, b)]).sum(axis=0)
    mean, deviation = _moments([(_finite(p), p.mean, p.deviation) for p in (a, b)])
    counts = _regrouped(a, cuts) + _regrouped(b, cuts)
    return ColumnProfile(
        name=a.name,
        kind="numeric",
        cuts=cuts.tolist(),
        counts=[*counts.tolist(), a.counts[-1] + b.counts[-1]],
        mean=mean,
        deviation=deviation,
        merge=[*np.searchsorted(shaped, cuts).tolist(), len(shaped), len(shaped) + 1],
        pools=np.column_stack([pools, calibrating]).tolist(),
    )


def _finite(column: ColumnProfile) -> int:
    """Rows with a finite number: infinities lie in the outer bins."""
    return sum(column.counts[1:-2])


def _ends(column: ColumnProfile) -> list[float]:
    """What lies just below the smallest value, and the largest; nothing without any value."""
    filled = np.flatnonzero(column.counts[1:-2])
    if not len(filled):
        return []
    return [column.cuts[filled[0]], column.cuts[filled[-1] + 1]]


def _regrouped(column: ColumnProfile, cuts: Floats) -> Bins:
    """A column's known rows in the bins of the sum, which end where its own bins do."""
    into = np.append(np.searchsorted(cuts, column.cuts), len(cuts))
    into[0] = 0  # beyond the smallest number lie infinities only
    return gathered(np.array(column.counts[:-1]), into, len(cuts) + 1)


def _levels(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    first, second = a.shaped_levels(), b.shaped_levels()
    # In an order that no calibrating row has a say in, and whichever part comes first.
    shaped = first if first == second else sorted({*first} & {*second})
    sums: dict[str, int] = {}
    for one in (a, b):
        for level, count in zip(one.levels, one.counts, strict=False):
            sums[level] = sums.get(level, 0) + count
    ordered = sorted(sums, key=lambda level: (-sums[level], level))
    kept = {*shaped}
    kept.update([level for level in ordered if level not in kept][: LEVELS - len(kept)])
    levels = [level for level in ordered if level in kept]
    counts = [sums[level] for level in levels]
    other = a.counts[-2] + b.counts[-2] + sum(sums.values()) - sum(counts)
    index = {level: i for i, level in enumerate(shaped)}
    pools = _pooled(a, index) + _pooled(b, index)
    length, deviation = _moments(
        [(sum(p.counts[:-1]), p.length, p.length_deviation) for p in (a, b)]
    )
    return ColumnProfile(
        name=a.name,
        kind="category",
        levels=levels,
        counts=[*counts, other, a.counts[-1] + b.counts[-1]],
        length=length,
        length_deviation=deviation,
        merge=[*(index.get(level, len(index)) for level in levels), len(index), len(index) + 1],
        pools=pools.tolist(),
    )


def _pooled(column: ColumnProfile, index: dict[str, int]) -> Bins:
    """A column's calibrating rows in the bins of the sum, shape (seasons, bins)."""
    other = len(index)
    into = [index.get(level, other) for level in column.shaped_levels()]
    return gathered(np.array(column.pools), [*into, other, other + 1], other + 2)


def _moments(parts: list[tuple[int, float | None, float | None]]) -> tuple[float | None, ...]:
    """Mean and standard deviation of all rows together, from those of each part."""
    known = [(n, m, d) for n, m, d in parts if n and m is not None and d is not None]
    if not known:
        return None, None
    total = sum(n for n, _, _ in known)
    mean = math.fsum(n / total * m for n, m, _ in known)
    # Not as a sum of squares: those of large numbers overflow.
    away = [math.sqrt(n / total) * x for n, m, d in known for x in (d, m - mean)]
    return mean, math.hypot(*away)
