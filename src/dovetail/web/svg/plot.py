"""A line chart as SVG: what a page shows without script, and a report always."""

from dovetail.web.charts import Chart, Mark, Series
from dovetail.web.svg.box import mark as level_mark
from dovetail.web.svg.element import Svg, join, link, picture, tag
from dovetail.web.svg.parts import INK_2, LEVELS, LINE, QUIET, SERIES
from dovetail.web.svg.scale import Scale, ticks, time_ticks
from dovetail.web.svg.sparkline import outline

MARGIN = (26.0, 16.0, 26.0, 48.0)
LETTER = 6.0
ROOM = 46.0  # pixels a point needs so that dots do not make a string of beads


def plot(chart: Chart, *, width: float = 1160, height: float = 260) -> Svg:
    """A chart with axes, lines, intervals and events.

    Args:
        chart: What to draw.
        width: In pixels.
        height: In pixels.
    """
    top, right, bottom, left = MARGIN
    low, high = chart.bounds()
    first, last = (chart.x[0], chart.x[-1]) if chart.x else (0.0, 1.0)
    x_min = first if chart.x_min is None else chart.x_min
    x_max = last if chart.x_max is None else chart.x_max
    x = Scale(x_min, x_max, left, width - right)
    y = Scale(low, high, height - bottom, top)
    return picture(
        width,
        height,
        describe(chart),
        *_y_axis(chart, y, left, width - right),
        *_x_axis(chart, x, height - bottom),
        *(_band(line, i, chart.x, x, y) for i, line in enumerate(chart.series)),
        *_marks(chart.marks, x, top, height - bottom),
        *(_line(line, i, chart.x, x, y) for i, line in reversed([*enumerate(chart.series)])),
        class_="plot",
    )


def describe(chart: Chart) -> str:
    """The chart in a sentence, for those who do not see it."""
    ends = []
    for line in chart.series:
        present = [value for value in line.values if value is not None]
        if present:
            ends.append(
                f"{line.label} from {present[0]:.{chart.digits}f} to {present[-1]:.{chart.digits}f}"
            )
    return "; ".join([chart.title, *ends])


def colour(index: int, quiet: bool) -> tuple[str, str]:
    """The class and the colour of a line by its place."""
    if quiet:
        return "quiet", QUIET
    return f"series-{index % len(SERIES) + 1}", SERIES[index % len(SERIES)]


def _y_axis(chart: Chart, y: Scale, left: float, right: float) -> list[Svg]:
    drawn = []
    held = ticks(y.low, y.high)
    digits = next((d for d in range(7) if all(abs(v - round(v, d)) < 1e-9 for v in held)), 7)
    for value in held:
        at = round(y(value)) + 0.5
        drawn.append(tag("path", d=f"M{left:.0f} {at}H{right:.0f}", stroke=LINE, class_="grid"))
        drawn.append(_text(f"{value:,.{digits}f}", left - 8, at, "end"))
    if chart.unit:
        drawn.append(_text(chart.unit, 2, 9, "start"))
    return drawn


def _x_axis(chart: Chart, x: Scale, bottom: float) -> list[Svg]:
    held = (
        time_ticks(x.low, x.high, int((x.end - x.start) / 75))
        if chart.time
        else [(v, f"{v:,.6g}") for v in ticks(x.low, x.high, 8)]
    )
    return [_text(label, x(value), bottom + 15, "middle") for value, label in held]


def _text(text: str, x: float, y: float, anchor: str) -> Svg:
    return tag(
        "text", text, x=x, y=y, text_anchor=anchor, dominant_baseline="central",
        font_size=11, fill=INK_2, class_="tick",
    )  # fmt: skip


def _band(line: Series, index: int, xs: list[float], x: Scale, y: Scale) -> Svg:
    """The interval around a line as an area."""
    if not line.low or not line.high:
        return Svg("")
    edges = [
        (x(at), y(low), y(high))
        for at, low, high in zip(xs, line.low, line.high, strict=False)
        if low is not None and high is not None
    ]
    name, shade = colour(index, line.quiet)
    around = [(px, top) for px, _, top in edges] + [(px, low) for px, low, _ in reversed(edges)]
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in around)
    return tag("polygon", points=points, fill=shade, fill_opacity=0.13, class_=f"band {name}")


def _line(line: Series, index: int, xs: list[float], x: Scale, y: Scale) -> Svg:
    points = [
        None if value is None else (x(at), y(value))
        for at, value in zip(xs, line.values, strict=False)
    ]
    name, shade = colour(index, line.quiet)
    drawn = tag(
        "path",
        d=outline(points),
        fill="none",
        stroke=shade,
        stroke_width=1.5 if line.quiet else 2,
        stroke_dasharray="4 3" if line.quiet else None,
        stroke_linejoin="round",
        class_=f"line {name}",
    )
    if len(points) * ROOM > x.end - x.start:
        return drawn
    dots = [
        tag(
            "circle", cx=p[0], cy=p[1], r=2 if line.quiet else 2.6, fill=shade, class_=f"dot {name}"
        )
        for i, p in enumerate(points)
        if p is not None and not (line.quiet and _has_neighbour(points, i))
    ]
    return join([drawn, *dots])


def _has_neighbour(points: list[tuple[float, float] | None], i: int) -> bool:
    """Whether a line runs through a point, which then shows without a dot."""
    return any(points[j] is not None for j in (i - 1, i + 1) if 0 <= j < len(points))


def _marks(marks: list[Mark], x: Scale, top: float, bottom: float) -> list[Svg]:
    """Events as vertical lines; a label is written where the next one leaves room."""
    drawn = []
    shown = sorted((m for m in marks if x.low <= m.x <= x.high), key=lambda m: m.x)
    for i, mark in enumerate(shown):
        at = round(x(mark.x)) + 0.5
        parts = [
            tag("title", mark.label),
            tag(
                "path", d=f"M{at} {top - 6:.0f}V{bottom:.0f}", stroke=LEVELS[mark.level],
                stroke_opacity=0.55, stroke_dasharray="2 2", class_="rule",
            ),
            level_mark(mark.level, at, top - 11, 4.5),
        ]  # fmt: skip
        room = (x(shown[i + 1].x) - 8 if i + 1 < len(shown) else x.end + MARGIN[1]) - at
        if len(mark.label) * LETTER + 10 <= room:
            parts.append(_text(mark.label, at + 8, top - 11, "start"))
        group = tag("g", *parts, class_=f"event level-{mark.level}")
        drawn.append(link(mark.href, group, aria_label=mark.label))
    return drawn
