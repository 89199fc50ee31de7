"""The pages of experiments and runs in a browser, fed over MLflow's own protocol."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

pytestmark = pytest.mark.ui

API = "/api/2.0/mlflow"
START = 1_700_000_000_000
MINUTE = 60_000


@dataclass
class Store:
    """A server with experiment 1, which has forty runs of a small network, some of them nested."""

    url: str
    runs: list[str]


def log(http: httpx.Client, i: int, parent: str) -> str:
    def post(path: str, **body: object) -> Any:
        answer = http.post(API + path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    tags = {
        "mlflow.user": "ada",
        "mlflow.source.name": "train.py",
        "mlflow.source.git.commit": "3f1c9d2ab8e14c07",
        "team": "risk" if i % 2 else "ops",
        **({"mlflow.parentRunId": parent} if parent else {}),
    }
    start = START + i * 10 * MINUTE
    made = post(
        "/runs/create",
        experiment_id="1",
        run_name=f"tree-{i}",
        start_time=start,
        user_id="ada" if i % 3 else "grace",
        tags=[{"key": key, "value": value} for key, value in tags.items()],
    )
    run_id = str(made["run"]["info"]["run_id"])
    params = {
        "lr": f"{0.1 / (1 + i % 5):.4g}",
        "depth": str(3 + i % 6),
        "optimizer": ("adam", "sgd")[i % 2],
        "seed": "7",
    }
    post(
        "/runs/log-batch", run_id=run_id, params=[{"key": k, "value": v} for k, v in params.items()]
    )
    points = []
    for step in range(0, 200, 1 if i < 4 else 20):
        fall = math.exp(-step / (30 + 5 * (i % 9))) + 0.03 * math.sin(step * (i + 1))
        if i == 0 and step == 77:
            fall = 2.5
        values = {"train/loss": fall, "val/loss": fall + 0.08, "val/auc": 0.9 - fall / 4}
        at = start + step * 1000
        points += [
            {"key": key, "value": value, "step": step, "timestamp": at}
            for key, value in values.items()
        ]
    for at in range(0, len(points), 900):
        post("/runs/log-batch", run_id=run_id, metrics=points[at : at + 900])
    status = "FAILED" if i % 11 == 5 else "FINISHED"
    if i:
        post("/runs/update", run_id=run_id, status=status, end_time=start + (3 + i % 7) * MINUTE)
    return run_id


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    state = tmp_path_factory.mktemp("runs")
    with run_piece(piece, state=state) as running, httpx.Client(base_url=running.url) as http:
        http.post(f"{API}/experiments/create", json={"name": "delays"})
        runs: list[str] = []
        for i in range(60):
            runs.append(log(http, i, parent=runs[8] if 8 < i < 16 else ""))
        yield Store(running.url, runs)


def test_the_table_of_runs_is_light_and_accessible(
    store: Store, page: Page, check_page: Callable[..., Any]
) -> None:
    check_page(page, f"{store.url}/tracking/experiments/1", name="runs")
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.locator(".count")).to_contain_text("60 runs")
    page.get_by_text("Next page").click()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_text("Columns", exact=True).click()
    page.screenshot(path="test-results/runs-columns.png")


def test_the_table_of_runs_nests_children(
    store: Store, page: Page, check_page: Callable[..., Any]
) -> None:
    url = f"{store.url}/tracking/experiments/1?nested=1&sort=started&filter=params.depth%3D'5'"
    check_page(page, url, name="runs-nested")


def test_runs_are_chosen_and_deleted_and_restored_by_keyboard_alone(
    store: Store, page: Page
) -> None:
    page.goto(f"{store.url}/tracking/experiments/1?sort=name")
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator(".chosen")).to_have_text("2 chosen")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").press("Enter")
    expect(page.locator(".count")).to_contain_text("58 runs")
    page.get_by_role("link", name="Deleted runs").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("X")
    page.get_by_role("button", name="Restore").press("Enter")
    expect(page.get_by_text("No run is deleted")).to_be_visible()
    page.goto(f"{store.url}/tracking/experiments/1")
    expect(page.locator(".count")).to_contain_text("60 runs")


def test_chosen_columns_are_in_the_address_and_remembered(store: Store, page: Page) -> None:
    page.goto(f"{store.url}/tracking/experiments/1?sort=-metrics.val/auc")
    page.get_by_text("Columns", exact=True).click()
    shown = page.locator("fieldset input:checked")
    while shown.count():
        shown.first.uncheck()
    page.get_by_label("team").check()
    page.get_by_label("val/auc").check()
    page.get_by_role("button", name="Show").click()
    assert "col=tags.team" in page.url
    assert "sort=-metrics.val" in page.url
    heads = ["Run", "val/auc", "team"]
    expect(page.locator("thead th")).to_have_text(heads)
    page.goto(f"{store.url}/tracking/experiments/1")
    expect(page.locator("thead th")).to_have_text(heads)
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("link", name="Usual columns").click()
    expect(page.get_by_role("columnheader", name="Status")).to_be_visible()


def test_a_filter_that_cannot_be_read_says_why_and_a_misspelt_key_what_was_meant(
    store: Store, page: Page, check_page: Callable[..., Any]
) -> None:
    page.goto(f"{store.url}/tracking/experiments/1")
    page.get_by_label("Filter").fill("metrics.auc >")
    page.get_by_label("Filter").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Invalid clause")
    page.get_by_label("Filter").fill("metrics.`val/acu` > 0.5")
    page.get_by_label("Filter").press("Enter")
    check_page(page, name="runs-misspelt")
    expect(page.get_by_role("status")).to_contain_text("Did you mean 'val/auc'?")


def test_a_run_draws_its_metrics_and_keeps_a_spike(
    store: Store, page: Page, check_page: Callable[..., Any]
) -> None:
    url = f"{store.url}/tracking/runs/{store.runs[0]}"
    check_page(page, url, name="run", budget=60_000, wait=".uplot canvas")
    expect(page.locator("metric-chart .uplot")).to_have_count(3)
    chart = page.locator('metric-chart[key="train/loss"]')
    expect(chart.locator("output")).to_contain_text("200 points")
    lines = httpx.get(
        f"{store.url}/tracking/charts.json",
        params={"runs": store.runs[0], "key": "train/loss", "points": 20},
    ).json()["lines"]
    assert max(lines[0]["y"]) == 2.5
    assert lines[0]["x"][lines[0]["y"].index(2.5)] == 77


def test_a_chart_is_read_and_zoomed_by_keyboard_alone(store: Store, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if "charts.json" in r.url else None)
    page.goto(f"{store.url}/tracking/runs/{store.runs[1]}")
    page.wait_for_selector(".uplot canvas")
    chart = page.locator('metric-chart[key="val/auc"]')
    chart.focus()
    page.keyboard.press("Home")
    expect(chart.locator("output")).to_contain_text("step 0  ·  0.6")
    page.keyboard.press("End")
    expect(chart.locator("output")).to_contain_text("step 199")
    page.keyboard.press("+")
    expect(chart.locator("output")).to_contain_text("51 points")
    assert "from=149" in asked[-1]
    page.keyboard.press("Escape")
    expect(chart.locator("output")).to_contain_text("200 points")
    page.screenshot(path="test-results/run-zoomed.png")


def test_how_to_draw_is_kept_in_the_address(store: Store, page: Page) -> None:
    page.goto(f"{store.url}/tracking/runs/{store.runs[1]}")
    page.wait_for_selector(".uplot canvas")
    page.get_by_label("Time since start").check()
    page.get_by_label("Logarithmic").check()
    page.get_by_label("Smooth").fill("0.6")
    expect(page).to_have_url(
        f"{store.url}/tracking/runs/{store.runs[1]}?x=relative&log=1&smooth=0.6"
    )
    page.wait_for_timeout(300)
    page.screenshot(path="test-results/run-smoothed.png", full_page=True)
    page.reload()
    expect(page.get_by_label("Time since start")).to_be_checked()


def test_a_chart_follows_a_run_that_logs(store: Store, page: Page) -> None:
    page.goto(f"{store.url}/tracking/runs/{store.runs[0]}")
    page.wait_for_selector(".uplot canvas")
    chart = page.locator('metric-chart[key="val/loss"]')
    expect(chart.locator("output")).to_contain_text("200 points")
    body = {"run_id": store.runs[0], "key": "val/loss", "value": 0.5, "step": 200, "timestamp": 1}
    httpx.post(f"{store.url}{API}/runs/log-metric", json=body).raise_for_status()
    expect(chart.locator("output")).to_contain_text("201 points", timeout=15_000)


def test_charts_are_there_without_script(store: Store, browser: Any) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.goto(f"{store.url}/tracking/runs/{store.runs[1]}", wait_until="networkidle")
    sizes = page.locator("metric-chart img").evaluate_all("i => i.map(x => x.naturalWidth)")
    assert sizes == [640, 640, 640]
    page.screenshot(path="test-results/run-no-script.png", full_page=True)
    context.close()


def test_the_description_of_a_run_is_kept(store: Store, page: Page) -> None:
    page.goto(f"{store.url}/tracking/runs/{store.runs[2]}")
    page.get_by_text("Add the description").press("Enter")
    page.get_by_label("Description").fill("Trained on <March>.\nBetter than the first.")
    page.get_by_role("button", name="Keep").press("Enter")
    expect(page.locator(".description")).to_have_text("Trained on <March>. Better than the first.")


def test_runs_are_compared(store: Store, page: Page, check_page: Callable[..., Any]) -> None:
    page.goto(f"{store.url}/tracking/experiments/1?sort=name")
    page.keyboard.press("j")
    page.keyboard.press("X")
    page.keyboard.press("c")
    page.wait_for_url("**/tracking/compare?runs=*")
    check_page(page, page.url, name="compare-fifty", budget=60_000)
    url = f"{store.url}/tracking/compare?runs={','.join(store.runs[:6])}"
    check_page(page, url, name="compare", budget=60_000)
    page.locator("#curves").scroll_into_view_if_needed()
    page.wait_for_selector(".uplot canvas")
    expect(page.locator(".names li")).to_have_count(6)
    page.screenshot(path="test-results/compare-curves.png")
    table = page.get_by_role("region", name="Runs side by side")
    expect(table.get_by_role("row", name="optimizer")).to_be_visible()
    expect(table.get_by_role("row", name="seed")).to_have_count(0)
    page.get_by_role("link", name="Show all").click()
    expect(table.get_by_role("row", name="seed")).to_be_visible()
    page.get_by_role("link", name="Without tree-0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("5 runs side by side")


def test_runs_are_narrowed_on_an_axis_by_keyboard_alone(store: Store, page: Page) -> None:
    page.goto(
        f"{store.url}/tracking/compare?runs={','.join(store.runs[:12])}&axis=params.lr&axis=metrics.val/auc"
    )
    page.locator("g.axis").first.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowUp")
    told = page.locator("parallel-coordinates output")
    expect(told).to_contain_text("of 12 runs: params.lr")
    page.screenshot(path="test-results/compare-narrowed.png", full_page=True)
    told.get_by_role("link").press("Enter")
    page.wait_for_url("**axis=params.lr**")
    assert "12 runs" not in page.title()
    page.locator("g.axis").first.focus()
    page.keyboard.press("+")
    page.keyboard.press("Escape")
    expect(told).to_have_text("")


def test_an_axis_takes_a_range_by_dragging(store: Store, page: Page) -> None:
    page.goto(f"{store.url}/tracking/compare?runs={','.join(store.runs[:12])}")
    page.locator(".grip").first.scroll_into_view_if_needed()
    grip = page.locator(".grip").first.bounding_box()
    assert grip
    middle = grip["x"] + grip["width"] / 2
    page.mouse.move(middle, grip["y"] + grip["height"] * 0.9)
    page.mouse.down()
    page.mouse.move(middle, grip["y"] + grip["height"] * 0.5, steps=4)
    page.mouse.up()
    expect(page.locator("parallel-coordinates output")).to_contain_text("of 12 runs")
    assert page.locator("path.run.off").count() > 0


def test_the_scatter_shows_any_two_numbers(store: Store, page: Page) -> None:
    page.goto(f"{store.url}/tracking/compare?runs={','.join(store.runs[:12])}")
    page.get_by_role("combobox", name="Across").select_option("params.depth")
    page.get_by_label("Colour").select_option("params.optimizer")
    page.locator("#scatter").get_by_role("button", name="Show").click()
    expect(page.locator(".scatter a")).to_have_count(12)
    assert "sx=params.depth" in page.url
    assert page.url.endswith("#scatter")
    page.locator(".scatter a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/tracking/runs/*")
