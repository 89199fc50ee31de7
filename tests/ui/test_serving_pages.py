"""Serving in a browser: what answers, how fast; traffic, loading and trying, by keyboard too."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece

pytestmark = pytest.mark.ui
pytest.importorskip("lightgbm")
COLUMNS = ["wind", "rain", "queue"]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import lightgbm

    rows = np.random.default_rng(0).normal(size=(400, 3))
    late = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    data = lightgbm.Dataset(rows, late, feature_name=COLUMNS)
    file = tmp_path_factory.mktemp("model") / "late.txt"
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 5)
    booster.save_model(str(file))
    return file


@pytest.fixture
def client(tmp_path: Path, model_file: Path, until: Callable[..., None]) -> Iterator[httpx.Client]:
    """A server with two versions of `late`, of which the first answers, and some traffic."""
    (tmp_path / "echo.identity").touch()
    settings = ServingSettings(
        models=(f"late={model_file}", f"echo={tmp_path / 'echo.identity'}"),
        folders=(str(model_file.parent),),
        isolate=False,
    )
    with (
        run_piece(piece, settings, state=tmp_path / "state") as running,
        httpx.Client(base_url=running.url) as client,
    ):
        until(lambda: client.get("/v2/health/ready").status_code == 200)
        second = {"parameters": {"uri": str(model_file), "version": "2"}}
        client.post("/v2/repository/models/late/load", json=second).raise_for_status()
        tensor = {"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [0.1, 0.2, 0.3]}
        for _ in range(60):
            client.post("/v2/models/late/infer", json={"inputs": [tensor]}).raise_for_status()
        client.post("/v2/models/late/infer", json={"inputs": [{**tensor, "data": []}]})
        yield client


def traffic(client: httpx.Client) -> dict[str, float]:
    weights = dict(client.get("/v2/models/late/traffic").json()["weights"])
    total = sum(weights.values())
    return {version: weight / total for version, weight in weights.items()}


def test_the_overview_shows_rates_latencies_and_errors(
    page: Page, check_page: Callable[..., Any], client: httpx.Client
) -> None:
    check_page(page, f"{client.base_url}/serving", name="serving")
    row = page.get_by_role("row", name="late").filter(has_text="100%")
    expect(row).to_contain_text("serving")
    expect(row).to_contain_text("1.6%")  # one of 61 failed
    twin = client.get("/serving.json").json()["rows"]
    (late,) = [one for one in twin if one["model"] == "late" and one["version"] == "1"]
    assert late["rate"] > 0
    assert 0 < late["p50_ms"] <= late["p99_ms"]
    assert late["errors"] == pytest.approx(1 / 61)
    row.get_by_role("link", name="late").click()
    expect(page).to_have_url(f"{client.base_url}/serving/late")


def test_the_page_of_a_model(
    page: Page, check_page: Callable[..., Any], client: httpx.Client
) -> None:
    check_page(page, f"{client.base_url}/serving/late", name="serving-model", budget=45_000)
    expect(page.get_by_role("table", name="Versions").locator("tbody tr")).to_have_count(2)
    twin = client.get("/serving/late.json").json()
    assert [group["name"] for group in twin["form"]] == COLUMNS
    page.set_viewport_size({"width": 375, "height": 800})
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 375, "the page scrolls sideways"
    page.screenshot(path="test-results/serving-model-narrow.png", full_page=True)


def test_traffic_is_divided_by_keyboard_and_adds_up(page: Page, client: httpx.Client) -> None:
    page.goto(f"{client.base_url}/serving/late")
    form = page.get_by_role("form", name="Traffic of late")
    expect(form.get_by_role("button", name="Save")).to_be_disabled()
    form.get_by_label("Version 2", exact=True).focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("30")
    expect(form.get_by_label("Version 1", exact=True)).to_have_value("70")
    expect(form.get_by_text("Not saved yet.")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="70%")).to_be_visible()
    assert traffic(client) == pytest.approx({"1": 0.7, "2": 0.3})
    form.get_by_label("Share of version 1, slider").focus()
    page.keyboard.press("ArrowLeft")
    expect(form.get_by_label("Version 1", exact=True)).to_have_value("69")
    expect(form.get_by_label("Version 2", exact=True)).to_have_value("31")
    form.get_by_role("button", name="Undo").click()
    expect(form.get_by_label("Version 1", exact=True)).to_have_value("70")
    form.get_by_role("button", name="All traffic to version 2").click()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="100%")).to_contain_text("2")
    assert traffic(client) == {"1": 0, "2": 1}
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Roll back the traffic").click()
    expect(page.get_by_role("row", name="70%")).to_be_visible()
    assert traffic(client) == pytest.approx({"1": 0.7, "2": 0.3})


def test_a_change_that_is_refused_says_why(page: Page, client: httpx.Client) -> None:
    page.goto(f"{client.base_url}/serving/late")
    unload = {"parameters": {"version": "2"}}
    client.post("/v2/repository/models/late/unload", json=unload).raise_for_status()
    form = page.get_by_role("form", name="Traffic of late")
    form.get_by_label("Version 2", exact=True).fill("10")
    form.get_by_role("button", name="Save").click()
    expect(form.locator("output.said")).to_contain_text("has no version '2'")


def test_a_model_is_tried_by_keyboard(page: Page, client: httpx.Client) -> None:
    page.goto(f"{client.base_url}/serving/late")
    form = page.get_by_role("form", name="A request to late")
    form.get_by_label("wind").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("0.75")
    page.keyboard.press("Enter")
    answer = page.locator("try-it .answer")
    expect(answer).to_contain_text("Version 1 answered in")
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in zip(COLUMNS, (0.75, 0, 0), strict=True)
    ]
    due = client.post("/v2/models/late/infer", json={"inputs": tensors}).json()
    value = due["outputs"][0]["data"][0]
    expect(answer.locator("dd")).to_have_text(f"{value:.6g}")
    expect(page.locator("try-it .command code")).to_contain_text('"data":[0.75]')
    form.get_by_label("Asks").select_option("version 2")
    form.get_by_role("button", name="Send").click()
    expect(answer).to_contain_text("Version 2 answered in")
    form.get_by_label("rain").fill("much")
    form.get_by_role("button", name="Send").click()
    expect(page.locator("try-it > output")).to_have_text("rain must be a number.")
    expect(form.get_by_label("rain")).to_have_attribute("aria-invalid", "true")


def test_a_version_is_unloaded_and_loaded_again(page: Page, client: httpx.Client) -> None:
    page.goto(f"{client.base_url}/serving/late")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Unload version 2").click()
    expect(page.get_by_role("button", name="Load version 2", exact=True)).to_be_visible()
    assert client.get("/v2/models/late/versions/2/ready").status_code == 404
    page.get_by_role("button", name="Load version 2", exact=True).click()
    expect(page.get_by_role("button", name="Unload version 2")).to_be_visible()
    assert client.get("/v2/models/late/versions/2/ready").status_code == 200


def test_what_is_being_edited_survives_a_refresh(page: Page, client: httpx.Client) -> None:
    page.goto(f"{client.base_url}/serving/late")
    form = page.get_by_role("form", name="A request to late")
    form.get_by_label("wind").fill("0.5")
    form.get_by_role("button", name="Send").click()
    expect(page.locator("try-it .answer")).to_be_visible()
    page.locator("h1").click()
    with page.expect_response(lambda response: response.url.endswith("/serving/late")):
        page.evaluate("document.activeElement?.blur()")
        page.evaluate("document.dispatchEvent(new Event('dovetail:refresh'))")
    expect(form.get_by_label("wind")).to_have_value("0.5")
    expect(page.locator("try-it .answer")).to_be_visible()


def test_a_model_of_any_tensors_has_a_field_for_each(
    page: Page, check_page: Callable[..., Any], client: httpx.Client
) -> None:
    check_page(page, f"{client.base_url}/serving/echo", name="serving-echo", budget=45_000)
    page.get_by_role("form", name="A request to echo").get_by_label("input").fill("flügge's")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("try-it .answer dd")).to_have_text('"flügge\'s"')
    expect(page.locator("try-it .command code")).to_contain_text("flügge'\\''s")


def test_a_graph_shows_what_it_asks_and_has_no_traffic_to_divide(
    page: Page, check_page: Callable[..., Any], client: httpx.Client
) -> None:
    steps = [{"model": "late", "version": version} for version in ("1", "2")]
    graph = {"nodes": {"root": {"type": "splitter", "steps": [{**s, "weight": 1} for s in steps]}}}
    client.put("/v2/graphs/halves", json=graph).raise_for_status()
    check_page(page, f"{client.base_url}/serving/halves", name="serving-graph", budget=45_000)
    asked = page.get_by_role("table", name="Steps of the graph").locator("tbody tr")
    expect(asked).to_have_count(2)
    expect(asked.first).to_contain_text("weight 1")
    expect(page.get_by_role("region", name="The graph", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Who gets the traffic")).to_have_count(0)
    expect(page.get_by_role("button", name="Unload")).to_have_count(0)
    page.get_by_role("form", name="A request to halves").get_by_role("button", name="Send").click()
    expect(page.locator("try-it .answer")).to_contain_text("answered in")
    page.get_by_role("table", name="Steps of the graph").get_by_role("link").first.click()
    expect(page).to_have_url(f"{client.base_url}/serving/late")


def test_models_are_found_by_name_and_state(page: Page, client: httpx.Client) -> None:
    bad = {"parameters": {"uri": "/nowhere.onnx"}}
    assert client.post("/v2/repository/models/bad/load", json=bad).status_code == 403
    page.goto(f"{client.base_url}/serving")
    body = page.get_by_role("table", name="Models and versions").locator("tbody tr")
    everything = body.count()
    page.get_by_label("Model", exact=True).fill("LAT")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{client.base_url}/serving?ask=LAT&state=")
    expect(body).to_have_count(2)
    page.get_by_label("Model", exact=True).fill("")
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(body).to_have_count(1)
    expect(body).to_contain_text("bad")
    assert len(client.get("/serving.json", params={"state": "serving"}).json()["rows"]) < everything
