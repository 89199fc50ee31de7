"""Every page that a piece puts into the navigation, the piece running alone and still empty."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from dovetail.web.testing import run_piece

pytestmark = pytest.mark.ui
PIECES = sorted(entry.name for entry in entry_points(group="dovetail.pieces"))


@pytest.mark.parametrize("name", PIECES)
def test_the_pages_of_an_empty_piece(
    name: str, tmp_path: Path, page: Page, check_page: Callable[..., Any]
) -> None:
    (entry,) = entry_points(group="dovetail.pieces", name=name)
    with run_piece(entry.load(), state=tmp_path) as server:
        page.goto(f"{server.url}/{name}")
        paths = page.locator("nav a").evaluate_all("links => links.map(a => a.pathname)")
        assert paths, "no page"
        for path in paths:
            check_page(page, server.url + path, name=f"{name}-{path.strip('/')}", budget=60_000)
            expect(page.locator("nav a[aria-current]")).to_have_count(1)
            twin = httpx.get(f"{server.url}{path}.json")
            assert twin.headers["content-type"] == "application/json", path
