"""What a browser meets around the pages: signing in, and a request that fails."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.requests import Request
from starlette.responses import Response

from dovetail.base.errors import NotFoundError
from dovetail.web import pages
from dovetail.web.app import create_app
from dovetail.web.auth import Tokens
from dovetail.web.inprocess import InProcessTransport
from dovetail.web.piece import Page as NavPage
from dovetail.web.serve import RunningApp, serve_in_thread

pytestmark = pytest.mark.ui


def missing(request: Request) -> Response:
    raise NotFoundError(
        "model 'flights' has no version 9",
        why="its newest version is 5",
        fix="list them with: dovetail tracking list flights",
    )


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    made = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    yield made
    made.close()


@pytest.fixture
def server(tokens: Tokens) -> Iterator[RunningApp]:
    app = create_app(
        [],
        transport=InProcessTransport("shell"),
        tokens=tokens,
        routes=pages.page_route("/tracking", missing, template="web/problem.html", title="T"),
        nav=[NavPage("/tracking", "Tracking")],
    )
    with serve_in_thread(app) as running:
        yield running


def test_signing_in_leads_to_the_wanted_page(
    server: RunningApp, tokens: Tokens, page: Page, check_page: Callable[..., Any], seen: Any
) -> None:
    check_page(page, f"{server.url}/tracking", name="login")
    expect(page).to_have_url(f"{server.url}/login?next=%2Ftracking")
    page.keyboard.type(tokens.create("ann", "viewer"))
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Model 'flights' has no version 9")
    expect(page.locator(".command code")).to_have_text("dovetail tracking list flights")
    seen.errors.clear()  # Chromium writes every answer of 400 or more to the console.
    check_page(page, name="problem")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{server.url}/login")
