"""Files, models, versions and their history in a browser, fed over the real protocol."""

import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from dovetail.base.clock import ManualClock
from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

pytestmark = pytest.mark.ui
API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
Check = Callable[..., Any]
MLMODEL = """\
flavors: {python_function: {python_version: 3.11.7, loader_module: mlflow.sklearn}, sklearn: {}}
mlflow_version: 3.17.2
saved_input_example_info: {artifact_path: input_example.json}
signature:
  inputs: '[{"type": "double", "name": "distance", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
"""
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80" onload="alert(1)">'
    "<script>document.title='owned'</script><circle cx='60' cy='40' r='30' fill='teal'/></svg>"
)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + bytes((90, 140, y % 256)) * width for y in range(height))
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


ARTIFACTS = {
    "report.html": "<script>document.title = 'owned'</script><h1>Report</h1>",
    "plot.svg": SVG,
    "plots/auc.png": png(240, 120),
    "code/train.py": "".join(f"print({i})\n" for i in range(1500)),
    "eval/table.json": '{"columns": ["question", "answer"], "data": [["late?", 1], ["<b>", 0]]}',
    "data/rows.csv": "day,delay\n" + "".join(f"2013-01-{i % 28 + 1:02},{i}\n" for i in range(300)),
    "conf/params.yaml": "trees:\n  depth: 6\n  leaves: [31, 63]\nseed: 7\n",
    "notes.md": "# Notes\n\ntrained on *January*\n",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """The URL of a server with two versions and their files, a run and a logged model."""
    clock = ManualClock(datetime(2013, 5, 1, 9, tzinfo=UTC))
    state = tmp_path_factory.mktemp("tracking")
    with run_piece(piece, state=state, clock=clock) as running:
        with httpx.Client(base_url=running.url) as server:
            run, model = fill(server, clock)
        yield running.url, run, model


def fill(server: httpx.Client, clock: ManualClock) -> tuple[str, str]:
    def post(path: str, **body: object) -> dict[str, Any]:
        answer = server.post(API + path, json=body)
        assert answer.is_success, answer.text
        clock.advance(timedelta(hours=7))
        return dict(answer.json())

    about = "Will this flight arrive more than 15 minutes late?"
    post("/registered-models/create", name="flights", description=about)
    post("/registered-models/set-tag", name="flights", key="team", value="operations")
    run = model = ""
    for number in (1, 2):
        made = post("/runs/create", experiment_id="0", run_name=f"trees {number}", start_time=1)
        run = made["run"]["info"]["run_id"]
        metrics = [{"key": "auc", "value": 0.7 + number / 50, "timestamp": 1, "step": 0}]
        params = [{"key": "depth", "value": str(4 + number)}, {"key": "seed", "value": "7"}]
        post("/runs/log-batch", run_id=run, metrics=metrics, params=params)
        info = post("/logged-models", experiment_id="0", name="trees", source_run_id=run)
        model = info["model"]["info"]["model_id"]
        root = info["model"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
        server.put(f"{FILES}/{root}/MLmodel", content=MLMODEL)
        server.put(f"{FILES}/{root}/requirements.txt", content=f"numpy=={number}\nscipy\n")
        server.put(f"{FILES}/{root}/input_example.json", content='{"columns":["a"],"data":[[1]]}')
        source = f"models:/{model}"
        post("/model-versions/create", name="flights", source=source, model_id=model, run_id=run)
        post("/registered-models/alias", name="flights", alias="champion", version=str(number))
    for path, content in ARTIFACTS.items():
        server.put(f"{FILES}/0/{run}/artifacts/{path}", content=content)
    return run, model


@pytest.mark.parametrize("path", ["", *ARTIFACTS, "plots", "eval"])
def test_files(site: tuple[str, str, str], page: Page, check_page: Check, path: str) -> None:
    url, run, _ = site
    name = f"files-{path.replace('/', '-') or 'root'}"
    check_page(page, f"{url}/tracking/runs/{run}/files/{path}", name=name)
    expect(page).not_to_have_title("owned · Dovetail")
    assert "owned" not in page.title()


def test_an_svg_opened_by_itself_runs_nothing(site: tuple[str, str, str], page: Page) -> None:
    url, run, _ = site
    page.on("dialog", lambda dialog: pytest.fail(f"the picture said {dialog.message}"))
    page.goto(f"{url}/tracking/runs/{run}/image/plot.svg")
    assert page.title() != "owned"
    assert page.evaluate("window.origin") == "null"


@pytest.mark.parametrize(
    "path",
    [
        "/tracking/models",
        "/tracking/models/flights",
        "/tracking/models/flights/versions/2",
        "/tracking/models/flights/compare?versions=1,2",
        "/tracking/models/flights/change?do=alias&alias=champion&version=1",
        "/tracking/models/flights/history?at=2013-05-02",
        "/tracking/experiments/0/logged-models",
    ],
)
def test_pages(site: tuple[str, str, str], page: Page, check_page: Check, path: str) -> None:
    check_page(page, site[0] + path, budget=40_000 if "history" in path else 30_000)


def test_the_page_of_a_logged_model(
    site: tuple[str, str, str], page: Page, check_page: Check
) -> None:
    check_page(page, f"{site[0]}/tracking/logged-models/{site[2]}", name="logged-model")


def test_an_alias_is_moved_by_keyboard_alone(site: tuple[str, str, str], page: Page) -> None:
    page.goto(f"{site[0]}/tracking/models/flights")
    page.get_by_label("Alias", exact=True).focus()
    page.keyboard.type("candidate")
    page.keyboard.press("Tab")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Set @candidate to version 1?")).to_be_visible()
    expect(page.get_by_role("button", name="Set @candidate to version 1")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/tracking/models/flights")
    expect(page.get_by_role("row", name="@candidate version 1")).to_be_visible()
    expect(page.get_by_text("@candidate set to 1")).to_be_visible()


def test_versions_are_chosen_and_compared(site: tuple[str, str, str], page: Page) -> None:
    page.goto(f"{site[0]}/tracking/models/flights")
    page.get_by_label("Compare version 1").check()
    page.get_by_label("Compare version 2").check()
    page.get_by_role("button", name="Compare the chosen").click()
    page.get_by_role("link", name="Only what differs").click()
    expect(page.get_by_role("row", name="depth differs")).to_contain_text("65")
    expect(page.get_by_text("seed")).to_have_count(0)


def test_what_was_champion_on_a_day(site: tuple[str, str, str], page: Page) -> None:
    page.goto(f"{site[0]}/tracking/models/flights")
    page.get_by_label("What was in force").fill("2013-05-03")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#then")).to_contain_text("champion")
    expect(page.locator("#then tbody tr")).to_contain_text("1")


def test_a_long_text_goes_on(site: tuple[str, str, str], page: Page) -> None:
    url, run, _ = site
    page.goto(f"{url}/tracking/runs/{run}/files/code/train.py")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#L1001")).to_contain_text("print(1000)")
    page.goto(f"{page.url}#L1200")
    expect(page.locator(".line:target")).to_contain_text("print(1199)")
