"""Where in an item a region is: spans, boxes, polygons, ellipses, points, and how far two overlap.

Label Studio writes positions on images as per cent of width and height, in text as characters, in
sound and time series as seconds. A shape is compared only with one of its own form in its own
place (paragraph, page, element of the markup).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

__all__ = ["Form", "Shape", "match", "overlap", "shape_of"]

Form = Literal["span", "box", "polygon", "ellipse", "point", "ranges", "mask", "whole"]
GRID = 48  # samples a side, where an area has no formula
CORNERS = 300  # of a polygon that are looked at
CAREFUL = 300  # pairs of turned or many-cornered shapes that are looked at closely
REACH = 5.0  # per cent of the image at which two points have nothing in common


class Shape(msgspec.Struct, frozen=True, order=True):
    """A place in an item and the labels it was given.

    Attributes:
        form: What the numbers mean.
        at: The paragraph, page or element that it is in, "" where there is one only.
        numbers: span: start, end; box: x, y, width, height, rotation; polygon: x, y, x, y, ...;
            ellipse: x, y, radius x, radius y, rotation; point: x, y; ranges: start, end, ...
        labels: Sorted.
        text: What a span covers, where it is written; for a mask what stands for its content.
    """

    form: Form
    at: str = ""
    numbers: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    text: str = ""


def shape_of(value: Mapping[str, Any], labels: Sequence[str] = (), page: object = None) -> Shape:
    """Find the shape that a region's value describes; "whole" where it describes none.

    Args:
        value: What a region carries as `value`.
        labels: Its labels.
        page: The region's `item_index`, where it has one.
    """
    at = "" if page is None else str(page)
    names = tuple(sorted(labels))
    for form, read in _READERS:
        found = read(value)
        if found is not None:
            where, numbers = found
            text = value.get("text") if form == "span" else ""
            return Shape(form, where or at, numbers, names, text if isinstance(text, str) else "")
    if value.get("rle") is not None or value.get("imageDataURL") is not None:
        return Shape("mask", at, (), names, msgspec.json.encode(value, order="sorted").decode())
    return Shape("whole", at, (), names)


def _numbers(value: Mapping[str, Any], *keys: str) -> tuple[float, ...] | None:
    found = [value.get(key) for key in keys]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in found):
        return None
    try:
        return tuple(round(float(one), 6) for one in found if isinstance(one, int | float))
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _span(value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    whole = value.get("globalOffsets")
    if isinstance(whole, Mapping):
        found = _numbers(whole, "start", "end")
        if found:
            return "", found
    start, end = value.get("start"), value.get("end")
    offsets = _numbers(value, "startOffset", "endOffset")
    if offsets and start is not None:  # in markup: from a place in one element to one in another
        return (f"{start}" if start == end else f"{start}:{end}"), offsets
    found = _numbers(value, "start", "end")
    return ("", found) if found else None


def _box(value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    found = _numbers(value, "x", "y", "width", "height")
    return ("", (*found, *(_numbers(value, "rotation") or (0.0,)))) if found else None


def _ellipse(value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    found = _numbers(value, "x", "y", "radiusX", "radiusY")
    return ("", (*found, *(_numbers(value, "rotation") or (0.0,)))) if found else None


def _point(value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    found = _numbers(value, "x", "y")
    return ("", found) if found else None


def _polygon(value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    points = value.get("points")
    if not isinstance(points, list) or len(points) < 3:
        return None
    flat: list[float] = []
    for point in points:
        if not isinstance(point, list | tuple) or len(point) != 2:
            return None
        pair = _numbers({"x": point[0], "y": point[1]}, "x", "y")
        if pair is None:
            return None
        flat += pair
    return "", tuple(flat)


def _ranges(value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]] | None:
    ranges = value.get("ranges")
    if not isinstance(ranges, list):
        return None
    flat: list[float] = []
    for one in ranges:
        pair = _numbers(one, "start", "end") if isinstance(one, Mapping) else None
        if pair is None:
            return None
        flat += pair
    return "", tuple(flat)


_READERS: tuple[tuple[Form, Any], ...] = (
    ("polygon", _polygon), ("box", _box), ("ellipse", _ellipse), ("point", _point),
    ("span", _span), ("ranges", _ranges),
)  # fmt: skip


def overlap(one: Shape, other: Shape, *, rough: bool = False) -> float:
    """Intersection over union, from 0 to 1, whatever the labels are.

    Turned boxes and ellipses are cut out of each other, polygons are sampled on a grid of 48 by 48
    over both. Two points share less the further they are apart, nothing from 5 % of the image on.
    Masks are equal or not.

    Args:
        one: A shape.
        other: Another.
        rough: Whether upright boxes around turned ones, ellipses and polygons will do.
    """
    if one.form != other.form or one.at != other.at:
        return 0.0
    if one.numbers == other.numbers:
        return float(one.form != "mask" or one.text == other.text)
    if one.form in ("span", "ranges"):
        return _span_overlap(one.numbers, other.numbers)
    if one.form == "point":
        apart = math.dist(one.numbers, other.numbers)
        return max(0.0, 1 - apart / REACH)
    if one.form == "box" and one.numbers[4] == other.numbers[4] == 0:
        return _box_overlap(one.numbers, other.numbers)
    if one.form in ("box", "polygon", "ellipse"):
        first, second = _outline(one), _outline(other)
        around = _box_overlap(_around(first), _around(second))
        if rough or not around:
            return around
        if one.form == "polygon":
            return _sampled(first, second)
        return _cut(first, second)
    return 0.0


def _span_overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    pairs = [tuple(zip(numbers[::2], numbers[1::2], strict=True)) for numbers in (one, other)]
    shared = sum(
        max(0.0, min(end, stop) - max(start, begin))
        for start, end in pairs[0]
        for begin, stop in pairs[1]
    )
    total = sum(end - start for spans in pairs for start, end in spans) - shared
    return shared / total if total > 0 else 0.0


def _box_overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


Outline = list[tuple[float, float]]


def _outline(shape: Shape) -> Outline:
    numbers = shape.numbers
    if shape.form == "polygon":
        corners = list(zip(numbers[::2], numbers[1::2], strict=True))
        return corners[:: len(corners) // CORNERS + 1]
    x, y, first, second, rotation = numbers
    turn = math.radians(rotation)
    cos, sin = math.cos(turn), math.sin(turn)
    if shape.form == "box":  # turned about its first corner
        corners = [(0.0, 0.0), (first, 0.0), (first, second), (0.0, second)]
    else:
        steps = [math.tau * step / 32 for step in range(32)]
        corners = [(first * math.cos(step), second * math.sin(step)) for step in steps]
    return [(x + dx * cos - dy * sin, y + dx * sin + dy * cos) for dx, dy in corners]


def _around(outline: Outline) -> tuple[float, ...]:
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _area(outline: Outline) -> float:
    pairs = zip(outline, outline[1:] + outline[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def _cut(one: Outline, other: Outline) -> float:
    """Of outlines without dents: one is cut off along each side of the other in turn.

    Source: I. E. Sutherland, G. W. Hodgman, Reentrant polygon clipping, 1974.
    """
    left = one
    turn = sum(
        x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(other, other[1:] + other[:1], strict=True)
    )
    for (x1, y1), (x2, y2) in zip(other, other[1:] + other[:1], strict=True):
        sides = [((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) * turn for x, y in left]
        kept: Outline = []
        for place, (x, y) in enumerate(left):
            px, py = left[place - 1]
            side, before = sides[place], sides[place - 1]
            if (side < 0) != (before < 0) and side != before:
                share = before / (before - side)
                kept.append((px + (x - px) * share, py + (y - py) * share))
            if side >= 0:
                kept.append((x, y))
        left = kept
        if len(left) < 3:
            return 0.0
    shared = _area(left)
    whole = _area(one) + _area(other) - shared
    return min(1.0, shared / whole) if whole > 0 else 0.0


def _sampled(one: Outline, other: Outline) -> float:
    points = one + other
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    shared = covered = 0
    for row in range(GRID):
        y = top + (bottom - top) * (row + 0.5) / GRID
        crossed = _crossings(one, y), _crossings(other, y)
        for column in range(GRID):
            x = left + (right - left) * (column + 0.5) / GRID
            inside = [sum(at > x for at in crossings) % 2 for crossings in crossed]
            shared += inside[0] & inside[1]
            covered += inside[0] | inside[1]
    return shared / covered if covered else 0.0


def _crossings(outline: Outline, y: float) -> list[float]:
    found = []
    for (x1, y1), (x2, y2) in zip(outline, outline[1:] + outline[:1], strict=True):
        if (y1 > y) != (y2 > y):
            found.append(x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return found


def match(one: Sequence[Shape], other: Sequence[Shape]) -> list[tuple[int, int, float]]:
    """Pair shapes that have the same labels, the pair that overlaps most first.

    Returns:
        Positions in `one` and in `other`, and the overlap, which is above 0.
    """
    candidates = []
    costly = 0
    for i, j in _near(one, other):
        costly += one[i].form in ("polygon", "ellipse")
        share = overlap(one[i], other[j], rough=costly > CAREFUL)
        if share > 0:
            candidates.append((share, i, j))
    candidates.sort(key=lambda found: (-found[0], found[1], found[2]))
    pairs, taken, met = [], set(), set()
    for share, i, j in candidates:
        if i not in taken and j not in met:
            taken.add(i)
            met.add(j)
            pairs.append((i, j, share))
    return pairs


def _near(one: Sequence[Shape], other: Sequence[Shape]) -> Iterator[tuple[int, int]]:
    """Pairs of one form and place with the same labels whose extents meet.

    By a sweep, so that thousands of spans in a long text are not each held against each.
    """
    groups: dict[object, list[tuple[float, float, int]]] = {}
    for j, shape in enumerate(other):
        low, high = _extent(shape)
        groups.setdefault((shape.form, shape.at, shape.labels), []).append((low, high, j))
    for group in groups.values():
        group.sort()
    for i, shape in enumerate(one):
        low, high = _extent(shape)
        for begin, end, j in groups.get((shape.form, shape.at, shape.labels), ()):
            if begin > high:
                break
            if end >= low:
                yield i, j


def _extent(shape: Shape) -> tuple[float, float]:
    """From where to where it reaches on its first axis, with room for what is turned."""
    numbers = shape.numbers
    if shape.form == "polygon":
        return min(numbers[::2]), max(numbers[::2])
    if shape.form in ("span", "ranges"):
        return (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    if shape.form == "box":
        reach = math.hypot(numbers[2], numbers[3]) if numbers[4] else 0.0
        return numbers[0] - reach, numbers[0] + max(numbers[2], reach)
    if shape.form == "ellipse":
        reach = max(numbers[2:4])
        return numbers[0] - reach, numbers[0] + reach
    if shape.form == "point":
        return numbers[0] - REACH, numbers[0] + REACH
    return 0.0, 0.0
