"""The pages of monitoring in a browser, fed over the real protocol."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dovetail.monitoring.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire import monitoring as wire
from dovetail.wire.cloudevents import Event

pytestmark = pytest.mark.ui

DAYS = [date(2013, 4, 1) + timedelta(days=i) for i in range(24)]
COLUMNS = ["dep_hour", "distance", "wind_speed", "delays_before", "carrier_delay"]


def events(day: date) -> list[Event]:
    """A day of flights: from the 12th on wind_speed is higher and the score follows it less."""
    r = np.random.default_rng(day.toordinal())
    changed = day >= DAYS[11]
    x = r.standard_normal((150, len(COLUMNS)))
    x[:, 2] += 0.8 * changed
    p = 1 / (1 + np.exp(-1.5 * x[:, 0]))
    true = 1 / (1 + np.exp(-(0.3 if changed else 1.5) * x[:, 0]))
    name, at = str(day), datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    tensor = {"datatype": "FP64", "shape": list(x.shape), "data": x.ravel().tolist()}
    score = {"name": "p", "datatype": "FP64", "shape": [150], "data": p.tolist()}
    bodies: dict[str, Any] = {
        wire.REQUEST: {"inputs": [{"name": "x", **tensor}], "parameters": {"columns": COLUMNS}},
        wire.RESPONSE: {"model_version": "1", "outputs": [score]},
    }
    pair = [
        Event(id=name, source="/s", type=kind, time=at, data=body,
              extensions={"inferenceservicename": "flights"})
        for kind, body in bodies.items()
    ]  # fmt: skip
    values = (r.random(150) < true).astype(float).tolist()
    landed = wire.Outcomes(
        model="flights", request_ids=[name] * 150, rows=list(range(150)), values=values
    )
    return [*pair, wire.outcome_event(name, "/o", landed, time=at)]


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = tmp_path_factory.mktemp("monitoring")
    r = np.random.default_rng(1)
    x = r.standard_normal((2000, len(COLUMNS)))
    p = 1 / (1 + np.exp(-1.5 * x[:, 0]))
    with run_piece(piece, state=state) as running, wire.Client(running.url) as client:
        reference = wire.Reference(
            version="1",
            features={name: x[:, j].tolist() for j, name in enumerate(COLUMNS)},
            scores=p.tolist(),
            labels=(r.random(2000) < p).astype(float).tolist(),
        )
        client.put_reference("flights", reference)
        for day in DAYS:
            client.send_events(events(day))
            client.close_day("flights", day)
        yield running.url


def test_the_list_of_models_is_light_and_accessible(
    page: Page, check_page: Callable[..., Any], watching: str
) -> None:
    check_page(page, f"{watching}/monitoring", name="monitoring")
    expect(page.get_by_role("link", name="flights").first).to_be_visible()


def test_a_models_page_shows_both_kinds_of_performance_and_why_it_alarmed(
    page: Page, check_page: Callable[..., Any], watching: str
) -> None:
    check_page(page, f"{watching}/monitoring/flights", budget=60_000, name="monitoring-flights")
    expect(page.get_by_text("Outcomes confirm that flights version 1")).to_be_visible()
    expect(page.get_by_role("region", name="Drift by column of version 1")).to_contain_text(
        "wind_speed"
    )


def test_a_models_page_fits_a_phone(
    page: Page, check_page: Callable[..., Any], watching: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    url = f"{watching}/monitoring/flights?by=wind_speed"
    check_page(page, url, budget=61_000, name="monitoring-flights-phone")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, "the page scrolls sideways"


def test_an_alert_is_dealt_with_by_keyboard_alone(page: Page, watching: str) -> None:
    page.goto(f"{watching}/monitoring/flights", wait_until="networkidle")
    cards = page.locator("alert-desk article")
    before = cards.count()
    page.keyboard.press("n")
    expect(cards.first).to_be_focused()
    page.keyboard.press("n")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("p")
    page.keyboard.press("s")
    form = cards.first.locator("details[data-key=s]")
    expect(form.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("nxsa")
    expect(form.get_by_label("Reason")).to_have_value("nxsa")
    page.keyboard.press("Escape")
    expect(form.locator("summary")).to_be_focused()
    expect(form.get_by_label("Reason")).to_be_hidden()
    page.keyboard.press("a")
    page.keyboard.type("looking at it")
    page.keyboard.press("Enter")
    page.wait_for_url("**/monitoring/flights#alerts")
    expect(page.get_by_role("region", name="What was done")).to_contain_text("looking at it")
    expect(page.locator("alert-desk details[data-key=a]")).to_have_count(before - 1)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("acknowledge, silence that alert")
    page.keyboard.press("Escape")


def test_marking_as_expected_asks_once_more(
    page: Page, check_page: Callable[..., Any], watching: str
) -> None:
    page.goto(f"{watching}/monitoring/flights", wait_until="networkidle")
    drift = page.locator("alert-desk article").filter(has_text="Inputs have changed")
    drift.get_by_text("Mark as expected").click()
    drift.get_by_label("Reason").locator("visible=true").fill("new anemometer")
    page.keyboard.press("Enter")
    page.wait_for_url("**/expected?**")
    check_page(page, page.url, name="monitoring-expected")
    expect(page.get_by_role("button", name="Make these rows the reference")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/monitoring/flights#alerts")
    expect(page.get_by_text("No alert is active.")).to_be_visible()
    url = f"{watching}/monitoring/flights"
    check_page(page, url, budget=60_000, name="monitoring-flights-quiet")
