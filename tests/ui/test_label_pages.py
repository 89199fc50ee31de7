"""The pages of the labels piece: light, accessible, on a phone too, and with a JSON twin each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.ui.label_server import TEXT, texts

from dovetail.labels.piece import piece
from dovetail.web.testing import run_piece

pytestmark = pytest.mark.ui
HOSTILE = "<script>pwned = 1</script><img src=x onerror='pwned = 1'>"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        run_piece(piece, state=tmp_path_factory.mktemp("labels")) as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def project(client: httpx.Client) -> int:
    """A project of 120 tasks, of which the first is hostile and has two answers."""
    body = {"title": "Moods of guests", "label_config": TEXT, "maximum_annotations": 2,
            "expert_instruction": f"<p>Say <b>spam</b> to adverts.</p>{HOSTILE}"}  # fmt: skip
    number = int(client.post("/api/projects", json=body).json()["id"])
    tasks = texts(120, model_version="forest 3", score=0.8)
    tasks[0]["data"]["text"] = HOSTILE
    path = f"/api/projects/{number}/import?return_task_ids=true"
    first = client.post(path, json=tasks).json()["task_ids"][0]
    for said in ("spam", "ham"):
        value = {"choices": [said]}
        region = {"from_name": "kind", "to_name": "text", "type": "choices", "value": value}
        answer = client.post(f"/api/tasks/{first}/annotations/", json={"result": [region]})
        answer.raise_for_status()
    return number


def first_task(client: httpx.Client, project: int) -> int:
    return int(client.get(f"/labels/projects/{project}.json").json()["rows"][0]["id"])


@pytest.mark.parametrize(
    ("path", "budget"),
    [
        ("/labels", 30_000),
        ("/labels/new", 45_000),
        ("/labels/projects/{project}", 45_000),
        ("/labels/projects/{project}/settings", 45_000),
        ("/labels/projects/{project}/exports", 30_000),
        ("/labels/projects/{project}/sources", 30_000),
        ("/labels/projects/{project}/label", 45_000),
        ("/labels/tasks/{task}", 45_000),
    ],
    ids=["list", "new", "project", "settings", "exports", "sources", "desk", "task"],
)
def test_a_page_keeps_what_all_pages_promise(
    page: Page,
    check_page: Callable[..., Any],
    client: httpx.Client,
    project: int,
    path: str,
    budget: int,
    request: pytest.FixtureRequest,
) -> None:
    path = path.format(project=project, task=first_task(client, project))
    name = f"labels-{request.node.callspec.id.rpartition('-')[2]}"
    seen = check_page(page, f"{client.base_url}{path}", budget=budget, name=name)
    print(f"{path}: {seen.bytes} bytes in {len(seen.requests)} requests")
    assert page.evaluate("window.pwned") is None
    assert client.get(f"{path}.json").status_code == 200
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "it scrolls sideways"
    page.screenshot(path=f"test-results/{name}-narrow.png", full_page=True)


def test_a_snapshot_is_made_and_one_that_cannot_be_says_why(
    page: Page, client: httpx.Client, project: int
) -> None:
    page.goto(f"{client.base_url}/labels/projects/{project}/exports")
    page.get_by_label("Name").fill("gold")
    page.get_by_role("button", name="Make a snapshot").click()
    expect(page.get_by_role("row", name="gold@1")).to_contain_text("kind: 1 ")
    page.get_by_label("Name").evaluate("(field) => field.removeAttribute('pattern')")
    page.get_by_label("Name").fill("1 bad")
    page.get_by_role("button", name="Make a snapshot").click()
    expect(page.locator("output.wrong")).to_contain_text("a snapshot cannot be called '1 bad'")


def test_the_labeller_is_switched_on_and_its_figures_shown(
    page: Page, client: httpx.Client, until: Callable[..., None]
) -> None:
    pytest.importorskip("numpy")
    body = {"title": "Learning", "label_config": TEXT}
    number = int(client.post("/api/projects", json=body).json()["id"])
    words = ["buy cheap pills now", "see you at lunch tomorrow"]
    tasks = [{"data": {"text": f"{words[i % 2]} {i}"}} for i in range(60)]
    path = f"/api/projects/{number}/import?return_task_ids=true"
    for at, task in enumerate(client.post(path, json=tasks).json()["task_ids"][:40]):
        value = {"choices": [("spam", "ham")[at % 2]]}
        region = {"from_name": "kind", "to_name": "text", "type": "choices", "value": value}
        client.post(f"/api/tasks/{task}/annotations/", json={"result": [region]})
    page.goto(f"{client.base_url}/labels/projects/{number}/sources")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("button", name="Switch off")).to_be_visible()
    page.get_by_role("button", name="Learn now").click()
    address = f"/api/labels/projects/{number}/learner"
    until(lambda: client.get(address).json()["phase"] == "ready", seconds=60)
    until(lambda: client.get(address).json()["version"]["predicted"] > 0, seconds=60)
    page.reload()
    expect(
        page.get_by_role("table", name="How good the labeller").get_by_role("row", name="kind")
    ).to_contain_text("%")
    page.goto(f"{client.base_url}/labels/projects/{number}/label")
    expect(page.locator(".origin")).to_contain_text("Pre-labelled by")


def test_a_quality_is_stated_and_what_is_promised_shown(
    page: Page, check_page: Callable[..., Any], client: httpx.Client
) -> None:
    pytest.importorskip("numpy")
    body = {"title": "Routed", "label_config": TEXT}
    number = int(client.post("/api/projects", json=body).json()["id"])
    path = f"/api/projects/{number}/import?return_task_ids=true"
    tasks = client.post(path, json=texts(12)).json()["task_ids"]
    page.goto(f"{client.base_url}/labels/projects/{number}/sources")
    page.get_by_label("Wanted quality").fill("90")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("90.0%")).to_be_visible()
    for task in tasks[:6]:
        value = {"choices": ["ham"]}
        region = {"from_name": "kind", "to_name": "text", "type": "choices", "value": value}
        client.post(f"/api/tasks/{task}/annotations/", json={"result": [region]})
    check_page(page, page.url, name="labels-sources-routed")
    expect(page.locator(".figures")).to_contain_text("Promised")
    expect(page.get_by_role("table", name="Sources").locator("tbody tr")).not_to_have_count(0)
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("summary", has_text="Change what is wanted").click()
    page.get_by_role("button", name="Stop routing").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()


def test_tasks_are_filtered_ordered_and_paged_by_links(
    page: Page, client: httpx.Client, project: int
) -> None:
    page.goto(f"{client.base_url}/labels/projects/{project}")
    rows = page.get_by_role("table", name="Tasks").locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text(HOSTILE)
    expect(rows.first).to_contain_text("spam · ham")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Page 2 of 3")).to_be_visible()
    page.locator("th a", has_text="Task").click()
    expect(page.get_by_text("Page 1 of 3")).to_be_visible()
    expect(rows.first).to_contain_text("Comment 119")
    page.get_by_label("Show").select_option("several")
    page.get_by_role("button", name="Find").click()
    expect(rows).to_have_count(1)
    page.goto(f"{client.base_url}/labels/projects/{project}?ask=Comment+11")
    expect(rows).to_have_count(11)


def test_a_project_is_made_from_a_starter_and_a_file(
    page: Page, client: httpx.Client, tmp_path: Path
) -> None:
    page.goto(f"{client.base_url}/labels/new")
    preview = page.get_by_role("region", name="Preview")
    for button in page.locator(".templates button").all():
        button.click()
        expect(preview).to_contain_text("Each task needs:")
        expect(preview.locator(".problem")).to_have_count(0)
    page.get_by_role("button", name="Text classes").click()
    config = page.get_by_label("Label config, as in Label Studio")
    right = config.input_value()
    config.fill(right.replace('toName="text"', 'toName="txt"'))
    expect(preview.locator(".problem")).to_contain_text("no tag has that name")
    config.fill(right)
    expect(preview.get_by_role("button", name="positive")).to_be_visible()
    file = tmp_path / "tasks.csv"
    file.write_text("number,words\n1,Good soup\n2,Cold soup\n")
    page.get_by_label("Title").fill("Reviews")
    page.locator("#file").set_input_files(file)
    expect(preview).to_contain_text("2 tasks with number, words.")
    expect(preview).to_contain_text("The file has no field text.")
    preview.get_by_role("button", name="words").click()
    expect(preview.locator(".text")).to_have_text("Good soup")
    expect(config).to_have_value(right.replace("$text", "$words"))
    page.get_by_role("button", name="Make the project").click()
    page.wait_for_url("**/labels/projects/*")
    expect(page.get_by_role("heading", name="Reviews")).to_be_visible()
    expect(page.get_by_role("table", name="Tasks").locator("tbody tr")).to_have_count(2)


def test_a_file_that_cannot_be_read_says_why(
    page: Page, client: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "tasks.json"
    file.write_text('[{"text": "one"')
    page.goto(f"{client.base_url}/labels/new")
    page.locator("#file").set_input_files(file)
    expect(page.locator("output.wrong")).to_contain_text("tasks.json")
    answer = client.post("/api/labels/files/peek?name=a.exe", content=b"x")
    assert answer.json()["title"] == "a.exe lists no tasks"


def test_a_hostile_config_is_refused_with_its_reason(page: Page, client: httpx.Client) -> None:
    laughs = (
        '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
        '<View><Text name="t" value="&b;"/></View>'
    )
    answer = client.post("/api/labels/config/preview", json={"label_config": laughs})
    assert answer.status_code == 400
    page.goto(f"{client.base_url}/labels/new")
    page.get_by_label("Label config, as in Label Studio").fill(laughs)
    expect(page.locator(".preview .problem")).to_contain_text(answer.json()["detail"])


def test_answers_of_a_task_stand_side_by_side(
    page: Page, client: httpx.Client, project: int
) -> None:
    page.goto(f"{client.base_url}/labels/tasks/{first_task(client, project)}")
    answers = page.locator(".answer")
    expect(answers).to_have_count(3)
    expect(answers.nth(0)).to_contain_text("spam")
    expect(answers.nth(1)).to_contain_text("ham")
    expect(answers.nth(2)).to_contain_text("80% sure")


def test_equal_answers_are_counted_together(page: Page, client: httpx.Client) -> None:
    body = {"title": "Alike", "label_config": TEXT, "maximum_annotations": 3}
    number = int(client.post("/api/projects", json=body).json()["id"])
    path = f"/api/projects/{number}/import?return_task_ids=true"
    (task,) = client.post(path, json=texts(1)).json()["task_ids"]
    for said in ("spam", "ham", "spam"):
        value = {"choices": [said]}
        region = {"from_name": "kind", "to_name": "text", "type": "choices", "value": value}
        client.post(f"/api/tasks/{task}/annotations/", json={"result": [region]})
    page.goto(f"{client.base_url}/labels/projects/{number}")
    expect(page.get_by_role("row", name="Comment 0")).to_contain_text(
        "2 \N{MULTIPLICATION SIGN} spam · ham"
    )
