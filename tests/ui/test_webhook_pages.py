"""The page of webhooks in a browser: what arrived, what did not, and the two buttons."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.testing import run_piece

pytestmark = pytest.mark.ui
API, OFF = "/api/2.0/mlflow", "DISABLED"


@pytest.fixture
def server(tmp_path, receiver, until) -> Iterator[httpx.Client]:
    settings = TrackingSettings(webhook_allow=("127.0.0.1", "hooks.example"), webhook_retries=3)
    with (
        run_piece(piece, settings, state=tmp_path) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        model = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
        alias = [*model, {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]
        for hook in (
            {"name": "ci", "url": f"{receiver.url}/hook", "events": model, "description": "builds"},
            {
                "name": "chat",
                "url": "https://hooks.example/x",
                "events": alias,
                "status": "DISABLED",
            },
        ):
            assert client.post(f"{API}/webhooks", json=hook).is_success
        receiver.answers = [(200, {}), (404, {}), (503, {"Retry-After": "600"})]
        for i, state in enumerate(("delivered", "failed", "retrying")):
            client.post(f"{API}/registered-models/create", json={"name": f"m{i}"})
            until(lambda state=state: newest(client)["state"] == state)
        yield client


def newest(client: httpx.Client) -> dict[str, Any]:
    listed = client.get("/tracking/webhooks.json").json()["deliveries"]
    return dict(listed[0]) if listed else {"state": ""}


def test_the_page_shows_what_arrived_and_what_did_not(
    page: Page, check_page: Callable[..., Any], server: httpx.Client
) -> None:
    check_page(
        page, f"{server.base_url}/tracking/webhooks", name="tracking-webhooks", budget=60_000
    )
    expect(page.locator("nav a[aria-current]")).to_have_text("Tracking")
    rows = page.get_by_role("table", name="Last deliveries").locator("tbody tr")
    expect(rows).to_have_count(3)
    for row, state in zip(range(3), ("retrying", "failed", "delivered"), strict=True):
        expect(rows.nth(row)).to_contain_text(state)
    expect(rows.nth(0)).to_contain_text("the receiver answered 503 next try")


def test_a_button_sends_a_test_and_another_switches_a_webhook(
    page: Page, server: httpx.Client, receiver, seen
) -> None:
    page.goto(f"{server.base_url}/tracking/webhooks", wait_until="networkidle")
    page.get_by_role("button", name="Test ci").click()
    rows = page.get_by_role("table", name="Last deliveries").locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("delivered test")
    page.get_by_role("button", name="Switch off ci").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Switch on ci")).to_be_visible()
    expect(rows.nth(1)).to_contain_text("the webhook was switched off")
    page.get_by_role("button", name="Switch on chat").click()
    expect(page.get_by_role("button", name="Switch off chat")).to_be_visible()
    assert page.url.endswith("/tracking/webhooks")
    assert seen.errors == []


def test_the_buttons_work_without_script(browser: Any, server: httpx.Client, receiver) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.base_url}/tracking/webhooks")
    page.get_by_role("button", name="Switch off ci").click()
    expect(page.get_by_role("button", name="Switch on ci")).to_be_visible()
    page.get_by_role("button", name="Test ci").click()
    expect(page.get_by_role("table", name="Last deliveries").locator("tbody tr")).to_have_count(4)
    context.close()
