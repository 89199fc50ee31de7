"""The catalogue of features in a browser: found by words, judged, and followed to who uses it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page, expect

from dovetail.features import load, training_set
from dovetail.features.catalogue import ProfileFile, beside, profiled
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import run_piece

pytestmark = pytest.mark.ui
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)
SHOP = """
from dovetail.features import Entity, FeatureService, LatestView, OnDemandView, ParquetSource

shopper = Entity("shopper", tags={"domain": "retail"})
orders = ParquetSource(
    "orders", path="orders.parquet", event_time="at", id="order", owner="sales@example.com"
)
last = LatestView("last", entities=[shopper], source=orders, features=["price", "euros", "shop"])
spare = LatestView("spare", entities=[shopper], source=orders, features=["price"])
double = OnDemandView("double", inputs=[last[["price"]]], features={"twice": "price * 2"})
offers = FeatureService("offers", [last, double], tags={"model": "uplift"})
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server of features whose statistics were computed."""
    file = tmp_path / "features.py"
    file.write_text(SHOP)
    count = 200
    price = [float(n * n % 97) for n in range(count)]
    shoppers = [f"s{n}" for n in range(count)]
    orders = pl.DataFrame(
        {
            "order": range(count),
            "shopper": shoppers,
            "at": [NOON] * count,
            "price": price,
            "euros": [0.9 * p for p in price],
            "shop": ["north" if n % 3 else "south" for n in range(count)],
        }
    )
    orders.write_parquet(tmp_path / "orders.parquet")
    asked = pl.DataFrame({"shopper": shoppers, "asked_at": [NOON] * count})
    frame = training_set(asked, "offers", load(file), full_feature_names=True)
    columns = {c.replace("__", ":"): c for c in frame.columns[2:]}
    ProfileFile(beside(file)).write(profiled(frame, columns, NOON))
    settings = FeatureSettings(definitions=str(file))
    with run_piece(piece, settings, state=tmp_path / "state") as running:
        yield running.url


def test_a_feature_is_found_by_keyboard_and_followed(
    page: Page, url: str, check_page: Callable[..., object]
) -> None:
    check_page(page, f"{url}/features", name="features")
    page.get_by_role("searchbox", name="Find features").focus()
    page.keyboard.type("price shopper")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="3 features for")).to_be_visible()
    check_page(page, page.url, name="features-found")
    page.get_by_role("link", name="price", exact=True).first.click()
    expect(page.get_by_role("heading", name="price", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="distribution of price")).to_be_visible()
    expect(page.get_by_role("region", name="lineage of price")).to_contain_text("uplift")
    check_page(page, page.url, name="feature")


@pytest.mark.parametrize(
    "path",
    ["", "?q=price", "/views/last", "/views/last/price", "/views/last/shop", "/unused"],
    ids=["overview", "found", "view", "numbers", "levels", "unused"],
)
def test_pages_fit_a_phone_and_keep_what_all_pages_promise(
    page: Page, url: str, path: str, check_page: Callable[..., object]
) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    name = "features-narrow-" + (path.strip("/?").replace("/", "-").replace("=", "-") or "all")
    check_page(page, f"{url}/features{path}", name=name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_search_works_without_script(page: Page, url: str) -> None:
    context = page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    bare = context.new_page()
    bare.goto(f"{url}/features")
    bare.get_by_role("searchbox", name="Find features").fill("twice")
    bare.get_by_role("button", name="Search").click()
    expect(bare.get_by_role("link", name="twice")).to_be_visible()
    context.close()
