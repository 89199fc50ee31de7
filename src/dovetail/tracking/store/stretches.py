"""What consecutive points of a metric hold: where they lie, the lowest, the highest, the mean.

Drawing every point of a long metric is slow, and drawing every hundredth loses the spikes for which
people look. A stretch keeps both extremes with the place where they stand.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["MOST", "Point", "Stretch", "merged", "of_points", "single"]

MOST = 1.7976931348623157e308
Point = tuple[int, int, float, bool]


class Stretch(NamedTuple):
    """Consecutive points in the order of step and time.

    Attributes:
        first_step: the least step.
        last_step: the greatest step.
        first_timestamp: the earliest time, in milliseconds.
        last_timestamp: the latest time.
        low: the lowest finite value; None where no value is finite.
        low_step: where it stands.
        low_timestamp: when it was logged.
        high: the highest finite value.
        high_step: where it stands.
        high_timestamp: when it was logged.
        mean: the mean of the finite values.
        points: how many there are.
        holes: how many of them are NaN or infinite.
    """

    first_step: int
    last_step: int
    first_timestamp: int
    last_timestamp: int
    low: float | None
    low_step: int
    low_timestamp: int
    high: float | None
    high_step: int
    high_timestamp: int
    mean: float | None
    points: int
    holes: int


def single(point: Point) -> Stretch:
    """Return the stretch of one point."""
    step, at, value, is_nan = point
    hole = bool(is_nan) or abs(value) >= MOST
    held = None if hole else value
    return Stretch(step, step, at, at, held, step, at, held, step, at, held, 1, int(hole))


def of_points(points: Sequence[Point]) -> Stretch:
    """Return the stretch of points that are in order; there is at least one."""
    steps, stamps, values, nans = zip(*points, strict=True)
    low, high, finite = min(values), max(values), values
    lowest, highest = values.index(low), values.index(high)
    if any(nans) or low <= -MOST or high >= MOST:
        kept = [i for i, v in enumerate(values) if not nans[i] and abs(v) < MOST]
        if not kept:
            return _empty(steps, stamps)
        lowest = min(kept, key=values.__getitem__)
        highest = max(kept, key=values.__getitem__)
        low, high, finite = values[lowest], values[highest], tuple(values[i] for i in kept)
    return Stretch(
        steps[0],
        steps[-1],
        min(stamps),
        max(stamps),
        low,
        steps[lowest],
        stamps[lowest],
        high,
        steps[highest],
        stamps[highest],
        _mean(finite),
        len(points),
        len(points) - len(finite),
    )


def _empty(steps: Sequence[int], stamps: Sequence[int]) -> Stretch:
    first, at, count = steps[0], stamps[0], len(steps)
    ends = (first, steps[-1], min(stamps), max(stamps))
    return Stretch(*ends, None, first, at, None, first, at, None, count, count)


def _mean(values: Sequence[float]) -> float:
    total, count = sum(values), len(values)
    return total / count if math.isfinite(total) else sum(value / count for value in values)


def merged(stretches: Sequence[Stretch]) -> Stretch:
    """Return the stretch of stretches that follow each other; there is at least one."""
    if len(stretches) == 1:
        return stretches[0]
    held = [stretch for stretch in stretches if stretch.low is not None]
    count, holes = sum(s.points for s in stretches), sum(s.holes for s in stretches)
    low = min(held, key=lambda s: s.low or 0.0, default=stretches[0])
    high = max(held, key=lambda s: s.high or 0.0, default=stretches[0])
    finite = count - holes
    mean = sum((s.mean or 0.0) * ((s.points - s.holes) / finite) for s in held) if held else None
    return Stretch(
        stretches[0].first_step,
        max(s.last_step for s in stretches),
        min(s.first_timestamp for s in stretches),
        max(s.last_timestamp for s in stretches),
        low.low,
        low.low_step,
        low.low_timestamp,
        high.high,
        high.high_step,
        high.high_timestamp,
        mean,
        count,
        holes,
    )
