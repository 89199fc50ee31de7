"""The figures that a window view computes from the events in a window.

Each is made of *measures* (see `measures`), and of nothing but their totals: so the online
store, which holds totals of tiles, and the frames offline come to the same figure, to the bit.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dovetail.features.errors import DefinitionError
from dovetail.features.measures import Measure

Value = Any


@dataclass(frozen=True)
class Aggregation(ABC):
    """One figure over the events of a window; base of Count, Sum, Mean and the others."""

    @property
    @abstractmethod
    def stem(self) -> str:
        """Name of the feature without its window."""

    @property
    @abstractmethod
    def measures(self) -> tuple[Measure, ...]:
        """What the figure is made of."""

    @abstractmethod
    def value(self, totals: Sequence[Any]) -> Value:
        """Compute the figure from the totals of its measures, in their order."""

    @abstractmethod
    def series(self, totals: Sequence[Any]) -> Any:
        """Compute the figure for many windows at once.

        Args:
            totals: One numpy array a measure: int64, objects for squares, float64 with NaN for
                nothing for the least and the greatest; a polars Series for the first and last.

        Returns:
            An int64 array, a float64 array in which NaN stands for null, or a Series.
        """


@dataclass(frozen=True)
class Count(Aggregation):
    """How many events there were, or how many in which a column is not null.

    Attributes:
        column: The column; empty to count events.
        name: Replaces the `{column}_count` part of the feature's name.
        where: An event counts only if this condition, SQL text, is true of it.

    Examples:
        >>> Count().stem, Count("dep_delay").stem
        ('count', 'dep_delay_count')
    """

    column: str = ""
    name: str = ""
    where: str = ""

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or (f"{self.column}_count" if self.column else "count")

    @property
    def measures(self) -> tuple[Measure, ...]:
        """One counter."""
        kind: Literal["present", "rows"] = "present" if self.column else "rows"
        return (Measure(kind, self.column, where=self.where),)

    def value(self, totals: Sequence[Any]) -> Value:
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
        return self.name or f"{self.column}_sum"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The sum in fixed point."""
        return (Measure("sum", self.column, self.decimals, where=self.where),)

    def value(self, totals: Sequence[Any]) -> Value:
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
        return self.name or f"{self.column}_mean"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """How many values, and their sum in fixed point."""
        return (
            Measure("present", self.column, where=self.where),
            Measure("sum", self.column, self.decimals, where=self.where),
        )

    def value(self, totals: Sequence[Any]) -> Value:
        """Return the mean, or None without a value."""
        if not totals[0]:
            return None
        return (float(totals[1]) / 10.0**self.decimals) / float(totals[0])

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the means; NaN stands for null."""
        return ratio(totals[1].astype("float64") / 10.0**self.decimals, totals[0])


@dataclass(frozen=True)
class Share(Aggregation):
    """The share of events, among those with a value, that are true or over a threshold.

    Attributes:
        column: A column of true and false (or 1 and 0), or of numbers with `above`.
        above: An event counts when its value is greater than this.
        name: Replaces the `{column}_share` part of the feature's name.
        where: An event counts only if this condition, SQL text, is true of it.

    Examples:
        >>> Share("late").stem, Share("dep_delay", above=15, name="late").stem
        ('late_share', 'late')
    """

    column: str
    above: float = 0.0
    name: str = ""
    where: str = ""

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
            Measure("present", self.column, where=self.where),
            Measure("above", self.column, above=float(self.above), where=self.where),
        )

    def value(self, totals: Sequence[Any]) -> Value:
        """Return the share, or None without a value."""
        return float(totals[1]) / float(totals[0]) if totals[0] else None

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the shares; NaN stands for null."""
        return ratio(totals[1].astype("float64"), totals[0])


@dataclass(frozen=True)
class Ratio(Aggregation):
    """One figure of the window divided by another; null where the divisor is 0 or null.

    Attributes:
        over: What is divided.
        under: What it is divided by.
        name: Replaces the `{over}_per_{under}` part of the feature's name.

    Examples:
        >>> Ratio(Sum("delay"), Sum("distance")).stem
        'delay_sum_per_distance_sum'
    """

    over: Aggregation
    under: Aggregation
    name: str = ""

    def __post_init__(self) -> None:
        for part in (self.over, self.under):
            if any(m.kind in ("first", "last") for m in part.measures):
                raise DefinitionError(f"A ratio cannot be made of {part.stem!r}")

    @property
    def stem(self) -> str:
        """Name of the feature without its window."""
        return self.name or f"{self.over.stem}_per_{self.under.stem}"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Those of both figures."""
        return (*self.over.measures, *self.under.measures)

    def value(self, totals: Sequence[Any]) -> Value:
        """Return the ratio, or None where there is none."""
        count = len(self.over.measures)
        over, under = self.over.value(totals[:count]), self.under.value(totals[count:])
        return float(over) / float(under) if over is not None and under else None

    def series(self, totals: Sequence[Any]) -> Any:
        """Return the ratios; NaN stands for null."""
        count = len(self.over.measures)
        over, under = self.over.series(totals[:count]), self.under.series(totals[count:])
        result = ratio(over.astype("float64"), under)
        result[under != under] = float("nan")
        return result


def ratio(over: Any, under: Any) -> Any:
    """Divide arrays; NaN where the divisor is 0."""
    import numpy as np

    result = np.full(len(over), np.nan)
    np.divide(over, under.astype("float64"), out=result, where=under != 0)
    return result


def check_decimals(decimals: int) -> None:
    """Refuse decimals that fixed point cannot hold."""
    if not 0 <= decimals <= 12:
        raise DefinitionError(f"decimals={decimals} is out of range", fix="Use 0 to 12")
