"""What a window view computes from the events in a window.

Each aggregation is made of *measures*: whole numbers that an event adds to its tile.
Whole numbers add up to the same total in any order, so a tile fed event by event online
and a tile summed by polars offline are the same number, and so is every feature made of
them. Decimal columns are held in fixed point (six decimals unless told otherwise).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dovetail.features.errors import DefinitionError, RowsError

if TYPE_CHECKING:
    import polars as pl

Value = float | int | None
LARGEST = float(2**53)


@dataclass(frozen=True, slots=True)
class Measure:
    """One whole number that each event adds to its tile.

    Attributes:
        kind: `rows` adds 1; `present` adds 1 where the column is not null; `sum` adds the
            value times 10**decimals; `above` adds 1 where the value is over `above`.
        column: The column that is looked at; empty for `rows`.
        decimals: Decimals kept by `sum`.
        above: Threshold of `above`, exclusive.
    """

    kind: Literal["rows", "present", "sum", "above"]
    column: str = ""
    decimals: int = 0
    above: float = 0.0

    def of(self, event: Mapping[str, Any]) -> int:
        """Return what one event adds.

        Raises:
            RowsError: The value is no number, infinite or too large to hold exactly.
        """
        if self.kind == "rows":
            return 1
        value = number(event.get(self.column), self.column)
        if value is None:
            return 0
        if self.kind == "present":
            return 1
        if self.kind == "above":
            return int(value > self.above)
        scaled = value * 10.0**self.decimals
        if abs(scaled) >= LARGEST:
            raise too_large(self.column, self.decimals)
        return round(scaled)

    def expression(self) -> "pl.Expr":
        """Return the same as a polars expression of type Int64, never null."""
        import polars as pl

        if self.kind == "rows":
            return pl.lit(1, dtype=pl.Int64)
        value = pl.col(self.column).cast(pl.Float64).fill_nan(None)
        if self.kind == "present":
            return value.is_not_null().cast(pl.Int64)
        if self.kind == "above":
            return (value > self.above).fill_null(False).cast(pl.Int64)
        scaled = (value * 10.0**self.decimals).round(mode="half_to_even")
        return scaled.fill_null(0.0).cast(pl.Int64)


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


@dataclass(frozen=True)
class Aggregation(ABC):
    """One figure over the events of a window; base of Count, Sum, Mean and Share."""

    @property
    @abstractmethod
    def stem(self) -> str:
        """Name of the feature without its window."""

    @property
    @abstractmethod
    def measures(self) -> tuple[Measure, ...]:
        """The whole numbers that the figure is made of."""

    @abstractmethod
    def value(self, totals: Sequence[int]) -> Value:
        """Compute the figure from the totals of its measures, in their order."""

    @abstractmethod
    def series(self, totals: Sequence[Any]) -> Any:
        """Compute the figure for many windows at once from numpy int64 arrays.

        Returns:
            An int64 array, or a float64 array in which NaN stands for null.
        """


@dataclass(frozen=True)
class Count(Aggregation):
    """How many events there were, or how many in which a column is not null.

    Examples:
        >>> Count().stem, Count("dep_delay").stem
        ('count', 'dep_delay_count')
    """

    column: str = ""
    name: str = ""

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or (f"{self.column}_count" if self.column else "count")

    @property
    def measures(self) -> tuple[Measure, ...]:
        """One counter."""
        return (Measure("present", self.column) if self.column else Measure("rows"),)

    def value(self, totals: Sequence[int]) -> Value:
        """Return the count; 0 when there was no event."""
        return totals[0]

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the counts."""
        return totals[0]


@dataclass(frozen=True)
class Sum(Aggregation):
    """The sum of a column over the events of the window; 0 when there was none.

    Attributes:
        column: A column of numbers or of true and false.
        decimals: Decimals that are kept of each value.
        name: Replaces the `{column}_sum` part of the feature's name.
    """

    column: str
    decimals: int = 6
    name: str = ""

    def __post_init__(self) -> None:
        _check_decimals(self.decimals)

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.column}_sum"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The sum in fixed point."""
        return (Measure("sum", self.column, self.decimals),)

    def value(self, totals: Sequence[int]) -> Value:
        """Return the sum as a float."""
        return float(totals[0]) / 10.0**self.decimals

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the sums as floats."""
        return totals[0].astype("float64") / 10.0**self.decimals


@dataclass(frozen=True)
class Mean(Aggregation):
    """The mean of a column over the events in which it is not null; null without any.

    Attributes:
        column: A column of numbers or of true and false.
        decimals: Decimals that are kept of each value.
        name: Replaces the `{column}_mean` part of the feature's name.
    """

    column: str
    decimals: int = 6
    name: str = ""

    def __post_init__(self) -> None:
        _check_decimals(self.decimals)

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.column}_mean"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """How many values, and their sum in fixed point."""
        return (Measure("present", self.column), Measure("sum", self.column, self.decimals))

    def value(self, totals: Sequence[int]) -> Value:
        """Return the mean, or None without a value."""
        if not totals[0]:
            return None
        return (float(totals[1]) / 10.0**self.decimals) / float(totals[0])

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the means; NaN stands for null."""
        return _ratio(totals[1].astype("float64") / 10.0**self.decimals, totals[0])


@dataclass(frozen=True)
class Share(Aggregation):
    """The share of events, among those with a value, that are true or over a threshold.

    Attributes:
        column: A column of true and false (or 1 and 0), or of numbers with `above`.
        above: An event counts when its value is greater than this.
        name: Replaces the `{column}_share` part of the feature's name.

    Examples:
        >>> Share("late").stem, Share("dep_delay", above=15, name="late").stem
        ('late_share', 'late')
    """

    column: str
    above: float = 0.0
    name: str = ""

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        if self.name:
            return self.name
        return f"{self.column}_above_{self.above:g}_share" if self.above else f"{self.column}_share"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """How many values, and how many over the threshold."""
        return (
            Measure("present", self.column),
            Measure("above", self.column, above=float(self.above)),
        )

    def value(self, totals: Sequence[int]) -> Value:
        """Return the share, or None without a value."""
        return float(totals[1]) / float(totals[0]) if totals[0] else None

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the shares; NaN stands for null."""
        return _ratio(totals[1].astype("float64"), totals[0])


def _ratio(over: Any, under: Any) -> Any:
    """Divide arrays; NaN where the divisor is 0."""
    import numpy as np

    result = np.full(len(over), np.nan)
    np.divide(over, under.astype("float64"), out=result, where=under != 0)
    return result


def _check_decimals(decimals: int) -> None:
    if not 0 <= decimals <= 12:
        raise DefinitionError(f"decimals={decimals} is out of range", fix="Use 0 to 12")
