"""A line as small as a word, to stand beside a figure or in a table's cell."""

import math
from collections.abc import Sequence

from dovetail.web.svg.element import Svg, picture, tag
from dovetail.web.svg.parts import LEVELS, SERIES


def sparkline(
    values: Sequence[float | None],
    *,
    label: str,
    level: str = "",
    width: float = 96,
    height: float = 22,
    low: float | None = None,
    high: float | None = None,
) -> Svg:
    """The course of a figure without axes; the last value has a dot.

    Args:
        values: In order; None and NaN leave a gap.
        label: What it shows, for those who do not see it.
        level: Colours the line where it means something.
        width: In pixels.
        height: In pixels.
        low: The value at the bottom; without it the lowest one.
        high: The value at the top; without it the highest one.
    """
    held = [v if v is not None and math.isfinite(v) else None for v in values]
    present = [v for v in held if v is not None]
    if not present:
        return picture(width, height, f"{label}: no values", class_="spark")
    floor = min(present) if low is None else low
    span = ((max(present) if high is None else high) - floor) or 1.0
    step = (width - 6) / max(len(held) - 1, 1)
    points = [
        None if v is None else (3 + i * step, height - 3 - (v - floor) / span * (height - 6))
        for i, v in enumerate(held)
    ]
    colour = LEVELS.get(level, SERIES[0])
    last = next(point for point in reversed(points) if point is not None)
    return picture(
        width,
        height,
        f"{label}: from {_first(present)} to {present[-1]:.4g}",
        tag("path", d=outline(points), fill="none", stroke=colour, stroke_width=1.5),
        tag("circle", cx=last[0], cy=last[1], r=2.2, fill=colour),
        class_=f"spark level-{level}" if level else "spark",
    )


def _first(values: Sequence[float]) -> str:
    return f"{values[0]:.4g}"


def outline(points: Sequence[tuple[float, float] | None]) -> str:
    """Path data through points; a None lifts the pen, a point alone becomes a dot's length.

    Points within a level stretch are left out, for the line is the same without them.
    """
    parts = []
    down = False
    for i, point in enumerate(points):
        if point is None:
            down = False
            continue
        x, y = point
        if _is_level(points[max(0, i - 1) : i + 2]):
            continue
        parts.append(f"{'L' if down else 'M'}{x:.1f} {y:.1f}")
        alone = not down and (i + 1 == len(points) or points[i + 1] is None)
        if alone:
            parts.append("h0.1")
        down = True
    return "".join(parts)


def _is_level(around: Sequence[tuple[float, float] | None]) -> bool:
    """Whether a point and both of its neighbours are drawn at one height."""
    heights = {None if point is None else f"{point[1]:.1f}" for point in around}
    return len(around) == 3 and len(heights) == 1 and None not in heights
