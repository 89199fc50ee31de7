"""The pages of the composition in a browser: the circle, and the year of the demo."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette

from dovetail.app.circle import AttentionFacts, CircleFacts, JointFacts, circle_view
from dovetail.app.year import EventFacts, MonthFacts, YearFacts, year_view
from dovetail.web import pages
from dovetail.web.piece import Page as NavPage
from dovetail.web.serve import RunningApp, serve_in_thread

pytestmark = pytest.mark.ui

STAGES: list[tuple[str, str, str, Any, str, str]] = [
    ("data", "Data", "Delta Lake tables", "alive", "embedded", ""),
    ("features", "Features", "Feast feature server", "alive", "embedded", ""),
    ("tracking", "Tracking", "MLflow REST", "alive", "http://mlflow.example:5000", "MLflow 3.1"),
    ("governance", "Governance", "MLflow REST guard, OpenLineage", "waiting", "embedded", ""),
    ("serving", "Serving", "Open Inference Protocol v2", "alive", "embedded", ""),
    ("monitoring", "Monitoring", "CloudEvents payload log", "down", "http://watch.example", ""),
    ("loop", "Loop", "client of all the others", "off", "off", ""),
]


def circle_facts() -> CircleFacts:
    return CircleFacts(
        joints=[
            JointFacts(
                name=name, title=title, job=f"what {title.lower()} does", protocol=protocol,
                state=state, filled_by=filled, product=product,
                reason={"down": "connection refused", "waiting": "migrating"}.get(state, ""),
                seconds=0.0021 if state == "alive" else None, page=f"/{name}",
                hint=f"dovetail {name} run",
            )
            for name, title, protocol, state, filled, product in STAGES
        ],
        attention=[
            AttentionFacts(level="warn", text="wind_speed drifted on 2 September",
                           href="/monitoring", source="Monitoring"),
            AttentionFacts(level="info", text="Version 5 waits for a second approval",
                           href="/governance", source="Governance"),
        ],
        as_of=datetime.now(UTC) - timedelta(seconds=40),
        subject="flights",
        notes=["version 4 is champion", "since 2013-09-18"],
    )  # fmt: skip


def year_facts() -> YearFacts:
    auc = [0.702, 0.718, 0.731, 0.735, 0.724, 0.706, 0.712, 0.721, 0.744]
    first = [0.702, 0.712, 0.714, 0.716, 0.706, 0.682, 0.690, 0.694, 0.709]
    versions = ["1", "1, 2", "2", "2", "2, 3", "3", "3, 4", "4", "4"]
    months = [
        MonthFacts(
            month=date(2013, 4 + i, 1), outcomes=27_000 + 300 * i, champion=versions[i],
            auc=auc[i], auc_low=auc[i] - 0.008, auc_high=auc[i] + 0.008, first_auc=first[i],
            log_loss=0.5 - 0.01 * i, first_log_loss=0.5 - 0.004 * i,
        )
        for i in range(9)
    ]  # fmt: skip
    told: list[tuple[int, int, Any, str, str]] = [
        (5, 6, "alarm", "alarm", "Realised log loss rose above its budget"),
        (5, 7, "retraining", "v2", "Version 2 trained on February to April"),
        (5, 16, "promotion", "v2 champion", "Version 2 became champion"),
        (7, 11, "warning", "drift", "humid drifted against the training months"),
        (8, 4, "retraining", "v3", "Version 3 trained on May to July"),
        (8, 13, "promotion", "v3 champion", "Version 3 became champion"),
        (9, 5, "alarm", "alarm", "Estimated ROC AUC fell below 0.69"),
        (9, 6, "rejection", "v4 refused", "Version 4 did not beat the champion on recent days"),
        (10, 14, "rollback", "rollback", "The canary of version 4 was stopped"),
    ]
    events = [
        EventFacts(at=datetime(2013, month, day, tzinfo=UTC), kind=kind, label=label, text=text,
                   href=f"/loop#{i}", detail="log loss 0.482, champion 0.491, 8,102 flights")
        for i, (month, day, kind, label, text) in enumerate(told)
    ]  # fmt: skip
    return YearFacts(
        model="flights",
        champion="4",
        months=months,
        events=events,
        as_of=datetime.now(UTC) - timedelta(seconds=3),
        until=datetime(2013, 12, 31, 23, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def server() -> Iterator[RunningApp]:
    bare = YearFacts(model="flights", champion="", months=[], events=[], as_of=datetime.now(UTC))
    none = CircleFacts(joints=[], attention=[], as_of=datetime.now(UTC))
    served: list[tuple[str, Callable[[Any], Any], str, str]] = [
        ("/", lambda _: circle_view(circle_facts()), "app/circle.html", "The circle"),
        ("/year", lambda _: year_view(year_facts()), "app/year.html", "The year of flights"),
        ("/empty/circle", lambda _: circle_view(none), "app/circle.html", "The circle"),
        ("/empty/year", lambda _: year_view(bare), "app/year.html", "The year of flights"),
    ]
    routes = [
        route
        for path, view, template, title in served
        for route in pages.page_route(path, view, template=template, title=title, refresh=10)
    ]
    app = Starlette(routes=[*routes, *pages.routes()])
    app.state.nav = [NavPage("/", "Circle"), NavPage("/year", "Year")] + [
        NavPage(f"/{name}", title) for name, title, *_ in STAGES
    ]
    with serve_in_thread(app) as running:
        yield running


def test_the_circle(server: RunningApp, page: Page, check_page: Callable[..., Any]) -> None:
    check_page(page, server.url, name="circle")
    expect(page.locator(".ring .node")).to_have_count(7)
    expect(page.locator(".problem")).to_have_count(3)
    expect(page.get_by_text("4 of 6 stages are alive; 1 thing needs a person now.")).to_be_visible()


def test_the_year(server: RunningApp, page: Page, check_page: Callable[..., Any]) -> None:
    check_page(page, f"{server.url}/year", name="year", budget=60_000, wait=".uplot canvas")
    expect(page.locator("event-timeline li")).to_have_count(9)
    expect(page.locator("line-chart .chart-mark")).to_have_count(16)


@pytest.mark.parametrize("path", ["circle", "year"])
def test_nothing_yet(
    server: RunningApp, page: Page, check_page: Callable[..., Any], path: str
) -> None:
    check_page(page, f"{server.url}/empty/{path}", name=f"empty-{path}")
    expect(page.locator(".command code").first).to_contain_text("dovetail ")
