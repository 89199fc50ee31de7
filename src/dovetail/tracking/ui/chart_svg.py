"""A chart as a drawing: for pages without script, notebooks and reports."""

from starlette.requests import Request
from starlette.responses import Response

from dovetail.base.sql import Database
from dovetail.tracking.ui.lines import Lines, Wish, lines_of
from dovetail.web import svg
from dovetail.web.charts import Chart, Series

__all__ = ["chart_of", "chart_response"]

HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
WIDTH, HEIGHT = 640, 240


def chart_response(database: Database, request: Request) -> Response:
    """Return the lines that an address asks for as a drawing.

    Raises:
        InvalidParameterError: the address asks for too much, or for what is no number.
    """
    wish = Wish.of(request)
    found = lines_of(database, wish)
    drawing = svg.plot(chart_of(found, ", ".join(wish.keys)), width=WIDTH, height=HEIGHT)
    return Response(str(drawing), headers=HEADERS, media_type="image/svg+xml")


def chart_of(found: Lines, title: str) -> Chart:
    """Return lines as a chart with one axis for all."""
    xs = sorted({x for line in found.lines for x in line.x})
    series = []
    for line in found.lines:
        held = dict(zip(line.x, line.y, strict=True))
        present = [x for x in xs if x in held]
        values = _filled(xs, {x: held[x] for x in present})
        series.append(Series(label=f"{line.name} {line.key}", values=values))
    return Chart(title=title, x=xs, series=series, time=found.x == "time", digits=4)


def _filled(xs: list[float], held: dict[float, float | None]) -> list[float | None]:
    """Return a value for each x of all lines: between two points of this line, what joins them."""
    places = sorted(held)
    values: list[float | None] = []
    at = 0
    for x in xs:
        while at < len(places) and places[at] < x:
            at += 1
        if x in held:
            values.append(held[x])
            continue
        left = held[places[at - 1]] if at else None
        right = held[places[at]] if at < len(places) else None
        if left is None or right is None:
            values.append(None)
            continue
        share = (x - places[at - 1]) / (places[at] - places[at - 1])
        values.append(left + (right - left) * share)
    return values
