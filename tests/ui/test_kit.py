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
CLOCK = {"text": "calm"}
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
            *pages.page_route(
                "/ticking", lambda _: CLOCK, template="stall/tick.html", title="T", refresh=60
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


def test_the_keys_lead_everywhere(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/serving")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    expect(page.locator("#help dt").first).to_have_text("g c")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(":focus")).to_have_attribute("href", "/serving/flights/4")
    page.keyboard.press("k")
    expect(page.locator(":focus")).to_have_attribute("href", "/serving/flights/5")
    page.keyboard.press("g")
    page.keyboard.press("y")
    expect(page).to_have_url(f"{server.url}/year")


def test_the_first_tab_skips_the_navigation(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/serving")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_keys_typed_into_a_field_are_text(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/serving")
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    page.locator("main input").click()
    page.keyboard.type("gy?t")
    expect(page.locator("main input")).to_have_value("gy?t")
    expect(page.locator("#help")).to_be_hidden()


def test_the_theme_is_kept_and_sent_from_the_start(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/year")
    page.wait_for_selector(".uplot canvas")
    page.keyboard.press("t")
    page.keyboard.press("t")
    expect(page.locator("#theme")).to_have_text("Theme: dark")
    page.goto(f"{server.url}/serving")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == "rgb(22, 21, 19)"


def test_a_column_is_ordered_by_its_title(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/serving")
    page.get_by_role("link", name="Requests").click()
    expect(page.get_by_role("columnheader", name="Requests")).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(page.locator("tbody tr").first).to_contain_text("525")


def test_the_chart_is_read_by_arrow_keys(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/year")
    page.wait_for_selector(".uplot canvas")
    chart = page.locator("line-chart")
    chart.focus()
    page.keyboard.press("Home")
    read = chart.locator("output")
    expect(read).to_contain_text("2013-04-01")
    expect(read).to_contain_text("with the loop 0.700")
    page.keyboard.press("ArrowRight")
    expect(read).to_contain_text("2013-04-04")
    page.keyboard.press("End")
    expect(read).to_contain_text("2013-12-24")
    assert chart.get_attribute("aria-label", timeout=500).startswith("ROC AUC by month")


def test_the_chart_zooms_by_dragging_and_shows_all_again(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/year")
    page.wait_for_selector(".uplot canvas")
    assert page.locator(".chart-mark").count() == 6
    plot = page.locator(".u-over").bounding_box()
    assert plot
    middle = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + 10, middle)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.4, middle, steps=4)
    page.mouse.up()
    expect(page.locator(".chart-mark")).to_have_count(3)
    page.locator("line-chart").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".chart-mark")).to_have_count(6)


def test_a_lane_of_the_time_line_can_be_hidden(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/year")
    page.get_by_role("button", name="Alarm 2").press("Enter")
    expect(page.locator(".events li:visible")).to_have_count(4)
    page.get_by_role("button", name="Alarm 2").press("Enter")
    expect(page.locator(".events li:visible")).to_have_count(6)


def test_the_main_part_is_refreshed_only_when_it_changed(server: RunningApp, page: Page) -> None:
    statuses: list[int] = []
    page.on("response", lambda r: statuses.append(r.status) if "/ticking" in r.url else None)
    page.goto(f"{server.url}/ticking")
    expect(page.locator("main p")).to_have_text("calm")
    page.keyboard.press("r")
    page.wait_for_timeout(300)
    CLOCK["text"] = "changed"
    page.keyboard.press("r")
    expect(page.locator("main p")).to_have_text("changed")
    assert statuses == [200, 204, 200]


def test_a_server_that_is_gone_is_told(server: RunningApp, page: Page) -> None:
    page.goto(f"{server.url}/ticking")
    page.route("**/ticking", lambda route: route.abort())
    page.keyboard.press("r")
    expect(page.locator("#fresh")).to_have_class("stale")


def test_a_text_is_copied(server: RunningApp, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server.url}/serving")
    page.get_by_role("button", name="Copy dovetail serving explain").click()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == "dovetail serving explain flights --method shap"


def test_a_narrow_window_needs_no_sideways_scrolling(server: RunningApp, page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    for path in ("serving", "year"):
        page.goto(f"{server.url}/{path}", wait_until="networkidle")
        page.screenshot(path=f"test-results/narrow-{path}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, path
