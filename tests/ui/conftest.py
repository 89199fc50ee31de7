"""Fixtures of the browser tests: Debian's Chromium, and one check that every page must pass.

`check_page(page, url)` holds a page to what all pages promise: no console error, no accessibility
fault that axe-core can see, few and small requests. It leaves a picture in light and in dark in
`test-results/`.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Playwright,
    Response,
    sync_playwright,
)

HERE = Path(__file__).parent
PICTURES = HERE.parent.parent / "test-results"
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
]


@dataclass
class Seen:
    """What a page did while it was watched."""

    errors: list[str] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """How much came over the wire, heads left out."""
        return sum(self.requests.values())


Check = Callable[..., Seen]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright for one file: while it lives, its event loop keeps all others off this thread."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium; a test that needs it is skipped where there is none."""
    path = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium-headless-shell")
    launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield launched
    launched.close()


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    """A window of a common laptop, a fixed place and time zone."""
    return {
        "viewport": {"width": 1280, "height": 800},
        "locale": "en-GB",
        "timezone_id": "America/New_York",
        "reduced_motion": "reduce",
    }


@pytest.fixture
def seen(page: Page) -> Seen:
    """Watches a page from its first request on."""
    watched = Seen()

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            watched.errors.append(f"{message.text} ({message.location.get('url')})")

    def on_response(response: Response) -> None:
        sizes = response.request.sizes()
        watched.requests[response.url] = sizes["responseBodySize"]

    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.on("console", on_console)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("requestfinished", lambda request: on_response(request.response()))
    return watched


@pytest.fixture
def check_page(seen: Seen) -> Check:
    """Hold a page to what all pages promise.

    Call it as `check_page(page, url, budget=30_000)`; it opens the page, or checks the page as it
    stands where `url` is None.
    """

    def check(
        page: Page, url: str | None = None, *, budget: int = 30_000, name: str = "", wait: str = ""
    ) -> Seen:
        if url is not None:
            seen.errors.clear()
            seen.requests.clear()
            page.goto(url, wait_until="networkidle")
        if wait:
            page.wait_for_selector(wait)
        picture = name or re.sub(r"\W+", "-", page.url.split("/", 3)[-1]).strip("-") or "start"
        PICTURES.mkdir(exist_ok=True)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=PICTURES / f"{picture}-{scheme}.png", full_page=True)
            assert _faults(page) == [], f"accessibility of {page.url} in {scheme}"
        assert seen.errors == []
        assert len(seen.requests) <= 8, seen.requests
        assert seen.bytes <= budget, seen.requests
        return seen

    return check


def _faults(page: Page) -> list[str]:
    """What axe-core finds wrong, one line a rule with the places."""
    if page.evaluate("typeof window.axe") == "undefined":
        page.evaluate((HERE / "vendor" / "axe.min.js").read_text())
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{fault['id']}: {fault['help']}: "
        + "; ".join(
            f"{node['target']} {node.get('failureSummary', '')[:200]}" for node in fault["nodes"]
        )
        for fault in found
    ]
