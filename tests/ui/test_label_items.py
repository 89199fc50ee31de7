"""Items with what was said of them: every kind is shown, and nothing of them ever runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from tests.ui.label_server import png

from dovetail.labels.ui.reading import reading
from dovetail.web import pages
from dovetail.web.serve import RunningApp, serve_in_thread

pytestmark = pytest.mark.ui

HOSTILE = (
    "<p onclick='pwn()'>Plain <b>bold</b><script>pwned = 1</script>"
    "<img src=x onerror='pwned = 1'><a href='javascript:pwned = 1'>a link</a>"
    "<svg onload='pwned = 1'><script>pwned = 1</script></svg>"
    "<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe>"
    "<math><mtext><style><img src onerror=pwned=1></style></mtext></math></p>"
)
SPANS = """<View><Labels name="ner" toName="text">
  <Label value="PER" background="red"/><Label value="ORG" background="url(javascript:x)"/>
</Labels><Text name="text" value="$text"/>
<Choices name="mood" toName="text"><Choice value="calm"/></Choices><Brush name="dab" toName="text"/>
</View>"""
BOXES = """<View><Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image"><Label value="Car"/></RectangleLabels></View>"""
MARKUP = """<View><HyperText name="page" value="$page"/>
<HyperTextLabels name="part" toName="page"><Label value="A"/></HyperTextLabels></View>"""
CONFIG = """<View><Header value="&lt;script>pwned = 1&lt;/script>"/>
<Text name="text" value="$text"/>
<Choices name="&lt;img src=x onerror='pwned=1'>" toName="text">
  <Choice value="&lt;svg onload='pwned=1'>" background="red;}*{color:red" hint="&lt;b>"/>
</Choices></View>"""
ROWS = """<View><Table name="row" value="$row"/><Rating name="stars" toName="row"/>
<TextArea name="why" toName="row"/></View>"""


def region(name: str, to: str, kind: str, **value: Any) -> dict[str, Any]:
    return {"id": f"{name}1", "from_name": name, "to_name": to, "type": kind, "value": value}


ITEMS = {
    "spans": (SPANS, {"text": "😀 Ada met <b onclick=pwn()>Babbage</b>.</script><script>pwned=1"}, [
        region("ner", "text", "labels", start=2, end=5, text="Ada", labels=["PER"]),
        region("mood", "text", "choices", choices=["calm"]),
        region("dab", "text", "brushlabels", rle=[1, 2]),
    ]),
    "boxes": (BOXES, {"image": png(80, 40)}, [
        region("box", "image", "rectanglelabels", x=10, y=20, width=30, height=40, rotation=0,
               rectanglelabels=["Car"]),
    ]),
    "markup": (MARKUP, {"page": HOSTILE}, [
        region("part", "page", "hypertextlabels", start="/p[1]/b[1]/text()[1]", startOffset=0,
               end="/p[1]/b[1]/text()[1]", endOffset=4, globalOffsets={"start": 6, "end": 10},
               hypertextlabels=["A"]),
    ]),
    "rows": (ROWS, {"row": {"price": 3, "<i>key": "<script>pwned=1</script>"}}, [
        region("stars", "row", "rating", rating=4),
        region("why", "row", "textarea", text=["<img src=x onerror=pwned=1>"]),
    ]),
    "config": (CONFIG, {"text": "x"}, [
        region("<img src=x onerror='pwned=1'>", "text", "choices",
               choices=["<svg onload='pwned=1'>"]),
    ]),
    "svg": (BOXES, {"image": "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' "
                             "onload='pwned=1'/>"}, []),
    "address": (BOXES, {"image": "javascript:pwned=1"}, []),
}  # fmt: skip


@pytest.fixture(scope="module")
def app() -> Iterator[RunningApp]:
    pages.register("stall", Path(__file__).parent / "stall")

    def item(request: Request) -> dict[str, Any]:
        config, data, result = ITEMS[request.path_params["kind"]]
        return {"reading": reading(config, data, result)}

    shown = pages.page_route(
        "/items/{kind}", item, template="stall/label_item.html", title="An item"
    )
    with serve_in_thread(Starlette(routes=[*pages.routes(), *shown])) as running:
        yield running


@pytest.mark.parametrize("kind", sorted(ITEMS))
def test_nothing_of_an_item_runs(
    page: Page, check_page: Callable[..., Any], app: RunningApp, kind: str
) -> None:
    check_page(page, f"{app.url}/items/{kind}", name=f"label-item-{kind}", budget=40_000)
    assert page.evaluate("window.pwned") is None
    item = page.locator("label-item")
    assert item.locator("script:not([type='application/json']), iframe, svg, style").count() == 0
    assert page.evaluate(
        """() => [...document.querySelectorAll("label-item *")].flatMap((element) =>
             [...element.attributes].map((a) => a.name).filter((name) => /^on/.test(name)))"""
    ) == []  # fmt: skip


def test_spans_stand_where_code_points_say(page: Page, app: RunningApp) -> None:
    page.goto(f"{app.url}/items/spans")
    mark = page.locator("mark.mark")
    expect(mark).to_have_text("Ada")
    expect(mark).to_have_attribute("data-label", "PER")
    assert mark.evaluate("node => node.style.getPropertyValue('--hue')") == "red"
    expect(page.locator(".text")).to_contain_text("<b onclick=pwn()>Babbage</b>")
    item = page.locator("label-item")
    expect(item).to_contain_text("calm")
    expect(item).to_contain_text("1 region of a kind that this desk does not show (brushlabels)")


def test_boxes_stand_where_per_cents_say(page: Page, app: RunningApp) -> None:
    page.goto(f"{app.url}/items/boxes")
    box, stage = page.locator(".box").bounding_box(), page.locator(".boxes").bounding_box()
    assert box is not None
    assert stage is not None
    assert (box["x"] - stage["x"]) / stage["width"] == pytest.approx(0.1, abs=0.01)
    assert box["height"] / stage["height"] == pytest.approx(0.4, abs=0.02)


def test_markup_is_built_anew_from_harmless_elements(page: Page, app: RunningApp) -> None:
    page.goto(f"{app.url}/items/markup")
    expect(page.locator(".hyper b .mark")).to_have_text("bold")
    expect(page.locator(".hyper .was-link")).to_have_text("a link")
    assert page.locator(".hyper a").count() == 0


@pytest.mark.parametrize("kind", ["svg", "address"])
def test_an_address_that_is_no_picture_is_refused(page: Page, app: RunningApp, kind: str) -> None:
    page.goto(f"{app.url}/items/{kind}")
    expect(page.get_by_role("alert")).to_contain_text("This is no address of a picture")
