"""What one event adds to its tile, and how what tiles hold comes together.

Most measures are *additive*: whole numbers, which add up to the same total in any order, so a
tile fed event by event online and a tile summed by polars offline are the same number. Decimal
columns are held in fixed point for that. The others are *folded*: the least, the greatest, the
first, the last and the set of values of tiles are those of the window, in any order too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dovetail.features.errors import RowsError
from dovetail.features.expressions import Expression, expression

if TYPE_CHECKING:
    import polars as pl

LARGEST = float(2**53)
LARGEST_SIGNED = 2**63
FOLDED = ("min", "max", "first", "last", "distinct")


@dataclass(frozen=True)
class Measure:
    """What each event adds to its tile.

    Attributes:
        kind: `rows` adds 1; `present` adds 1 where the column is not null; `sum` adds the
            value times 10**decimals, `square` the square of that; `above` adds 1 where the
            value is over `above`. `min`, `max`, `first`, `last` and `distinct` are folded.
        column: The column that is looked at; empty for `rows`.
        decimals: Decimals kept by `sum` and `square`.
        above: Threshold of `above`, exclusive.
        where: Condition without which an event adds nothing; empty for none.
        limit: How far `distinct` counts.
    """

    kind: Literal[
        "rows", "present", "sum", "square", "above", "min", "max", "first", "last", "distinct"
    ]
    column: str = ""
    decimals: int = 0
    above: float = 0.0
    where: str = ""
    limit: int = 0

    @property
    def is_folded(self) -> bool:
        """Whether it is folded; it is added up otherwise."""
        return self.kind in FOLDED

    @cached_property
    def condition(self) -> Expression | None:
        """The condition of events that count; None for all."""
        return expression(self.where, "boolean") if self.where else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        needed = self.condition.columns if self.condition else ()
        return (*((self.column,) if self.column else ()), *needed)

    def of(self, row: Mapping[str, Any], rank: tuple[Any, ...] = ()) -> Any:
        """Return what one event adds.

        Args:
            row: The event.
            rank: Event time, time of knowing and id: decides which event is first and last.

        Returns:
            A whole number; of folded measures a value, `(rank, value)`, or None for nothing.

        Raises:
            RowsError: The value is no number, infinite or too large to hold exactly.
        """
        if self.condition is not None and self.condition.of(row) is not True:
            return None if self.is_folded else 0
        if self.kind == "rows":
            return 1
        if self.kind in ("first", "last"):
            return rank, known(row.get(self.column))
        if self.kind == "distinct":
            return known(row.get(self.column))
        value = number(row.get(self.column), self.column)
        if self.is_folded:
            return value
        return 0 if value is None else self._amount(value)

    def _amount(self, value: float) -> int:
        if self.kind == "present":
            return 1
        if self.kind == "above":
            return int(value > self.above)
        scaled = value * 10.0**self.decimals
        if abs(scaled) >= LARGEST:
            raise too_large(self.column, self.decimals)
        return round(scaled) ** 2 if self.kind == "square" else round(scaled)

    def expression(self, schema: "pl.Schema") -> "pl.Expr":
        """Return what an event adds as a polars expression.

        Returns:
            Whole numbers, never null, for additive measures (Int128 for squares); the value or
            null for `min`, `max` and `distinct`; whether the event counts for `first` and `last`.
        """
        import polars as pl

        counts = self.condition.over(schema).fill_null(False) if self.condition else None
        if self.kind == "distinct":
            value = pl.col(self.column)
            value = value.fill_nan(None) if schema[self.column].is_float() else value
            return value if counts is None else pl.when(counts).then(value)
        if self.kind in ("first", "last"):
            return pl.lit(True) if counts is None else counts
        if self.kind in ("min", "max"):
            value = pl.col(self.column).cast(pl.Float64).fill_nan(None)
            return value if counts is None else pl.when(counts).then(value)
        amount = self._added()
        return amount if counts is None else pl.when(counts).then(amount).otherwise(0)

    def _added(self) -> "pl.Expr":
        import polars as pl

        if self.kind == "rows":
            return pl.lit(1, dtype=pl.Int64)
        value = pl.col(self.column).cast(pl.Float64).fill_nan(None)
        if self.kind == "present":
            return value.is_not_null().cast(pl.Int64)
        if self.kind == "above":
            return (value > self.above).fill_null(False).cast(pl.Int64)
        scaled = (value * 10.0**self.decimals).round(mode="half_to_even")
        whole = scaled.fill_null(0.0).cast(pl.Int64)
        return whole.cast(pl.Int128) * whole if self.kind == "square" else whole


class Fold(NamedTuple):
    """How a folded measure comes together.

    Attributes:
        add: Takes what a tile holds (None for nothing) and what an event adds.
        join: Takes what tiles hold, none of them None, and gives the total of the window.
        is_ranked: Whether tiles hold a value with the rank of its event.
    """

    add: Callable[[Any, Any], Any]
    join: Callable[[Sequence[Any]], Any]
    is_ranked: bool = False


def fold_of(measure: Measure) -> Fold | None:
    """Return how a measure is folded; None where it is added up."""
    if measure.kind == "distinct":
        return _distinct(measure.limit)
    return _FOLDS.get(measure.kind)


def _distinct(limit: int) -> Fold:
    """Count distinct values up to a limit; a tile that has that many needs no more."""

    def add(held: set[Any] | None, value: Any) -> set[Any]:
        if held is None:
            return {value}
        if len(held) < limit:
            held.add(value)
        return held

    def join(held: Sequence[set[Any]]) -> int:
        return min(len(held[0].union(*held[1:])) if held else 0, limit)

    return Fold(add, join)


def _earliest(held: Any, new: Any) -> Any:
    return new if held is None or new[0] < held[0] else held


def _latest(held: Any, new: Any) -> Any:
    return new if held is None or new[0] > held[0] else held


def _rank(ranked: tuple[Any, Any]) -> Any:
    return ranked[0]


_FOLDS = {
    "min": Fold(lambda a, b: b if a is None or b < a else a, lambda h: min(h, default=None)),
    "max": Fold(lambda a, b: b if a is None or b > a else a, lambda h: max(h, default=None)),
    "first": Fold(_earliest, lambda held: min(held, key=_rank, default=None), is_ranked=True),
    "last": Fold(_latest, lambda held: max(held, key=_rank, default=None), is_ranked=True),
}


def plain(fold: Fold | None, held: Any) -> Any:
    """Return what a tile holds in values that MessagePack has; see `unplain`."""
    if fold is None:
        return held if -LARGEST_SIGNED <= held < LARGEST_SIGNED else str(held)
    if isinstance(held, tuple):
        return [list(held[0]), held[1]]
    return list(held) if isinstance(held, set) else held


def unplain(fold: Fold | None, held: Any) -> Any:
    """Return what a tile held."""
    if fold is None:
        return int(held)
    if held is None or not isinstance(held, list | tuple):
        return held
    return (tuple(held[0]), held[1]) if fold.is_ranked else set(held)


def known(value: Any) -> Any:
    """Return a JSON value; NaN is missing."""
    return None if value != value else value


def number(value: object, column: str) -> float | None:
    """Read a JSON value as a number; null and NaN are both missing."""
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        real = float(value)
        if real != real:
            return None
        if not math.isinf(real):
            return real
    raise RowsError(
        f"Column {column!r} holds {value!r}, which is not a finite number",
        fix="Send a number, true, false or null",
    )


def too_large(column: str, decimals: int) -> RowsError:
    """Build the error for a value that fixed point cannot hold exactly."""
    return RowsError(
        f"Column {column!r} holds a value too large to add up exactly with {decimals} decimals",
        fix="Give the aggregation fewer decimals, for example decimals=0",
    )
