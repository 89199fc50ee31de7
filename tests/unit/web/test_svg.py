import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime

import pytest

from dovetail.web import svg
from dovetail.web.charts import Chart, Event, Mark, Series, moments
from dovetail.web.svg import Edge, Node
from dovetail.web.svg.element import shorten
from dovetail.web.svg.flow import _columns, _depths, _ordered, _places, _way
from dovetail.web.svg.scale import ticks, time_ticks
from dovetail.web.svg.sparkline import outline

ATTACK = '</text><script>alert(1)</script>" onload="alert(2)'
NS = "{http://www.w3.org/2000/svg}"
DAYS = moments([date(2013, 4, 1), date(2013, 5, 1), date(2013, 6, 1)])


def tags(drawing: svg.Svg) -> list[str]:
    return [element.tag.removeprefix(NS) for element in ET.fromstring(drawing).iter()]


def drawings(text: str, href: str = "") -> dict[str, svg.Svg]:
    nodes = [Node(id=str(i), label=text, note=text, state=text, href=href) for i in range(4)]
    event = Event(at=datetime(2013, 4, 2, tzinfo=UTC), lane=text, text=text, href=href)
    chart = Chart(
        title=text,
        x=DAYS,
        unit=text,
        series=[Series(label=text, values=[0.1, None, 0.3], low=[0.0] * 3, high=[1.0] * 3)],
        marks=[Mark(x=DAYS[1], label=text, href=href)],
    )
    return {
        "ring": svg.ring(nodes, title=text, centre=[text]),
        "flow": svg.flow(nodes, [Edge("0", "1", text)], title=text),
        "plot": svg.plot(chart),
        "timeline": svg.timeline([event], title=text),
        "sparkline": svg.sparkline([1, 2], label=text),
        "histogram": svg.histogram([0.5, 0.5], label=text, names=[text, text]),
    }


KINDS = list(drawings(""))


@pytest.mark.parametrize("kind", KINDS)
def test_what_users_named_stays_text(kind: str) -> None:
    drawing = drawings(ATTACK)[kind]
    root = ET.fromstring(drawing)
    assert "script" not in tags(drawing)
    assert root.get("aria-label", "").startswith(ATTACK)
    assert not [element for element in root.iter() if element.get("onload")]


@pytest.mark.parametrize("kind", ["ring", "flow", "plot", "timeline"])
@pytest.mark.parametrize("href", ["javascript:alert(1)", "data:text/html,x", " javascript:x"])
def test_an_address_that_runs_code_is_no_link(kind: str, href: str) -> None:
    assert "a" not in tags(drawings("x", href)[kind])
    assert "a" in tags(drawings("x", "/loop/3")[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_has_a_role_and_needs_no_style_sheet(kind: str) -> None:
    root = ET.fromstring(drawings("x")[kind])
    assert root.get("role") == "img"
    assert not [element for element in root.iter() if element.get("style")]


def test_nothing_to_draw_is_still_a_drawing() -> None:
    empty = Chart(title="t", x=[], series=[])
    for drawing in (
        svg.ring([], title="t"),
        svg.flow([], [], title="t"),
        svg.plot(empty),
        svg.timeline([], title="t"),
        svg.sparkline([None, float("nan")], label="t"),
        svg.histogram([], label="t"),
    ):
        assert tags(drawing)[0] == "svg"


@pytest.mark.parametrize("count", [1, 2, 3, 7, 11])
def test_each_node_of_a_ring_leads_to_the_next(count: int) -> None:
    drawing = svg.ring([Node(id=str(i), label="n") for i in range(count)], title="t")
    names = [element.get("class", "") for element in ET.fromstring(drawing).iter(f"{NS}g")]
    assert sum(name.startswith("node") for name in names) == count
    assert sum(name.startswith("edge") for name in names) == (count if count > 1 else 0)


def test_a_node_stands_after_the_last_of_its_sources() -> None:
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("a", "c"), Edge("c", "d")]
    assert _depths("dcba", edges) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_an_edge_that_skips_columns_has_a_lane_of_its_own() -> None:
    nodes = [Node(id=name, label=name) for name in "abc"]
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("a", "c")]
    depths = _depths("abc", edges)
    ways = [_way(edge, i, depths) for i, edge in enumerate(edges)]
    assert [len(way) for way in ways] == [2, 2, 3]
    places, _ = _places(_ordered(_columns(depths, ways), ways), depths)
    lane, box = places[ways[2][1]], places["b"]
    assert lane[0] == box[0]
    assert abs(lane[1] - box[1]) > 25
    assert tags(svg.flow(nodes, edges, title="t")).count("rect") == 3


def test_a_cycle_is_drawn_too() -> None:
    nodes = [Node(id=name, label=name) for name in "abc"]
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("c", "a"), Edge("a", "a"), Edge("a", "gone")]
    drawing = svg.flow(nodes, edges, title="t")
    assert drawing.count('class="edge') == 3


def test_crossings_are_avoided_within_a_column() -> None:
    edges = [Edge("a", "x"), Edge("b", "y")]
    depths = _depths("abyx", edges)
    ways = [_way(edge, i, depths) for i, edge in enumerate(edges)]
    assert _ordered(_columns(depths, ways), ways) == [["a", "b"], ["x", "y"]]


def test_a_gap_lifts_the_pen_and_a_lone_point_shows() -> None:
    assert outline([(0, 0), (1, 1), None, (3, 3)]) == "M0.0 0.0L1.0 1.0M3.0 3.0h0.1"
    level = [(0, 2), (1, 2), (2, 2), (3, 2), (4, 5), None, (6, 5), (7, 5)]
    assert outline(level) == "M0.0 2.0L3.0 2.0L4.0 5.0M6.0 5.0L7.0 5.0"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.62, 0.74, [0.62, 0.64, 0.66, 0.68, 0.7, 0.72, 0.74]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
        (5, 5, [5]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


def test_ticks_of_a_year_are_its_months() -> None:
    low, high = moments([date(2013, 1, 1), date(2013, 12, 31)])
    labels = [label for _, label in time_ticks(low, high, 14)]
    assert labels == [
        "2013", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]  # fmt: skip


def test_ticks_of_a_day_are_hours() -> None:
    low, high = moments([datetime(2013, 1, 1), datetime(2013, 1, 2)])
    assert [label for _, label in time_ticks(low, high, 8)] == [
        "1 Jan", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "2 Jan",
    ]  # fmt: skip


def test_a_label_that_would_run_into_the_next_event_is_left_to_the_tooltip() -> None:
    marks = [Mark(x=DAYS[0], label="one"), Mark(x=DAYS[0] + 1e7, label="two")]
    drawing = svg.plot(Chart(title="t", x=DAYS, series=[], marks=marks))
    assert ">one</text>" not in drawing
    assert ">two</text>" in drawing
    assert "<title>one</title>" in drawing


def test_text_is_cut_with_an_ellipsis() -> None:
    assert [shorten("monitoring", 10), shorten("monitoring", 5)] == ["monitoring", "moni…"]
