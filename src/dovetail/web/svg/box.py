"""Nodes as boxes and edges as arrows, for every graph alike."""

from dovetail.web.svg.element import Svg, join, link, shorten, tag
from dovetail.web.svg.parts import INK, INK_2, LEVELS, LINE, PAPER, Node

HEAD = 7.0


def box(node: Node, x: float, y: float, width: float, height: float) -> Svg:
    """A node's box around a centre: a mark of its level, its label and its note."""
    left, top = x - width / 2, y - height / 2
    rows = [(node.label, y if not node.note else y - 8, "label")]
    if node.note:
        rows.append((node.note, y + 9, "note"))
    texts = [
        tag(
            "text",
            shorten(text, int((width - 34) / (7.2 if kind == "label" else 6.6))),
            x=left + 26,
            y=line,
            class_=kind,
            dominant_baseline="central",
            font_size=13 if kind == "label" else 11,
            font_weight=600 if kind == "label" else None,
            fill=INK if kind == "label" else INK_2,
        )
        for text, line, kind in rows
    ]
    words = ": ".join(part for part in (node.label, node.note, node.state) if part)
    drawn = tag(
        "g",
        tag("title", words),
        tag(
            "rect",
            x=left, y=top, width=width, height=height, rx=7.0,
            fill=PAPER, stroke=LINE, class_="box",
        ),
        mark(node.level, left + 14, y if not node.note else y - 8),
        *texts,
        class_=f"node level-{node.level}",
    )  # fmt: skip
    return link(node.href, drawn)


def mark(level: str, x: float, y: float, size: float = 5.0) -> Svg:
    """The shape of a level: full circle, square, triangle, diamond or empty circle."""
    colour = LEVELS[level]
    if level in ("ok", "idle"):
        hollow = level == "idle"
        return tag(
            "circle",
            cx=x, cy=y, r=size - 1, class_="mark hollow" if hollow else "mark",
            fill="none" if hollow else colour, stroke=colour if hollow else None,
            stroke_width=1.5 if hollow else None,
        )  # fmt: skip
    outlines = {
        "info": [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)],
        "warn": [(0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)],
        "alarm": [(0.0, -1.1), (1.1, 0.0), (0.0, 1.1), (-1.1, 0.0)],
    }
    points = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in outlines[level])
    return tag("polygon", points=points, fill=colour, class_="mark")


def arrow(path: str, tip: tuple[float, float], along: tuple[float, float], level: str) -> Svg:
    """A line that ends in a head.

    Args:
        path: The line as SVG path data.
        tip: Where the head points.
        along: The direction of the line at its tip, of length one.
        level: `idle` is drawn quietly.
    """
    (x, y), (dx, dy) = tip, along
    back_x, back_y = x - dx * HEAD, y - dy * HEAD
    half = HEAD * 0.45
    points = (
        f"{x:.1f},{y:.1f} {back_x - dy * half:.1f},{back_y + dx * half:.1f} "
        f"{back_x + dy * half:.1f},{back_y - dx * half:.1f}"
    )
    colour = LINE if level == "idle" else LEVELS[level]
    return tag(
        "g",
        join(
            [
                tag("path", d=path, fill="none", stroke=colour, stroke_width=1.5),
                tag("polygon", points=points, fill=colour),
            ]
        ),
        class_=f"edge level-{level}",
    )
