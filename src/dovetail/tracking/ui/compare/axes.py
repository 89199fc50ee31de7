"""What runs can be compared along: columns whose values differ, as places between 0 and 1.

Numbers stand at their value, or at its logarithm where they span more than two powers of ten, as
learning rates do. Other text stands at even distances, in order.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from dovetail.tracking.ui.compare.table import Compared, Value
from dovetail.web.svg.scale import ticks, time_ticks

__all__ = ["Axis", "axis_of", "brief", "numeric", "usable"]

CATEGORIES = 40
DECADES = 100.0
SHADES = 7


class Axis(msgspec.Struct, frozen=True):
    """One column as an axis.

    Attributes:
        name: as a filter names it.
        values: one for each run.
        places: where they stand, from 0 at the bottom to 1; None where a run has no value.
        ticks: places and their labels.
        log: whether numbers stand at their logarithm.
    """

    name: str
    values: list[Value]
    places: list[float | None]
    ticks: list[tuple[float, str]]
    log: bool = False

    def shades(self) -> list[int | None]:
        """Return for each run the number of a colour, from 0 to 6."""
        return [
            None if place is None else min(SHADES - 1, int(place * SHADES)) for place in self.places
        ]


def numeric(values: Sequence[Value]) -> list[float | None] | None:
    """Return values as numbers, or None where one is text."""
    found: list[float | None] = []
    for value in values:
        if value is None:
            found.append(None)
            continue
        try:
            number = float(value)
        except ValueError:
            return None
        found.append(number if math.isfinite(number) and abs(number) < 1e300 else None)
    return found if any(number is not None for number in found) else None


def usable(found: Compared) -> list[str]:
    """Return the names of the columns that tell the runs apart."""
    names = [f"params.{key}" for key in sorted(found.keys.params)]
    names += [f"metrics.{key}" for key in sorted(found.keys.metrics)]
    kept = []
    for name in (*names, "took", "started"):
        values = {value for value in found.column(name) if value is not None}
        if len(values) > 1 and (len(values) <= CATEGORIES or numeric(list(values)) is not None):
            kept.append(name)
    return kept


def axis_of(found: Compared, name: str) -> Axis:
    """Return a column as an axis."""
    values = found.column(name)
    numbers = numeric(values)
    if numbers is None:
        return _of_texts(name, values)
    held = [number for number in numbers if number is not None]
    low, high = min(held), max(held)
    log = low > 0 and high / low > DECADES
    scale: Any = math.log10 if log else float
    first, last = scale(low), scale(high)
    span = (last - first) or 1.0
    places = [None if n is None else (scale(n) - first) / span for n in numbers]
    ticks = [((scale(at) - first) / span, text) for at, text in _ticks(name, low, high, log)]
    return Axis(name, values, places, ticks, log)


def _ticks(name: str, low: float, high: float, log: bool) -> list[tuple[float, str]]:
    if name == "started":
        return time_ticks(low, high, 6)
    if log:
        powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        every = max(1, len(powers) // 8)
        return [(10.0**power, brief(10.0**power)) for power in powers if power % every == 0]
    return [(at, brief(at)) for at in ticks(low, high)]


def _of_texts(name: str, values: list[Value]) -> Axis:
    texts = sorted({str(value) for value in values if value is not None})
    last = max(1, len(texts) - 1)
    at = {text: i / last for i, text in enumerate(texts)}
    places = [None if value is None else at[str(value)] for value in values]
    every = max(1, len(texts) // 14)
    shown = [(at[text], text) for i, text in enumerate(texts) if i % every == 0]
    return Axis(name, values, places, shown)


def brief(value: float) -> str:
    """Return a number in few characters.

    Example:
        >>> brief(0.000012345), brief(1234567.0), brief(0.5)
        ('1.23e-05', '1.23e+06', '0.5')
    """
    size = abs(value)
    if size >= 1e6:
        return f"{value:.2e}"
    return f"{value:.4g}" if size >= 1e3 else f"{value:.3g}"
