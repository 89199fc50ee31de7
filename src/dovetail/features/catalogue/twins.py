"""Features that say the same: equal columns, and columns that follow each other.

Pearson's correlation tells of a straight line between two columns, Spearman's of one that always
rises or always falls. Both are taken over the rows in which both columns have a value.
"""

from itertools import combinations
from typing import TYPE_CHECKING, Any

import msgspec

from dovetail.base.extras import require
from dovetail.features.catalog import Definitions
from dovetail.features.catalogue.entry import entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

__all__ = ["Twin", "same_definitions", "twins"]

ALIKE = 0.95
FEWEST = 30
MOST_ROWS = 100_000
MOST_PAIRS = 1_000


class Twin(msgspec.Struct, frozen=True, kw_only=True):
    """Two features that say the same, or nearly.

    Attributes:
        one: A feature, as `view:feature`.
        other: Another.
        rows: In how many rows both have a value.
        is_equal: Whether the columns are equal in every row, nulls included.
        spearman: Correlation of ranks; None where the columns are not of numbers.
        pearson: Correlation of values; None where the columns are not of numbers.
    """

    one: str
    other: str
    rows: int
    is_equal: bool
    spearman: float | None = None
    pearson: float | None = None

    @property
    def strength(self) -> float:
        """How alike they are: 2 for equal columns, else the greater correlation without sign."""
        return 2.0 if self.is_equal else max(abs(self.spearman or 0.0), abs(self.pearson or 0.0))

    @property
    def said(self) -> str:
        """How alike they are, in words."""
        if self.is_equal:
            return "equal in every row"
        by_rank, by_value = self.spearman or 0.0, self.pearson or 0.0
        is_line = abs(by_value) >= abs(by_rank)
        return f"{_cut(by_value if is_line else by_rank)} correlated{'' if is_line else ' by rank'}"

    def seen_from(self, feature: str) -> "Twin":
        """Return the pair with this feature first."""
        if feature == self.one:
            return self
        return msgspec.structs.replace(self, one=self.other, other=self.one)


def twins(columns: "Mapping[str, pl.Series]") -> tuple[Twin, ...]:
    """Return the pairs of columns that say the same or nearly so, the most alike first.

    Of long columns every n-th row is taken for correlations. A column of one value is like no
    other.

    Args:
        columns: Features of one training set as `view:feature`, with their values; what is not
            finite is null.
    """
    require("polars", extra="features", feature="statistics of features")
    usable = {n: c for n, c in columns.items() if not c.dtype.is_nested()}
    held = {n: c for n, c in usable.items() if c.drop_nulls().n_unique() > 1}
    found = {(t.one, t.other): t for t in _correlated(held)}
    for one, other, rows in _equal(held):
        blank = Twin(one=one, other=other, rows=rows, is_equal=True)
        alike = found.get((one, other), blank)
        found[one, other] = msgspec.structs.replace(alike, is_equal=True, rows=rows)
    ranked = sorted(found.values(), key=lambda t: (-t.strength, t.one, t.other))
    return tuple(ranked[:MOST_PAIRS])


def same_definitions(definitions: Definitions) -> tuple[tuple[str, ...], ...]:
    """Return groups of features, as `view:feature`, that are defined alike but for their names."""
    groups: dict[Any, list[str]] = {}
    for entry in entries(definitions):
        groups.setdefault(entry.meaning.identity, []).append(entry.reference)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _equal(columns: "Mapping[str, pl.Series]") -> list[tuple[str, str, int]]:
    """Return pairs of equal columns; only what agrees in kind, nulls and a digest is compared."""
    import polars as pl

    groups: dict[Any, list[tuple[str, pl.Series]]] = {}
    for name, column in columns.items():
        values = column.cast(pl.Float64) if column.dtype.is_numeric() else column
        digest = values.hash(seed=1).implode().hash(seed=1).item() if len(values) else 0
        mark = (values.dtype, values.null_count(), digest)
        groups.setdefault(mark, []).append((name, values))
    return [
        (one, other, len(a) - a.null_count())
        for group in groups.values()
        for (one, a), (other, b) in combinations(group, 2)
        if a.equals(b, null_equal=True)
    ]


def _correlated(columns: "Mapping[str, pl.Series]") -> list[Twin]:
    import numpy as np
    import polars as pl

    numbers = {
        name: column.cast(pl.Float64)
        for name, column in columns.items()
        if column.dtype.is_numeric() or column.dtype == pl.Boolean
    }
    if len(numbers) < 2:
        return []
    step = max(1, -(-len(next(iter(numbers.values()))) // MOST_ROWS))
    taken = [column.gather_every(step) for column in numbers.values()]
    values, rows = _correlations([c.to_numpy() for c in taken])
    ranks, _ = _correlations([c.rank("average").to_numpy() for c in taken])
    names = list(numbers)
    alike = np.fmax(np.abs(values), np.abs(ranks)) >= ALIKE
    pairs = zip(*np.nonzero(np.triu(alike & (rows >= FEWEST), k=1)), strict=True)
    return [
        Twin(
            one=names[i],
            other=names[j],
            rows=int(rows[i, j]) * step,
            is_equal=False,
            spearman=_finite(ranks[i, j]),
            pearson=_finite(values[i, j]),
        )
        for i, j in pairs
    ]


def _correlations(columns: list[Any]) -> tuple[Any, Any]:
    """Return Pearson's correlation of all pairs of columns, and in how many rows both have one.

    The sums of each pair over the rows that it has in common are products of matrices.

    Args:
        columns: p arrays of n floats, NaN for nothing.

    Returns:
        Two arrays (p, p); the correlation is NaN where a column does not vary.
    """
    import numpy as np

    table = np.column_stack(columns)
    has = np.isfinite(table)
    filled = np.where(has, table, 0.0)
    greatest = np.abs(filled).max(axis=0, initial=0.0)
    filled /= np.where(greatest > 0, greatest, 1.0)  # squares of great values stay finite
    count = np.maximum(has.sum(axis=0), 1)
    filled = np.where(has, filled - filled.sum(axis=0) / count, 0.0)
    mask = has.astype(float)
    rows = mask.T @ mask
    some = np.maximum(rows, 1)
    sums, squares = filled.T @ mask / some, (filled**2).T @ mask / some
    spread = np.maximum(squares - sums**2, 0.0)
    spread = np.where(spread > 1e-14 * np.maximum(squares, 1e-300), spread, np.nan)
    with np.errstate(invalid="ignore"):
        found = (filled.T @ filled / some - sums * sums.T) / np.sqrt(spread * spread.T)
    return np.clip(found, -1.0, 1.0), rows


def _finite(value: Any) -> float | None:
    return round(float(value), 6) if value == value else None


def _cut(value: float) -> str:
    """Write a correlation without rounding it up to one."""
    return f"{int(value * 1000) / 1000:.3f}"
