"""What a line chart or a time line shows, as values: drawn by Python, made lively by the browser.

One `Chart` feeds three readers: `svg.plot` for pages without script, notebooks and reports, the
`<line-chart>` element, and the table beneath it.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from dovetail.web import formats

Level = Literal["ok", "info", "warn", "alarm", "idle"]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a chart.

    Attributes:
        label: What the legend says.
        values: One for each x; None is a gap.
        low: Lower bounds of an interval around the values, or empty.
        high: Upper bounds, or empty.
        quiet: Whether it is what the others are measured against, drawn grey and dashed.
    """

    label: str
    values: list[float | None]
    low: list[float | None] = []
    high: list[float | None] = []
    quiet: bool = False


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at an x: a vertical line with a label.

    Attributes:
        x: Where, on the chart's axis.
        label: What happened.
        level: How it is meant.
        href: Where the evidence is.
    """

    x: float
    label: str
    level: Level = "info"
    href: str = ""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A line chart.

    Attributes:
        title: What it shows, also for those who do not see it.
        x: The common axis; milliseconds since 1970 where `time` is true. Ascending.
        series: The lines, the most important first.
        marks: What happened.
        time: Whether x is time.
        unit: What the y axis measures.
        digits: Decimals of its figures.
        y_min: The lower end of the y axis, or None to fit.
        y_max: The upper end, or None to fit.
        x_min: The left end of the x axis, or None for the first x.
        x_max: The right end, or None for the last x.
    """

    title: str
    x: list[float]
    series: list[Series]
    marks: list[Mark] = []
    time: bool = True
    unit: str = ""
    digits: int = 3
    y_min: float | None = None
    y_max: float | None = None
    x_min: float | None = None
    x_max: float | None = None

    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest y that the axis must hold, with a little air."""
        held = [
            value
            for line in self.series
            for column in (line.values, line.low, line.high)
            for value in column
            if value is not None
        ]
        low, high = (min(held), max(held)) if held else (0.0, 1.0)
        air = (high - low) * 0.08 or abs(high) * 0.05 or 0.5
        return (
            low - air if self.y_min is None else self.y_min,
            high + air if self.y_max is None else self.y_max,
        )

    def rounded(self) -> "Chart":
        """The same chart with two decimals more than are shown: a page need not carry others."""
        digits = self.digits + 2
        lines = [
            msgspec.structs.replace(
                line,
                values=_round(line.values, digits),
                low=_round(line.low, digits),
                high=_round(line.high, digits),
            )
            for line in self.series
        ]
        return msgspec.structs.replace(self, series=lines)


def _round(values: Sequence[float | None], digits: int) -> list[float | None]:
    return [None if value is None else round(value, digits) for value in values]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, on a time line.

    Attributes:
        at: When.
        lane: Its kind in a word; events of a kind share a lane.
        text: What happened, in a sentence.
        level: How it is meant.
        href: Where the evidence is.
        detail: Figures that belong to it.
    """

    at: datetime
    lane: str
    text: str
    level: Level = "info"
    href: str = ""
    detail: str = ""

    @property
    def ms(self) -> float:
        """When, in milliseconds since 1970."""
        return moments([self.at])[0]

    @property
    def when(self) -> str:
        """When, for people: the day alone where the time is midnight."""
        return formats.stamp(self.at).removesuffix(" 00:00")


def moments(times: Sequence[datetime | date | str]) -> list[float]:
    """Times as a chart's x: milliseconds since 1970.

    >>> moments([date(1970, 1, 2)])
    [86400000.0]
    """
    return [at.timestamp() * 1000 for time in times if (at := formats.instant(time)) is not None]
