"""Large tasks are split into a project of their parts by a form on its page."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.ui.label_server import Labels, label_server

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labels]:
    pytest.importorskip("numpy")
    with label_server(tmp_path_factory.mktemp("labels")) as running:
        yield running


@pytest.fixture
def page(labels: Labels, browser: Browser) -> Iterator[Page]:
    with labels.context(browser, "editor") as context:
        yield context.new_page()


def test_reviews_become_sentences_and_the_form_says_what_is_wrong(
    page: Page, labels: Labels, check_page: Callable[..., Any]
) -> None:
    title = "Reviews of long ago"
    reviews = labels.project()
    labels.call("PATCH", f"/api/projects/{reviews}/", {"title": title})
    for _ in range(25):  # it is not among the newest any more
        labels.project()
    labels.load(reviews, [{"data": {"review": "Buy now. See you.", "text": "x"}}])
    child = labels.project()
    page.goto(f"{labels.url}/labels/projects/{child}")
    page.locator("summary", has_text="Fill this project").press("Enter")
    field = page.get_by_label("Project to split")
    field.fill("no such title")
    expect(page.get_by_text("No project has such a title.")).to_be_visible()
    field.fill(title[:-1])
    expect(page.get_by_text(f"{reviews}: {title}")).to_be_visible()
    expect(page.locator(f"datalist option[value='{reviews}']")).to_have_count(1)
    field.fill(str(reviews))
    expect(page.get_by_text(f"· {title}", exact=True)).to_be_visible()
    page.get_by_label("Its field").fill("gone")
    page.get_by_label("Its field").press("Enter")
    expect(page.locator("form output.wrong")).to_contain_text("no field 'gone'")
    page.get_by_label("Its field").fill("review")
    page.get_by_role("button", name="Split").press("Enter")
    expect(page.get_by_role("table", name="Tasks")).to_contain_text("Buy now.")
    expect(page.get_by_text("The tasks here are parts of")).to_be_visible()
    labels.load(reviews, [{"data": {"review": "One. Two. Three.", "text": "x"}}])
    page.get_by_role("button", name="Split what came since").click()
    expect(page.get_by_text("1 new tasks were split into 3 parts.")).to_be_visible()
    labels.call("PUT", f"/api/labels/projects/{child}/routing", {"quality": 0.9})
    page.get_by_role("button", name="Put together").click()
    expect(page.get_by_text("0 large tasks were put together; 2 wait")).to_be_visible()
    check_page(page, page.url, name="labels-parts", budget=45_000)


def test_a_viewer_has_no_form(browser: Browser, labels: Labels) -> None:
    number = labels.project()
    labels.secret("onlooker", "viewer")
    with labels.context(browser, "onlooker") as context:
        page = context.new_page()
        page.goto(f"{labels.url}/labels/projects/{number}")
        expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
        assert page.get_by_text("Large tasks in parts").count() == 0
