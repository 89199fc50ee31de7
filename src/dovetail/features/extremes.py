"""Figures that are not sums: spread, least, greatest, first, last and how many different."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dovetail.features.aggregations import Aggregation, Value, check_decimals
from dovetail.features.errors import DefinitionError
from dovetail.features.measures import Measure


@dataclass(frozen=True)
class Std(Aggregation):
    """The sample standard deviation of a column; null with fewer than two values.

    Sums and squares are held exactly, so there is no cancellation and no order of events.

    Attributes:
        column: A column of numbers or of true and false.
        decimals: Decimals that are kept of each value.
        name: Replaces the `{column}_std` part of the feature's name.
        where: An event counts only if this condition, SQL text, is true of it.
    """

    column: str
    decimals: int = 6
    name: str = ""
    where: str = ""

    def __post_init__(self) -> None:
        check_decimals(self.decimals)

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.column}_std"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """How many values, their sum and the sum of their squares, in fixed point."""
        return (
            Measure("present", self.column, where=self.where),
            Measure("sum", self.column, self.decimals, where=self.where),
            Measure("square", self.column, self.decimals, where=self.where),
        )

    def value(self, totals: Sequence[Any]) -> Value:
        """Return the deviation, or None."""
        count, total, squares = (int(t) for t in totals)
        if count < 2:
            return None
        spread = float(count * squares - total * total) / float(count * (count - 1))
        return math.sqrt(spread) / 10.0**self.decimals

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the deviations; NaN stands for null."""
        import numpy as np

        found = [self.value(t) for t in zip(*(t.tolist() for t in totals), strict=True)]
        return np.array([math.nan if v is None else v for v in found], "float64")


@dataclass(frozen=True)
class _OneMeasure(Aggregation):
    """A figure that is one measure of a column.

    Attributes:
        column: The column.
        name: Replaces the name of the feature without its window.
        where: An event counts only if this condition, SQL text, is true of it.
    """

    column: str
    name: str = ""
    where: str = ""

    def value(self, totals: Sequence[Any]) -> Value:
        """Return the measure."""
        return totals[0]

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the measures."""
        return totals[0]


@dataclass(frozen=True)
class Min(_OneMeasure):
    """The least value of a column; null without one."""

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.column}_min"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The least value."""
        return (Measure("min", self.column, where=self.where),)


@dataclass(frozen=True)
class Max(_OneMeasure):
    """The greatest value of a column; null without one."""

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.column}_max"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The greatest value."""
        return (Measure("max", self.column, where=self.where),)


@dataclass(frozen=True)
class First(_OneMeasure):
    """The value of a column in the first event, null where that is null.

    Of events at one time the one known first is first, then the one of the lesser id.
    """

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.column}_first"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The first value."""
        return (Measure("first", self.column, where=self.where),)

    def value(self, totals: Sequence[Any]) -> Value:
        """Return the value, without the rank of its event."""
        return None if totals[0] is None else totals[0][1]


@dataclass(frozen=True)
class Last(First):
    """The value of a column in the last event, null where that is null."""

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.column}_last"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The last value."""
        return (Measure("last", self.column, where=self.where),)


@dataclass(frozen=True)
class CountDistinct(_OneMeasure):
    """How many different values a column has; null is none of them.

    Exact up to `limit`, which is the answer where there are more: so no window ever costs more
    than that many values of memory a tile.

    Attributes:
        column: The column, of text, numbers or true and false.
        name: Replaces the `{column}_distinct` part of the feature's name.
        where: An event counts only if this condition, SQL text, is true of it.
        limit: How far is counted.
    """

    limit: int = 10_000

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 1_000_000:
            raise DefinitionError(f"limit={self.limit} is out of range", fix="Use 1 to 1000000")

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.column}_distinct"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The set of values."""
        return (Measure("distinct", self.column, where=self.where, limit=self.limit),)
