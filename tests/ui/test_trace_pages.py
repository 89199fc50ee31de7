"""The pages of traces in a browser: from an experiment to a span, by the keyboard."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

pytestmark = pytest.mark.ui

BEGAN = 1_764_000_000_000_000_000
MS = 1_000_000
STEPS = [
    ("predict_delay", None, 0, 420, "CHAIN"),
    ("load_features", 0, 8, 130, "RETRIEVER"),
    ("SELECT * FROM flights WHERE day = ?", 1, 20, 100, "TOOL"),
    ("score", 0, 150, 90, "TOOL"),
    ("<script>explain</script> the delay in words", 0, 260, 150, "LLM"),
]


def _text(key: str, text: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": text}}


def _export(number: int, failing: bool) -> dict[str, Any]:
    spans = []
    for i, (name, parent, start, long, kind) in enumerate(STEPS):
        attributes = [
            _text("mlflow.spanType", kind),
            _text("mlflow.spanInputs", "Oslo, 14 March, in the morning"),
            _text("mlflow.spanOutputs", "late by 12 minutes"),
            _text("model", "delays/3"),
        ]
        span: dict[str, Any] = {
            "traceId": f"{number + 1:032x}",
            "spanId": f"{i + 1:016x}",
            "parentSpanId": "" if parent is None else f"{parent + 1:016x}",
            "name": name,
            "startTimeUnixNano": str(BEGAN + number * 10**9 + start * MS),
            "endTimeUnixNano": str(BEGAN + number * 10**9 + (start + long) * MS),
            "attributes": attributes,
            "status": {"code": 1},
        }
        if failing and i in (0, 4):
            span["status"] = {"code": 2, "message": "ValueError: no words"}
            stack = _text("exception.stacktrace", "Traceback\n  in explain\nValueError: no words")
            span["events"] = [
                {
                    "name": "exception",
                    "timeUnixNano": span["endTimeUnixNano"],
                    "attributes": [stack],
                }
            ]
        spans.append(span)
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_piece(piece, state=tmp_path_factory.mktemp("traces")) as running:
        headers = {"x-mlflow-experiment-id": "0"}
        for number in range(4):
            body = _export(number, failing=number == 3)
            httpx.post(f"{running.url}/v1/traces", json=body, headers=headers).raise_for_status()
        yield running.url


def test_the_traces_of_an_experiment(
    traced: str, page: Page, check_page: Callable[..., Any]
) -> None:
    check_page(page, f"{traced}/tracking/experiments/0/traces", name="tracking-traces")
    expect(page.locator("tbody tr")).to_have_count(4)
    box = page.get_by_role("textbox", name="Filter")
    box.focus()
    page.keyboard.type("trace.status = 'ERROR'")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="predict_delay").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("predict_delay")


def test_one_trace_on_its_time_axis(
    traced: str, page: Page, check_page: Callable[..., Any]
) -> None:
    check_page(page, f"{traced}/tracking/traces/tr-{4:032x}", name="tracking-trace")
    expect(page.locator(".waterfall rect")).to_have_count(5)
    expect(page.locator("details.span[open]")).to_have_count(2)
    expect(page.locator("details.span[open] pre").first).to_have_text(
        "Oslo, 14 March, in the morning"
    )
    page.locator(".waterfall a", has_text="load_features").focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#s-0000000000000002")
    page.locator("#s-0000000000000002 > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.span[open]")).to_have_count(3)


def test_a_trace_without_an_error_on_a_narrow_screen(
    traced: str, page: Page, check_page: Callable[..., Any]
) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    check_page(page, f"{traced}/tracking/traces/tr-{1:032x}", name="tracking-trace-narrow")
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(wide)
