"""Events on one time axis, a lane for each kind, with the margins of `svg.plot` above it."""

from collections.abc import Sequence

from dovetail.web.charts import Event
from dovetail.web.svg.box import mark
from dovetail.web.svg.element import Svg, link, picture, tag
from dovetail.web.svg.parts import INK_2, LINE
from dovetail.web.svg.scale import Scale, time_ticks

LANE = 24.0
LEFT, RIGHT, BOTTOM = 96.0, 16.0, 22.0


def timeline(
    events: Sequence[Event],
    *,
    title: str,
    start: float | None = None,
    end: float | None = None,
    width: float = 1160,
) -> Svg:
    """Events in lanes.

    Args:
        events: In any order; lanes stand in the order in which they first occur.
        title: The drawing's name for those who do not see it.
        start: Left end of the axis in milliseconds since 1970, or None for the first event.
        end: Right end, or None for the last event.
        width: In pixels.
    """
    lanes = list(dict.fromkeys(event.lane for event in events))
    times = [event.ms for event in events]
    low = min(times, default=0.0) if start is None else start
    high = max(times, default=1.0) if end is None else end
    x = Scale(low, high, LEFT, width - RIGHT)
    bottom = len(lanes) * LANE
    rows = [_lane(name, i, width - RIGHT) for i, name in enumerate(lanes)]
    shapes = [
        link(event.href, _shape(event, x(event.ms), lanes.index(event.lane)), aria_label=event.text)
        for event in events
        if low <= event.ms <= high
    ]
    ticks = time_ticks(low, high, int((x.end - x.start) / 75))
    axis = [_label(text, x(at), bottom + 12, "middle") for at, text in ticks]
    return picture(width, bottom + BOTTOM, title, *rows, *axis, *shapes, class_="timeline")


def _lane(name: str, index: int, right: float) -> Svg:
    y = (index + 0.5) * LANE
    rule = tag("path", d=f"M{LEFT:.0f} {y}H{right:.0f}", stroke=LINE, class_="grid")
    return tag("g", rule, _label(name, LEFT - 12, y, "end"))


def _shape(event: Event, x: float, lane: int) -> Svg:
    return tag(
        "g",
        tag("title", event.text),
        mark(event.level, x, (lane + 0.5) * LANE, 5.5),
        class_=f"event level-{event.level}",
    )


def _label(text: str, x: float, y: float, anchor: str) -> Svg:
    return tag(
        "text",
        text,
        x=x,
        y=y,
        text_anchor=anchor,
        dominant_baseline="central",
        font_size=11,
        fill=INK_2,
        class_="tick",
    )
