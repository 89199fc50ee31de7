"""Tidying in a browser: plan, confirm, done; rules; by keyboard alone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import Client

pytestmark = pytest.mark.ui
API = "/api/2.0/mlflow"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with run_piece(piece, state=tmp_path / "state") as running, Client(running.url) as client:
        number = client.create_experiment("attempts")
        runs = []
        for i in range(3):
            run = client.create_run(number, name=f"attempt {i}").info.run_id
            for step in range(20):
                client.log_metric(run, "loss", 1 / (step + 1), step=step)
            client.put_artifact(f"{number}/{run}/artifacts/model.bin", b"x" * 5000)
            runs.append(run)
        client.create_registered_model("flights")
        kept = f"mlflow-artifacts:/{number}/{runs[2]}/artifacts"
        client.create_model_version("flights", kept, run_id=runs[2])
        for run in runs:
            ended = {"run_id": run, "status": "FINISHED", "end_time": 1_700_000_000_000}
            httpx.post(f"{running.url}{API}/runs/update", json=ended).raise_for_status()
        for run in runs[1:]:
            httpx.post(f"{running.url}{API}/runs/delete", json={"run_id": run}).raise_for_status()
        client.put_artifact("99/lost/model.bin", b"x" * 100)
        yield running.url


def test_plan_confirm_and_done_by_keyboard(
    page: Page, check_page: Callable[..., Any], url: str
) -> None:
    page.goto(f"{url}/tracking/tidy")
    page.get_by_label("Deleted at least").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    plan = page.get_by_role("region", name="Plan")
    expect(plan.get_by_text("attempt 1")).to_be_visible()
    expect(plan.get_by_text("version 1 of flights points at it")).to_be_visible()
    expect(plan.get_by_text("99", exact=True)).to_be_visible()
    check_page(page, name="tracking-tidy-plan")
    page.get_by_role("button", name="Remove exactly this for good").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/tracking/tidy/jobs/*")
    expect(page.get_by_text("done", exact=True)).to_be_visible(timeout=10_000)
    check_page(page, name="tracking-tidy-job", budget=40_000)  # it asks until the job is done
    page.get_by_role("link", name="Tidy", exact=True).last.click()
    expect(page.get_by_role("heading", name="Removals")).to_be_visible()


def test_a_plan_that_the_store_has_overtaken_is_shown_anew(page: Page, url: str) -> None:
    page.goto(f"{url}/tracking/tidy?plan=1&grace_days=0")
    text = page.get_by_role("region", name="Plan").inner_text()
    assert "attempt 1" in text
    with Client(url) as client:
        run = next(r for r in client.search_runs(["1"]) if r.info.run_name == "attempt 0")
    httpx.post(f"{url}{API}/runs/delete", json={"run_id": run.info.run_id}).raise_for_status()
    restored = page.get_by_role("row", name="attempt 1").locator("code").first.inner_text()
    httpx.post(f"{url}{API}/runs/restore", json={"run_id": restored}).raise_for_status()
    page.get_by_role("button", name="Remove exactly this for good").click()
    expect(page.get_by_text("Nothing was removed: the store has changed")).to_be_visible()
    expect(page.get_by_role("region", name="Plan").get_by_text("attempt 0")).to_be_visible()


def test_sizes_are_measured_while_the_page_waits(
    page: Page, check_page: Callable[..., Any], url: str
) -> None:
    page.goto(f"{url}/tracking/tidy")
    for _ in range(50):
        page.reload()
        if not page.get_by_text("being measured").count():
            break
    row = page.get_by_role("row", name="attempts")
    expect(row).to_contain_text("60")
    expect(row).to_contain_text("14.6 KB")
    check_page(page, f"{url}/tracking/tidy", name="tracking-tidy")


def test_a_rule_is_tried_then_set(page: Page, check_page: Callable[..., Any], url: str) -> None:
    page.goto(f"{url}/tracking/tidy")
    page.get_by_role("link", name="Retention of attempts").click()
    expect(page.get_by_text("No rule: every run stays.")).to_be_visible()
    page.get_by_label("Keep runs that ended at most so many days ago").fill("0")
    page.get_by_role("button", name="Preview").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_role("link", name="attempt 0")).to_be_visible()
    check_page(page, name="tracking-tidy-rule")
    page.get_by_role("button", name="Set this rule").click()
    expect(page.get_by_text("keep younger than 0 days; gone after 30 days")).to_be_visible()
    page.get_by_role("button", name="Apply the rule that is set now").click()
    with Client(url) as client:
        assert list(client.search_runs(["1"])) == []
