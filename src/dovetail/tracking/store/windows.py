"""A part of a metric for drawing: few stretches that hold the extremes of every point in it.

The blocks of a rollup are a forest in the order of the points. It is descended from the top until
the stretches are fine enough; only blocks that the ends of the part cut through are read point by
point. What no block holds yet is read as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store import rollups
from dovetail.tracking.store.rollup_schema import FAN, blocks
from dovetail.tracking.store.stretches import Point, Stretch, merged, of_points, single

__all__ = ["Axis", "Part", "Window", "look"]

Axis = Literal["step", "time"]


@dataclass(frozen=True)
class Part:
    """Which points of a metric are asked for.

    Attributes:
        axis: what `low` and `high` are, steps or milliseconds since 1970.
        low: the first place, or None for all from the beginning.
        high: the last place, or None for all up to the end.
        points: about how many points to draw; there are two in a stretch.
    """

    axis: Axis = "step"
    low: int | None = None
    high: int | None = None
    points: int = 320

    def place(self, low: int, high: int) -> int:
        """Return 2 for what lies inside, 1 for what the ends cut through, 0 for what is outside."""
        first = low if self.low is None else self.low
        last = high if self.high is None else self.high
        if high < first or low > last:
            return 0
        return 2 if first <= low and high <= last else 1

    @property
    def stretches(self) -> int:
        """How many stretches that makes."""
        return max(1, self.points // 2)

    def inside(self, points: Sequence[Point]) -> list[Point]:
        """Return the points that lie inside."""
        if self.axis == "step":
            return [point for point in points if self.place(point[0], point[0])]
        return [point for point in points if self.place(point[1], point[1])]

    def place_of(self, block: Row[Any]) -> int:
        """Return how a block lies to this part."""
        if self.axis == "step":
            return self.place(block.first_step, block.last_step)
        return self.place(block.first_timestamp, block.last_timestamp)


@dataclass(frozen=True)
class Window:
    """What was found.

    Attributes:
        stretches: in the order of the axis.
        count: how many points they hold.
        waiting: whether points are missing because their blocks must be built first.
    """

    stretches: list[Stretch]
    count: int
    waiting: bool


def look(connection: Connection, run: int, key: str, part: Part) -> Window:
    """Return a part of a metric.

    Args:
        connection: where to read.
        run: the run's key inside the database.
        key: which metric.
        part: which of its points.
    """
    rollup = rollups.find(connection, run, key)
    pieces: list[Stretch | list[Point]] = []
    if rollup is not None and rollup.blocks:
        pieces += _covered(connection, run, key, rollup, part)
    rest = rollups.after(connection, run, key, rollup, rollups.TAIL + 1)
    pieces.append(part.inside(rest))
    stretches, count = _grouped(pieces, part)
    return Window(stretches, count, len(rest) > rollups.TAIL)


def _covered(
    connection: Connection, run: int, key: str, rollup: Row[Any], part: Part
) -> Iterator[Stretch | list[Point]]:
    nodes = _roots(connection, rollup, part)
    level = nodes[0].level if nodes else 0
    while level and len(nodes) < part.stretches:
        top = [node for node in nodes if node.level == level]
        level -= 1
        if top:
            finer = _children(connection, rollup, level, top[0].number, top[-1].number, part)
            nodes = [*finer, *nodes[len(top) :]]
    if level or len(nodes) >= part.stretches:
        for node in nodes:
            yield from _resolved(connection, run, key, rollup, node, part)
        return
    for first, last in _contiguous(nodes):
        held = rollups.points_up_to(connection, run, key, last, last.number - first.number + 1)
        yield part.inside(held)


def _contiguous(nodes: Sequence[Row[Any]]) -> Iterator[tuple[Row[Any], Row[Any]]]:
    """Yield the first and the last of blocks that follow each other without a gap."""
    start = 0
    for i, node in enumerate(nodes):
        if i + 1 == len(nodes) or nodes[i + 1].number != node.number + 1:
            yield nodes[start], node
            start = i + 1


def _roots(connection: Connection, rollup: Row[Any], part: Part) -> list[Row[Any]]:
    """Return the largest blocks that together hold all, those outside the part left out."""
    ranges, level, count, covered = [], 0, int(rollup.blocks), 0
    counts = [count]
    while counts[-1] >= FAN:
        counts.append(counts[-1] // FAN)
    for level in range(len(counts) - 1, -1, -1):
        ranges.append((blocks.c.level == level) & (blocks.c.number >= covered))
        covered = counts[level] * FAN
    query = (
        sa.select(blocks)
        .where(blocks.c.rollup == rollup.id, sa.or_(*ranges))
        .order_by(blocks.c.level.desc(), blocks.c.number)
    )
    return [row for row in connection.execute(query) if part.place_of(row)]


def _children(
    connection: Connection, rollup: Row[Any], level: int, first: int, last: int, part: Part
) -> list[Row[Any]]:
    query = (
        sa.select(blocks)
        .where(
            blocks.c.rollup == rollup.id,
            blocks.c.level == level,
            blocks.c.number >= first * FAN,
            blocks.c.number < (last + 1) * FAN,
        )
        .order_by(blocks.c.number)
    )
    return [row for row in connection.execute(query) if part.place_of(row)]


def _resolved(
    connection: Connection, run: int, key: str, rollup: Row[Any], node: Row[Any], part: Part
) -> Iterator[Stretch | list[Point]]:
    """Yield a block, or where the part's ends cut through it, what of it lies inside."""
    if part.place_of(node) == 2:
        yield rollups.stretch_of(node)
    elif node.level:
        for finer in _children(connection, rollup, node.level - 1, node.number, node.number, part):
            yield from _resolved(connection, run, key, rollup, finer, part)
    else:
        yield part.inside(rollups.points_up_to(connection, run, key, node, 1))


def _grouped(pieces: Sequence[Stretch | list[Point]], part: Part) -> tuple[list[Stretch], int]:
    """Merge neighbours until there are few enough; where there are few points, keep each."""
    total = sum(p.points if isinstance(p, Stretch) else len(p) for p in pieces)
    every = total <= part.points and not any(isinstance(p, Stretch) for p in pieces)
    size = 1 if every else max(1, -(-total // part.stretches))
    stretches: list[Stretch] = []
    for piece in pieces:
        if isinstance(piece, Stretch):
            stretches.append(piece)
        elif size == 1:
            stretches += map(single, piece)
        else:
            half = max(1, size // 4)
            stretches += (of_points(piece[i : i + half]) for i in range(0, len(piece), half))
    if part.axis == "time":
        stretches.sort(key=lambda stretch: stretch.first_timestamp)
    return (stretches if every else list(_merged(stretches, size))), total


def _merged(stretches: Sequence[Stretch], size: int) -> Iterator[Stretch]:
    group: list[Stretch] = []
    held = 0
    for stretch in stretches:
        if group and held + stretch.points > size:
            yield merged(group)
            group, held = [], 0
        group.append(stretch)
        held += stretch.points
    if group:
        yield merged(group)
