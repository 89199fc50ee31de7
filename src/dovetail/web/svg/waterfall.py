"""Steps on one time axis, each a bar below the step that it is part of."""

from collections.abc import Sequence
from dataclasses import dataclass

from dovetail.web.formats import duration
from dovetail.web.svg.element import Svg, join, link, picture, shorten, tag
from dovetail.web.svg.parts import INK, INK_2, LEVELS, LINE, SERIES, Level
from dovetail.web.svg.scale import Scale, ticks

ROW = 24.0
LEFT, RIGHT, TOP, BOTTOM = 300.0, 72.0, 6.0, 24.0
INDENT, DEEPEST = 14.0, 12
LETTER = 6.6


@dataclass(frozen=True)
class Bar:
    """One step.

    Attributes:
        label: What it is called.
        depth: How many steps it is inside of.
        start: When it began, in seconds after the first.
        end: When it ended, likewise.
        level: How it went.
        state: The level in a word, for those who do not see its colour.
        href: Where more about it is.
    """

    label: str
    depth: int
    start: float
    end: float
    level: Level = "idle"
    state: str = ""
    href: str = ""


def waterfall(bars: Sequence[Bar], *, title: str, width: float = 1160) -> Svg:
    """Bars one below the other, in the order given.

    Args:
        bars: The steps; a parent stands before its children.
        title: The drawing's name for those who do not see it.
        width: In pixels.
    """
    high = max((bar.end for bar in bars), default=0.0) or 1e-6
    x = Scale(0.0, high, LEFT, width - RIGHT)
    bottom = TOP + len(bars) * ROW
    grid = [_tick(value, x(value), bottom) for value in ticks(0.0, high, 6)]
    rows = [_row(bar, TOP + i * ROW, x) for i, bar in enumerate(bars)]
    return picture(width, bottom + BOTTOM, title, *grid, *rows, class_="waterfall")


def _tick(value: float, x: float, bottom: float) -> Svg:
    rule = tag("path", d=f"M{x:.1f} {TOP}V{bottom}", stroke=LINE, class_="grid")
    text = tag(
        "text",
        duration(value) if value else "0",
        x=x,
        y=bottom + 14,
        text_anchor="middle",
        font_size=11,
        fill=INK_2,
        class_="tick",
    )
    return join([rule, text])


def _row(bar: Bar, y: float, x: Scale) -> Svg:
    indent = min(bar.depth, DEEPEST) * INDENT
    left, right = x(bar.start), x(bar.end)
    long = max(right - left, 2.0)
    lasted = duration(bar.end - bar.start)
    said = f"{bar.label}, {lasted}{f', {bar.state}' if bar.state else ''}"
    middle = y + ROW / 2
    name = tag(
        "text",
        shorten(bar.label, int((LEFT - indent - 12) / LETTER)),
        x=indent,
        y=middle,
        dominant_baseline="central",
        font_size=12,
        fill=INK,
        class_="label",
    )
    is_plain = bar.level in ("idle", "ok")
    shape = tag(
        "rect",
        x=left,
        y=y + 5,
        width=long,
        height=ROW - 10,
        rx=2,
        fill=SERIES[0] if is_plain else LEVELS[bar.level],
        class_="bar" if is_plain else f"bar level-{bar.level}",
    )
    after = tag(
        "text",
        lasted,
        x=left + long + 6,
        y=middle,
        dominant_baseline="central",
        font_size=11,
        fill=INK_2,
        class_="tick",
    )
    inside = (tag("title", said), name, shape, after)
    return link(bar.href, tag("g", *inside))
