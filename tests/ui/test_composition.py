"""The whole house on one address, empty: every page of the navigation, the circle among them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dovetail.app.compose import compose
from dovetail.app.configuration import load
from dovetail.web.auth import Tokens
from dovetail.web.serve import RunningApp, serve_in_thread

pytestmark = pytest.mark.ui


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningApp]:
    monkeypatch.chdir(tmp_path)
    with serve_in_thread(compose(load(None, {"state": str(tmp_path / "state")}))) as running:
        yield running


def test_every_page_of_the_navigation(
    house: RunningApp, page: Page, check_page: Callable[..., Any]
) -> None:
    page.goto(house.url)
    links = page.locator("nav a")
    paths = links.evaluate_all("links => links.map(a => a.pathname)")
    keys = links.evaluate_all("links => links.map(a => a.dataset.key)")
    assert len(set(keys)) == len(paths) >= 9
    for path in paths:
        check_page(page, house.url + path, name=f"house{path.replace('/', '-')}")
        expect(page.locator("nav a[aria-current]")).to_have_count(1)
        expect(page.locator("h1")).to_have_count(1)


def test_the_circle_shows_every_stage_alive(house: RunningApp, page: Page) -> None:
    page.goto(house.url)
    expect(page.locator(".ring .node")).to_have_count(8)
    states = page.locator("#stages tbody tr").all_inner_texts()
    assert [state for state in states if "down" in state] == []


SEEN = """links => links.filter(a => {
  const box = a.getBoundingClientRect(), nav = a.closest("nav");
  return box.left >= 0 && box.right <= innerWidth && nav.scrollWidth <= nav.clientWidth;
}).length"""


@pytest.mark.parametrize("width", [360, 800, 1024, 1150, 1280, 1920])
def test_the_whole_navigation_is_in_sight(house: RunningApp, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{house.url}/labels")
    links = page.locator("header nav a")
    assert links.evaluate_all(SEEN) == links.count() >= 9
    rows = links.evaluate_all("links => new Set(links.map(a => a.offsetTop)).size")
    assert width < 760 or rows == 1
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_navigation_is_in_sight_of_who_signed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state"
    state.mkdir()
    tokens = Tokens(f"sqlite:///{state / 'web.db'}")
    secret = tokens.create("ann.with.a.long.name@example.org", "viewer")
    tokens.close()
    given = {"state": str(state), "auth": True}
    with serve_in_thread(compose(load(None, given))) as running:
        context = browser.new_context(viewport={"width": 1280, "height": 700})
        page = context.new_page()
        page.goto(f"{running.url}/login")
        page.get_by_label("API token", exact=True).fill(secret)
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{running.url}/labels")
        links = page.locator("header nav a")
        for width in (360, 1024, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 700})
            assert links.evaluate_all(SEEN) == links.count() >= 9
            assert page.evaluate("document.documentElement.scrollWidth") == width
        context.close()
