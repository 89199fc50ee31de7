"""The page kit in a browser: every element on one page, by mouse-free hands."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request

from dovetail.web import pages, svg
from dovetail.web.charts import Chart, Event, Mark, Series, moments
from dovetail.web.piece import Page as NavPage
from dovetail.web.serve import RunningApp, serve_in_thread
from dovetail.web.sorting import Sort
from dovetail.web.svg import Edge, Node

pytestmark = pytest.mark.ui
TITLES = ["Circle", "Year", "Data", "Features", "Tracking", "Governance", "Serving", "Monitoring"]
COLUMNS = [
    {"key": "name", "title": "Model", "href": "href", "sort": True},
    {"key": "version", "title": "Version", "kind": "number", "sort": True},
    {"key": "state", "title": "State", "kind": "badge", "level": "level"},
    {"key": "requests", "title": "Requests", "kind": "number", "sort": True},
    {"key": "p50", "title": "Median", "kind": "duration", "sort": True},
    {"key": "share", "title": "Share", "kind": "percent"},
    {"key": "size", "title": "Size", "kind": "bytes"},
    {"key": "loaded", "title": "Loaded", "kind": "age", "sort": True},
]
STATES = [
    ("ready", "ok"),
    ("canary", "info"),
    ("slow", "warn"),
    ("failed", "alarm"),
    ("off", "idle"),
]


def everything(request: Request) -> dict[str, Any]:
    now = datetime.now(UTC)
    rows = [
        {
            "name": "flights",
            "version": 5 - i,
            "state": state,
            "level": level,
            "requests": 336776 // (i * i * 40 + 1),
            "p50": 0.00042 * (i + 1) if i < 4 else None,
            "share": (0.9, 0.1, 0, 0, None)[i],
            "size": 1_834_212 + 9000 * i,
            "loaded": now - timedelta(hours=31 * i + 1),
            "href": f"/serving/flights/{5 - i}",
        }
        for i, (state, level) in enumerate(STATES)
    ]
    sort = Sort.of(request, allowed={c["key"] for c in COLUMNS}, default="-version")
    rows = sort.apply(rows, key=lambda row: row[sort.by])
    return {"rows": rows, "columns": COLUMNS, "sort": sort, "as_of": now - timedelta(minutes=2)}


def drawings(request: Request) -> dict[str, Any]:
    days = [date(2013, 4, 1) + timedelta(days=3 * i) for i in range(90)]
    x = moments(days)
    loop = [0.70 + 0.015 * math.sin(i / 9) for i in range(90)]
    first = [value - 0.0006 * i if i != 40 else None for i, value in enumerate(loop)]
    happened = [
        (date(2013, 5, 20), "Alarm", "alarm", "Estimated AUC fell below 0.69"),
        (date(2013, 5, 22), "Retraining", "info", "Version 2 trained on March to May"),
        (date(2013, 5, 30), "Promotion", "ok", "Version 2 became champion"),
        (date(2013, 9, 2), "Alarm", "warn", "wind_speed drifted"),
        (date(2013, 9, 10), "Retraining", "info", "Version 3 trained"),
        (date(2013, 9, 12), "Rejection", "idle", "Version 3 did not beat the champion"),
    ]
    events = [
        Event(at=datetime(d.year, d.month, d.day, tzinfo=UTC), lane=lane, level=level, text=text,
              href=f"/loop/{i}", detail="AUC 0.701 to 0.712 on 8,102 flights" if i == 2 else "")
        for i, (d, lane, level, text) in enumerate(happened)
    ]  # fmt: skip
    chart = Chart(
        title="ROC AUC by month: the champion against the first model",
        x=x,
        unit="ROC AUC",
        series=[
            Series(
                label="with the loop",
                values=list(loop),
                low=[v - 0.01 for v in loop],
                high=[v + 0.01 for v in loop],
            ),
            Series(label="version 1, never retrained", values=first, quiet=True),
        ],
        marks=[Mark(x=e.ms, label=e.text, level=e.level, href=e.href) for e in events],
    )
    stages = ["Data", "Features", "Tracking", "Governance", "Serving", "Monitoring", "Loop"]
    notes = ["3 tables, 12 days", "embedded", "mlflow.example:5000", "2 gates", "v4 90%, v5 10%",
             "1 open alarm", "waits for outcomes"]  # fmt: skip
    levels: list[Any] = ["ok", "ok", "ok", "idle", "ok", "alarm", "warn"]
    nodes = [
        Node(id=s, label=s, note=n, level=level, href=f"/{s.lower()}")
        for s, n, level in zip(stages, notes, levels, strict=True)
    ]
    edges = [Edge("Data", "Features"), Edge("Data", "Tracking"), Edge("Features", "Tracking"),
             Edge("Tracking", "Governance"), Edge("Governance", "Serving", level="ok"),
             Edge("Features", "Serving")]  # fmt: skip
    drift = [
        {
            "name": "wind_speed",
            "spark": svg.sparkline([math.sin(i / 4) for i in range(30)], label="drift"),
            "bars": svg.histogram([0.1, 0.3, 0.4, 0.2], [0.2, 0.4, 0.3, 0.1], label="wind_speed",
                                  names=["0", "40 mph"]),
        }
    ]  # fmt: skip
    return {"chart": chart, "events": events, "nodes": nodes, "edges": edges, "drift": drift}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningApp]:
    pages.register("stall", Path(__file__).parent / "stall")
    app = Starlette(
        routes=[
            *pages.page_route(
                "/serving", everything, template="stall/all.html", title="Serving", refresh=60
            ),
            *pages.page_route(
                "/year", drawings, template="stall/drawings.html", title="The year of flights"
            ),
            *pages.routes(),
        ]
    )
    app.state.nav = [NavPage("/" if t == "Circle" else f"/{t.lower()}", t) for t in TITLES]
    with serve_in_thread(app) as running:
        yield running


def test_every_element_of_the_kit(
    server: RunningApp, page: Page, check_page: Callable[..., Any]
) -> None:
    check_page(page, f"{server.url}/serving", name="kit")
    expect(page.locator("nav a[aria-current]")).to_have_text("Serving")


def test_every_drawing_of_the_kit(
    server: RunningApp, page: Page, check_page: Callable[..., Any]
) -> None:
    check_page(page, f"{server.url}/year", name="drawings", budget=60_000, wait=".uplot canvas")


def test_every_drawing_is_there_without_script(server: RunningApp, browser: Browser) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 800}
    )
    page = context.new_page()
    page.goto(f"{server.url}/year")
    expect(page.locator("line-chart svg path.line")).to_have_count(2)
    expect(page.locator("event-timeline li")).to_have_count(6)
    page.screenshot(path="test-results/drawings-no-script.png", full_page=True)
    context.close()
