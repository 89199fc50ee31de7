"""The page of a project's sources: what is wanted is said by a form, and sources are kept."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.ui.label_server import Labels, label_server, texts

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labels]:
    pytest.importorskip("numpy")
    functions = tmp_path_factory.mktemp("functions") / "functions.py"
    functions.write_text("def lf_even(data):\n    return 'ham'\n")
    with label_server(tmp_path_factory.mktemp("labels"), functions=str(functions)) as running:
        yield running


@pytest.fixture
def project(labels: Labels) -> int:
    number = labels.project()
    labels.load(number, texts(30))
    return number


@pytest.fixture
def page(labels: Labels, browser: Browser) -> Iterator[Page]:
    with labels.context(browser, "editor", timezone_id="America/New_York") as context:
        yield context.new_page()


def at(labels: Labels, project: int) -> str:
    return f"{labels.url}/labels/projects/{project}/sources"


def test_what_is_wanted_is_said_with_its_cost_in_view(
    page: Page, labels: Labels, project: int
) -> None:
    page.goto(at(labels, project))
    estimate = page.locator(".estimate")
    expect(estimate).to_contain_text("About")
    before = estimate.text_content()
    page.get_by_label("Wanted quality").fill("99")
    expect(estimate).not_to_have_text(before or "")
    page.get_by_label("Budget").fill("12.5")
    expect(estimate).to_contain_text("pays for about")
    page.get_by_label("Deadline").fill("2031-02-03T10:00")
    page.get_by_label("Answers of each task").fill("30")
    page.get_by_role("button", name="Start").press("Enter")
    wrong = page.locator(".wrong-field")
    expect(wrong).to_contain_text("above the most, 20")
    expect(page.get_by_label("Answers of each task")).to_be_focused()
    page.get_by_label("Answers of each task").fill("2")
    page.get_by_label("Answers of each task").press("Enter")
    expect(page.locator(".figures")).to_contain_text("99.0%")
    said = labels.call("GET", f"/api/labels/projects/{project}/routing")
    assert (said["quality"], said["budget"], said["floor"]) == (0.99, 12.5, 2)
    assert said["deadline"] == datetime(2031, 2, 3, 15, tzinfo=UTC).timestamp()
    page.locator("summary", has_text="Change what is wanted").click()
    expect(page.get_by_label("Deadline")).to_have_value("2031-02-03T10:00")
    page.get_by_label("Route:").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("routing is off")).to_be_visible()


def test_sources_are_added_changed_paused_and_removed_by_keyboard(
    page: Page, labels: Labels, project: int
) -> None:
    page.goto(at(labels, project))
    page.get_by_role("button", name="Add a source").press("Enter")
    page.get_by_label("Kind", exact=True).select_option("function")
    page.get_by_label("Cost of one answer").fill("0.01")
    page.get_by_label("Cost of one answer").press("Enter")
    row = page.get_by_role("row", name="lf_even")
    expect(row).to_contain_text("0.01")
    row.get_by_role("button", name="Pause").press("Enter")
    expect(row).to_contain_text("paused")
    row.get_by_role("button", name="Change").press("Enter")
    page.get_by_label("Cost of one answer").fill("0.02")
    page.get_by_label("Cost of one answer").press("Enter")
    expect(row).to_contain_text("0.02")
    expect(row).to_contain_text("paused")
    page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Remove").press("Enter")
    expect(row).to_have_count(0)
    people = page.get_by_role("row", name="people")
    people.get_by_role("button", name="Change").press("Enter")
    page.get_by_label("Cost of one answer").fill("0.4")
    page.get_by_label("Cost of one answer").press("Enter")
    expect(people).to_contain_text("0.4")


def test_a_model_is_described_by_fields_and_what_is_wrong_stands_beside_one(
    page: Page, labels: Labels, project: int, check_page: Callable[..., Any]
) -> None:
    page.goto(at(labels, project))
    page.get_by_role("button", name="Add a source").click()
    form = page.locator("dialog")
    form.get_by_label("Kind").select_option("open_inference")
    form.get_by_label("Name").fill("forest")
    form.get_by_label("Address").fill("https://2130706433")
    form.get_by_label("Model", exact=True).fill("forest")
    form.get_by_label("Inputs").fill("x age")
    form.get_by_role("button", name="Save").click()
    expect(form.locator(".wrong-field")).to_have_text('A line has no "=": x age')
    form.get_by_label("Inputs").fill("x = age, income\ntext = text")
    form.get_by_label("Classes in").fill("spam\nham")
    form.get_by_label("Token").fill("NOT_THERE")
    form.get_by_role("button", name="Save").click()
    expect(form.locator(".wrong-field")).to_contain_text("the address host")
    expect(form.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("Address").fill("https://models.example.org")
    form.get_by_role("button", name="Save").click()
    expect(form.locator(".wrong-field")).to_contain_text("DOVETAIL_SOURCE_NOT_THERE")
    form.get_by_label("Token").fill("")
    form.get_by_role("button", name="Save").click()
    row = page.get_by_role("row", name="forest")
    expect(row).to_be_visible()
    kept = labels.call("GET", f"/labels/projects/{project}/sources.json")["sources"]
    assert '"inputs":{"x":["age","income"],"text":"text"}' in kept[0]["spec"]
    row.get_by_role("button", name="Change").click()
    expect(form.get_by_label("Inputs")).to_have_value("x = age, income\ntext = text")
    expect(form.get_by_label("Classes in")).to_have_value("spam\nham")


def test_a_viewer_looks_and_changes_nothing(browser: Browser, labels: Labels, project: int) -> None:
    labels.call("PUT", f"/api/labels/projects/{project}/routing", {"quality": 0.9})
    labels.secret("onlooker", "viewer")
    with labels.context(browser, "onlooker") as context:
        page = context.new_page()
        page.goto(at(labels, project))
        expect(page.locator(".figures")).to_contain_text("90.0%")
        expect(page.get_by_role("row", name="people")).to_be_visible()
        assert page.locator("main :is(button, input, select)").count() == 0


def test_the_form_of_a_source_keeps_what_all_pages_promise(
    page: Page, labels: Labels, project: int, check_page: Callable[..., Any]
) -> None:
    page.goto(at(labels, project))
    page.get_by_role("button", name="Add a source").click()
    for kind in ("open_inference", "http"):
        page.get_by_label("Kind", exact=True).select_option(kind)
        check_page(page, name=f"labels-sources-{kind}")
