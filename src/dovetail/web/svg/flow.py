"""A directed graph in columns from left to right: pipelines, lineage, inference graphs.

Each node stands one column after the last of its sources (longest path). An edge that skips
columns gets a lane of its own in each of them, so it never runs beneath a box. Within a column,
nodes and lanes are ordered by the mean place of what leads to them, which keeps crossings few. A
cycle is drawn too: the edge that closes it runs backwards.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from dovetail.web.svg.box import arrow, box
from dovetail.web.svg.element import Svg, picture
from dovetail.web.svg.parts import Edge, Node

BOX = (172.0, 50.0)
STEP = 236.0
SLOT = 70.0
LANE = 26.0
AIR = 6.0

Point = tuple[float, float]


def flow(nodes: Sequence[Node], edges: Sequence[Edge], *, title: str) -> Svg:
    """A graph from left to right.

    Args:
        nodes: All nodes; the order breaks ties.
        edges: Between nodes that exist; others are left out.
        title: The drawing's name for those who do not see it.
    """
    known = {node.id for node in nodes}
    kept = [e for e in edges if e.source in known and e.target in known and e.source != e.target]
    depths = _depths([node.id for node in nodes], kept)
    ways = [_way(edge, i, depths) for i, edge in enumerate(kept)]
    columns = _ordered(_columns(depths, ways), ways)
    places, height = _places(columns, depths)
    width = (max(len(columns), 1) - 1) * STEP + BOX[0] + 2 * AIR
    arrows = [
        _line([places[stop] for stop in way], edge.level)
        for way, edge in zip(ways, kept, strict=True)
    ]
    boxes = [box(node, *places[node.id], *BOX) for node in nodes]
    return picture(width, height, title, *arrows, *boxes, class_="graph flow")


def _depths(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The length of the longest way to each node; an edge that closes a cycle does not count."""
    sources: dict[str, list[str]] = {node: [] for node in nodes}
    for edge in edges:
        sources[edge.target].append(edge.source)
    depth: dict[str, int] = {}

    def depth_of(node: str, above: frozenset[str]) -> int:
        if node not in depth:
            before = [s for s in sources[node] if s not in above]
            depth[node] = max((depth_of(s, above | {s}) + 1 for s in before), default=0)
        return depth[node]

    return {node: depth_of(node, frozenset({node})) for node in nodes}


def _way(edge: Edge, index: int, depths: Mapping[str, int]) -> list[str]:
    """The stops of an edge: its source, a lane in each column that it skips, its target."""
    skipped = range(depths[edge.source] + 1, depths[edge.target])
    return [edge.source, *(f"\0{column} {index}" for column in skipped), edge.target]


def _columns(depths: Mapping[str, int], ways: Sequence[Sequence[str]]) -> list[list[str]]:
    """What stands in each column: the nodes, then the lanes."""
    columns: list[list[str]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for node, depth in depths.items():
        columns[depth].append(node)
    for way in ways:
        for lane in way[1:-1]:
            columns[int(lane[1:].partition(" ")[0])].append(lane)
    return columns


def _ordered(columns: Sequence[Sequence[str]], ways: Sequence[Sequence[str]]) -> list[list[str]]:
    """Each column by the mean place of what leads to its stops; the middle where nothing does."""
    sources: dict[str, list[str]] = {}
    for way in ways:
        for source, target in pairwise(way):
            sources.setdefault(target, []).append(source)
    place: dict[str, float] = {}
    ordered = []
    for column in columns:
        wishes = []
        for i, stop in enumerate(column):
            before = [place[s] for s in sources.get(stop, ()) if s in place]
            wishes.append((sum(before) / len(before) if before else 0.0, i))
        ordered.append([column[i] for _, i in sorted(wishes)])
        place |= {stop: j - (len(column) - 1) / 2 for j, stop in enumerate(ordered[-1])}
    return ordered


def _places(
    columns: Sequence[Sequence[str]], nodes: Mapping[str, int]
) -> tuple[dict[str, Point], float]:
    """The centre of each stop, and the height of the drawing."""
    heights = [[SLOT if stop in nodes else LANE for stop in column] for column in columns]
    tallest = max((sum(column) for column in heights), default=SLOT)
    places = {}
    for i, (column, tall) in enumerate(zip(columns, heights, strict=True)):
        y = (tallest - sum(tall)) / 2
        for stop, slot in zip(column, tall, strict=True):
            places[stop] = (BOX[0] / 2 + AIR + i * STEP, y + slot / 2)
            y += slot
    return places, tallest


def _line(stops: Sequence[Point], level: str) -> Svg:
    """An arrow from the right side of the first box to the left side of the last."""
    half = BOX[0] / 2
    x, y = stops[0][0] + half + 2, stops[0][1]
    path = f"M{x:.1f} {y:.1f}"
    for i, (at_x, at_y) in enumerate(stops[1:], 1):
        end = at_x - half - (7 if i == len(stops) - 1 else 0)
        bend = max(abs(end - x) / 2, 24)
        path += f"C{x + bend:.1f} {y:.1f} {end - bend:.1f} {at_y:.1f} {end:.1f} {at_y:.1f}"
        if i < len(stops) - 1:
            path += f"H{at_x + half:.1f}"
        x, y = at_x + half, at_y
    tip = (stops[-1][0] - half - 3, stops[-1][1])
    return arrow(path, tip, (1.0, 0.0), level)
