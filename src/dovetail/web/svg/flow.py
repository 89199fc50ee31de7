"""A directed graph in columns from left to right: pipelines, lineage, inference graphs.

Each node stands one column after the last of its sources (longest path); within a column, nodes
are ordered by the mean place of their sources, which keeps crossings few. A cycle is drawn too:
the edge that closes it runs backwards.
"""

from collections.abc import Sequence

from dovetail.web.svg.box import arrow, box
from dovetail.web.svg.element import Svg, picture
from dovetail.web.svg.parts import Edge, Node

BOX = (168.0, 50.0)
STEP = (236.0, 70.0)
EDGE = 6.0


def flow(nodes: Sequence[Node], edges: Sequence[Edge], *, title: str) -> Svg:
    """A graph from left to right.

    Args:
        nodes: All nodes; the order breaks ties.
        edges: Between nodes that exist; others are left out.
        title: The drawing's name for those who do not see it.
    """
    known = {node.id for node in nodes}
    kept = [e for e in edges if e.source in known and e.target in known and e.source != e.target]
    columns = _ordered(_columns(nodes, kept), kept)
    height = max((len(column) for column in columns), default=1) * STEP[1]
    at = {
        node.id: (
            BOX[0] / 2 + EDGE + i * STEP[0],
            height / 2 + (j - (len(column) - 1) / 2) * STEP[1],
        )
        for i, column in enumerate(columns)
        for j, node in enumerate(column)
    }
    width = (max(len(columns), 1) - 1) * STEP[0] + BOX[0] + 2 * EDGE
    arrows = [_curve(at[edge.source], at[edge.target], edge.level) for edge in kept]
    boxes = [box(node, *at[node.id], *BOX) for node in nodes]
    return picture(width, height, title, *arrows, *boxes, class_="graph flow")


def _columns(nodes: Sequence[Node], edges: Sequence[Edge]) -> list[list[Node]]:
    """Nodes by the longest way that leads to them; the edge that closes a cycle does not count."""
    sources: dict[str, list[str]] = {node.id: [] for node in nodes}
    for edge in edges:
        sources[edge.target].append(edge.source)
    depth: dict[str, int] = {}

    def depth_of(node: str, above: frozenset[str]) -> int:
        if node not in depth:
            before = [s for s in sources[node] if s not in above]
            depth[node] = max((depth_of(s, above | {s}) + 1 for s in before), default=0)
        return depth[node]

    columns: list[list[Node]] = []
    for node in nodes:
        place = depth_of(node.id, frozenset({node.id}))
        columns.extend([] for _ in range(place + 1 - len(columns)))
        columns[place].append(node)
    return columns


def _ordered(columns: list[list[Node]], edges: Sequence[Edge]) -> list[list[Node]]:
    """Each column by the mean place of what leads to its nodes."""
    place: dict[str, float] = {}
    ordered = []
    for column in columns:
        wishes = [(_mean_source(node.id, edges, place), i) for i, node in enumerate(column)]
        ordered.append([column[i] for _, i in sorted(wishes)])
        place |= {node.id: j - (len(column) - 1) / 2 for j, node in enumerate(ordered[-1])}
    return ordered


def _mean_source(node: str, edges: Sequence[Edge], place: dict[str, float]) -> float:
    """The mean place of the placed sources of a node; the middle where it has none."""
    places = [place[e.source] for e in edges if e.target == node and e.source in place]
    return sum(places) / len(places) if places else 0.0


def _curve(source: tuple[float, float], target: tuple[float, float], level: str) -> Svg:
    """An arrow from the right side of one box to the left side of another."""
    x0, y0 = source[0] + BOX[0] / 2 + 2, source[1]
    x1, y1 = target[0] - BOX[0] / 2 - 3, target[1]
    bend = max(abs(x1 - x0) / 2, 24)
    path = f"M{x0:.1f} {y0:.1f}C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1 - 4:.1f} "
    return arrow(f"{path}{y1:.1f}", (x1, y1), (1.0, 0.0), level)
