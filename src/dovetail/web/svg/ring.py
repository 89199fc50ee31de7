"""A cycle as a drawing: nodes on an ellipse, clockwise from the top, arrows along it."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise

from dovetail.web.svg.box import arrow, box
from dovetail.web.svg.element import Svg, picture, tag
from dovetail.web.svg.parts import INK, INK_2, Edge, Node

BOX = (172.0, 50.0)
GAP = 9.0


def ring(
    nodes: Sequence[Node],
    edges: Sequence[Edge] | None = None,
    *,
    title: str,
    centre: Sequence[str] = (),
    width: float | None = None,
    height: float | None = None,
) -> Svg:
    """Nodes on a ring.

    Args:
        nodes: In the order of the cycle; the first is at the top.
        edges: Arrows; without them each node leads to the next. Between neighbours an arrow runs
            along the ring, between others straight through it.
        title: The drawing's name for those who do not see it.
        centre: Lines of text in the middle, the first one large.
        width: In pixels of the drawing; without it as wide as so many nodes need.
        height: In pixels of the drawing; likewise.
    """
    width = width or max(760.0, 98.0 * len(nodes))
    height = height or max(480.0, 58.0 * len(nodes))
    if not nodes:
        return picture(width, height, title, class_="graph ring")
    count = len(nodes)
    if edges is None:
        edges = [
            Edge(node.id, nodes[(i + 1) % count].id) for i, node in enumerate(nodes) if count > 1
        ]
    place = {node.id: i for i, node in enumerate(nodes)}
    oval = _Oval(width, height, count)
    arrows = [
        _along(oval, place[edge.source], edge.level)
        if (place[edge.target] - place[edge.source]) % count == 1
        else _through(oval, place[edge.source], place[edge.target], edge.level)
        for edge in edges
    ]
    boxes = [box(node, *oval.at(oval.angle(i)), *BOX) for i, node in enumerate(nodes)]
    return picture(
        width, height, title, *arrows, *_middle(centre, width, height), *boxes, class_="graph ring"
    )


class _Oval:
    """The ellipse that the nodes stand on."""

    def __init__(self, width: float, height: float, count: int) -> None:
        self.x, self.y = width / 2, height / 2
        self.across = (width - BOX[0]) / 2 - 2
        self.down = (height - BOX[1]) / 2 - 2
        self._angles = self._even(count)

    def angle(self, index: int) -> float:
        """The angle of a node: zero at the top, clockwise, spaced evenly along the line."""
        return self._angles[index % len(self._angles)]

    def at(self, angle: float) -> tuple[float, float]:
        """The point at an angle."""
        return self.x + self.across * math.sin(angle), self.y - self.down * math.cos(angle)

    def along(self, angle: float) -> tuple[float, float]:
        """The direction of travel at an angle, of length one."""
        dx, dy = self.across * math.cos(angle), self.down * math.sin(angle)
        length = math.hypot(dx, dy)
        return dx / length, dy / length

    def _even(self, count: int) -> list[float]:
        """The angles of equal shares of the circumference, measured in small steps."""
        steps = 720
        points = [self.at(2 * math.pi * i / steps) for i in range(steps + 1)]
        lengths = list(accumulate((math.dist(p, q) for p, q in pairwise(points)), initial=0.0))
        places = (bisect_left(lengths, lengths[-1] * i / count) for i in range(count))
        return [2 * math.pi * place / steps for place in places]


def _outside(oval: _Oval, node: int, angle: float) -> bool:
    """Whether a point of the ring clears a node's box."""
    (x, y), (at_x, at_y) = oval.at(angle), oval.at(oval.angle(node))
    return abs(x - at_x) > BOX[0] / 2 + GAP or abs(y - at_y) > BOX[1] / 2 + GAP


def _along(oval: _Oval, source: int, level: str) -> Svg:
    """An arrow along the ring from one node to the next."""
    start, end = oval.angle(source), oval.angle(source + 1)
    if end <= start:
        end += 2 * math.pi
    steps = 200
    angles = [start + (end - start) * i / steps for i in range(steps + 1)]
    clear = [a for a in angles if _outside(oval, source, a) and _outside(oval, source + 1, a)]
    if not clear:
        return Svg("")
    (x0, y0), tip, along = oval.at(clear[0]), oval.at(clear[-1]), oval.along(clear[-1])
    x1, y1 = tip[0] - along[0] * 4, tip[1] - along[1] * 4
    path = f"M{x0:.1f} {y0:.1f}A{oval.across:.1f} {oval.down:.1f} 0 0 1 {x1:.1f} {y1:.1f}"
    return arrow(path, tip, along, level)


def _through(oval: _Oval, source: int, target: int, level: str) -> Svg:
    """A straight arrow between nodes that are no neighbours."""
    (x0, y0), (x1, y1) = oval.at(oval.angle(source)), oval.at(oval.angle(target))
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    leave = min(
        (BOX[0] / 2 + GAP) / abs(dx) if dx else math.inf,
        (BOX[1] / 2 + GAP) / abs(dy) if dy else math.inf,
    )
    tip = (x1 - dx * leave, y1 - dy * leave)
    path = f"M{x0 + dx * leave:.1f} {y0 + dy * leave:.1f}L{tip[0] - dx * 4:.1f} "
    return arrow(f"{path}{tip[1] - dy * 4:.1f}", tip, (dx, dy), level)


def _middle(lines: Sequence[str], width: float, height: float) -> list[Svg]:
    top = height / 2 - (len(lines) - 1) * 11
    return [
        tag(
            "text",
            text,
            x=width / 2,
            y=top + i * 22,
            class_="centre" if i == 0 else "centre-note",
            text_anchor="middle",
            dominant_baseline="central",
            font_size=20 if i == 0 else 12.5,
            font_weight=600 if i == 0 else None,
            fill=INK if i == 0 else INK_2,
        )
        for i, text in enumerate(lines)
    ]
