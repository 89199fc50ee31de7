"""Parallel coordinates: each run a line across axes, coloured by the last of them.

The drawing stands by itself; `<parallel-coordinates>` in the page lets a person choose a range on
any axis and shows only the runs inside.
"""

from collections.abc import Sequence

from dovetail.tracking.ui.compare.axes import Axis
from dovetail.web.svg.element import Svg, join, shorten, tag
from dovetail.web.svg.parts import INK_2, LINE

__all__ = ["parallel"]

WIDTH, HEIGHT = 1160.0, 330.0
TOP, BOTTOM, SIDE = 40.0, 16.0, 90.0
COLOURS = ("#1f66a3", "#4a6891", "#6b697c", "#876863", "#9e6747", "#ad6533", "#b3611a")


def parallel(axes: Sequence[Axis], names: Sequence[str]) -> Svg:
    """Return the drawing.

    Args:
        axes: at least two.
        names: of the runs.
    """
    step = (WIDTH - 2 * SIDE) / max(1, len(axes) - 1)
    shades = axes[-1].shades()
    lines = [_line(axes, run, name, step, shades[run]) for run, name in enumerate(names)]
    drawn = [_axis(axis, SIDE + i * step, i) for i, axis in enumerate(axes)]
    label = ", ".join(axis.name for axis in axes)
    return tag(
        "svg",
        tag("g", *lines, class_="runs"),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        width=WIDTH,
        height=HEIGHT,
        class_="parallel",
        role="group",
        aria_label=f"{len(names)} runs across {len(axes)} axes: {label}",
        font_family="Liberation Sans, Arial, sans-serif",
    )


def height(place: float) -> float:
    """Return the y of a place between 0 and 1."""
    return HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)


def _line(axes: Sequence[Axis], run: int, name: str, step: float, shade: int | None) -> Svg:
    """One run: a line through its places, broken where it has no value."""
    path, pen = [], "M"
    for i, axis in enumerate(axes):
        place = axis.places[run]
        if place is None:
            pen = "M"
            continue
        path.append(f"{pen}{SIDE + i * step:.1f} {height(place):.1f}")
        pen = "L"
    return tag(
        "path",
        tag("title", name),
        d="".join(path) or "M0 0",
        fill="none",
        stroke="#8f887e" if shade is None else COLOURS[shade],
        stroke_width=1.4,
        stroke_opacity=0.75,
        class_="run" if shade is None else f"run shade-{shade}",
        data_run=run,
    )


def _axis(axis: Axis, x: float, index: int) -> Svg:
    name = axis.name.partition(".")[2] or axis.name
    ticks = [
        tag(
            "text", shorten(label, 15), x=x - 7, y=height(place), text_anchor="end",
            dominant_baseline="central", font_size=11, fill=INK_2, class_="tick",
        )
        for place, label in axis.ticks
    ]  # fmt: skip
    return tag(
        "g",
        tag(
            "text", shorten(name, 22), x=x, y=18, text_anchor="middle", font_size=12,
            font_weight=600, class_="label",
        ),
        tag("path", d=f"M{x:.1f} {TOP:.0f}V{HEIGHT - BOTTOM:.0f}", stroke=LINE, stroke_width=1.5,
            class_="spine"),
        join(ticks),
        class_="axis",
        data_axis=index,
        data_x=x,
        aria_label=axis.name,
    )  # fmt: skip
