"""The whole house on one address, empty: every page of the navigation, the circle among them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dovetail.app.compose import compose
from dovetail.app.configuration import load
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
