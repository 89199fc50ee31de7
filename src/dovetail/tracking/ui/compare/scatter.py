"""A scatter of runs: any two numbers against each other, coloured by a third column."""

from collections.abc import Sequence

from dovetail.tracking.ui.compare.axes import Axis, brief
from dovetail.tracking.ui.compare.parallel import COLOURS
from dovetail.web.svg.element import Svg, link, tag
from dovetail.web.svg.parts import INK_2, LINE

__all__ = ["scatter"]

WIDTH, HEIGHT = 760.0, 360.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 16.0, 14.0, 40.0


def scatter(x: Axis, y: Axis, colour: Axis | None, runs: Sequence[tuple[str, str]]) -> Svg:
    """Return the drawing.

    Args:
        x: the axis from left to right.
        y: the axis from the bottom to the top.
        colour: what the points are coloured by.
        runs: names and addresses.
    """
    shades = colour.shades() if colour else [2] * len(runs)
    points = []
    for i, (name, href) in enumerate(runs):
        right, up = x.places[i], y.places[i]
        if right is None or up is None:
            continue
        words = f"{name}: {_says(x, i)}, {_says(y, i)}" + (
            f", {_says(colour, i)}" if colour else ""
        )
        points.append(link(href, _point(right, up, shades[i], words), aria_label=words))
    label = f"{len(points)} runs: {y.name} against {x.name}"
    return tag(
        "svg",
        *_frame(x, y),
        *points,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        width=WIDTH,
        height=HEIGHT,
        class_="scatter",
        role="group",
        aria_label=label,
        font_family="Liberation Sans, Arial, sans-serif",
    )


def _says(axis: Axis, run: int) -> str:
    value = axis.values[run]
    text = brief(value) if isinstance(value, float) else str(value)
    return f"{axis.name.partition('.')[2] or axis.name} {text}"


def _right(place: float) -> float:
    return LEFT + 8 + place * (WIDTH - LEFT - RIGHT - 16)


def _up(place: float) -> float:
    return HEIGHT - BOTTOM - 8 - place * (HEIGHT - TOP - BOTTOM - 16)


def _point(right: float, up: float, shade: int | None, words: str) -> Svg:
    return tag(
        "circle",
        tag("title", words),
        cx=_right(right),
        cy=_up(up),
        r=5,
        fill="#8f887e" if shade is None else COLOURS[shade],
        fill_opacity=0.8,
        class_="point" if shade is None else f"point shade-{shade}",
    )


def _frame(x: Axis, y: Axis) -> list[Svg]:
    drawn = []
    for place, label in y.ticks:
        at = _up(place)
        drawn.append(tag("path", d=f"M{LEFT:.0f} {at:.1f}H{WIDTH - RIGHT:.0f}", stroke=LINE,
                         class_="grid"))  # fmt: skip
        drawn.append(_text(label, LEFT - 8, at, "end"))
    for place, label in x.ticks:
        drawn.append(_text(label, _right(place), HEIGHT - BOTTOM + 12, "middle"))
    names = [axis.name + (" (log)" if axis.log else "") for axis in (x, y)]
    drawn.append(_text(names[0], (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "middle"))
    drawn.append(_text(names[1], 4, 6, "start"))
    return drawn


def _text(text: str, x: float, y: float, anchor: str) -> Svg:
    return tag(
        "text", text, x=x, y=y, text_anchor=anchor, dominant_baseline="central", font_size=11,
        fill=INK_2, class_="tick",
    )  # fmt: skip
