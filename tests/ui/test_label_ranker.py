"""Lists are put in order at the desk, by keyboard and by dragging, in Label Studio's shape."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.ui.label_server import Labels, label_server

pytestmark = pytest.mark.ui
LIST = (
    '<View><List name="found" value="$items"/><Ranker name="rank" toName="found">{}</Ranker></View>'
)
BUCKETS = '<Bucket name="good" title="Good ones"/><Bucket name="bad" title="Bad ones"/>'
ITEMS = [
    {"id": "blog", "title": "Ten tips", "body": "A blog"},
    {"id": "mdn", "title": "Arrow functions"},
    {"id": 7, "title": "<b onclick=pwn()>Arrow</b>"},
]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labels]:
    with label_server(tmp_path_factory.mktemp("labels")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, labels: Labels) -> Iterator[Page]:
    with labels.context(browser, "ann") as context:
        yield context.new_page()


def opened(page: Page, labels: Labels, buckets: str = "", count: int = 2) -> list[int]:
    project = labels.project(LIST.format(buckets))
    tasks = labels.load(project, [{"data": {"items": ITEMS}}] * count)
    page.goto(f"{labels.url}/labels/projects/{project}/label")
    page.wait_for_selector("label-desk .ranking")
    return tasks


def saved(page: Page) -> None:
    expect(page.locator(".saved[data-waiting='0']")).to_have_text("All saved")


def shown(page: Page) -> list[str]:
    return page.locator(".ranked b").all_text_contents()


def test_arrows_move_an_entry_and_undo_takes_it_back(page: Page, labels: Labels) -> None:
    tasks = opened(page, labels)
    assert shown(page) == ["Ten tips", "Arrow functions", "<b onclick=pwn()>Arrow</b>"]
    page.keyboard.press("Enter")
    expect(page.locator(".say")).to_contain_text("Choose an answer first")
    page.locator("[data-id=mdn]").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("u")
    assert shown(page)[0] == "Ten tips"
    page.locator("[data-id='7']").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # it is the first already
    expect(page.locator("[data-id='7']")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(f".item[data-task='{tasks[1]}']")
    page.get_by_role("button", name="This order is right").click()
    page.get_by_role("button", name="Save").click()
    saved(page)
    assert labels.said(tasks[0]) == [[{"ranker": {"rank": ["7", "blog", "mdn"]}}]]
    assert labels.said(tasks[1]) == [[{"ranker": {"rank": ["blog", "mdn", "7"]}}]]
    (region,) = labels.annotations(tasks[0])[0]["result"]
    assert (region["type"], region["from_name"], region["to_name"]) == ("ranker", "rank", "found")


def test_an_entry_is_dragged(page: Page, labels: Labels) -> None:
    tasks = opened(page, labels, count=1)
    last = page.locator("[data-id='7'] .handle").bounding_box()
    first = page.locator("[data-id=blog]").bounding_box()
    assert last is not None
    assert first is not None
    page.mouse.move(last["x"] + 5, last["y"] + 5)
    page.mouse.down()
    page.mouse.move(first["x"] + 30, first["y"] + 30, steps=4)
    page.mouse.move(first["x"] + 30, first["y"] + 2)
    page.mouse.up()
    assert shown(page)[0] == "<b onclick=pwn()>Arrow</b>"
    page.keyboard.press("Enter")
    saved(page)
    assert labels.said(tasks[0]) == [[{"ranker": {"rank": ["7", "blog", "mdn"]}}]]


def test_entries_are_put_into_buckets(page: Page, labels: Labels) -> None:
    tasks = opened(page, labels, BUCKETS, count=1)
    page.locator("[data-id=mdn]").focus()
    page.keyboard.press("ArrowRight")
    page.locator("[data-id=blog]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    saved(page)
    said = {"_": ["7"], "good": ["mdn"], "bad": ["blog"]}
    assert labels.said(tasks[0]) == [[{"ranker": said}]]
    labels.secret("boss")
    page.goto(f"{labels.url}/labels/tasks/{tasks[0]}")
    expect(page.locator(".answer")).to_contain_text("Good ones: 1. mdn")
