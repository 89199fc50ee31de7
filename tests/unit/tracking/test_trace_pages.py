"""The pages of traces: what they show, and that nothing stored in a trace runs."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from dovetail.tracking.ui.traces.trace import tree
from dovetail.wire.otlp import Span

HOSTILE = "<script>alert(1)</script>"
TRACE = "0af7651916cd43dd8448eb211c80319c"
ROOT, CHILD, SIBLING = "00000000000000aa", "00000000000000bb", "00000000000000cc"
HEADERS = {"x-mlflow-experiment-id": "0"}


def _attribute(key: str, text: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": text}}


def _span(id: str, parent: str = "", **given: Any) -> dict[str, Any]:
    known = {"traceId": TRACE, "spanId": id, "parentSpanId": parent, "name": HOSTILE}
    times = {"startTimeUnixNano": 1_000_000_000, "endTimeUnixNano": 3_000_000_000}
    return {**known, **times, **given}


@pytest.fixture
def traced(server: httpx.Client) -> str:
    """A failed trace of three spans whose every text is an attack; returns its page."""
    event = {
        "name": HOSTILE,
        "timeUnixNano": 2_000_000_000,
        "attributes": [_attribute("exception.stacktrace", HOSTILE), _attribute(HOSTILE, HOSTILE)],
    }
    root = _span(
        ROOT,
        status={"code": 2, "message": HOSTILE},
        attributes=[
            _attribute("mlflow.spanInputs", HOSTILE),
            _attribute("mlflow.spanOutputs", HOSTILE),
            _attribute("mlflow.spanType", HOSTILE),
            _attribute(HOSTILE, HOSTILE),
        ],
        events=[event],
    )
    spans = [
        root,
        _span(CHILD, ROOT, startTimeUnixNano=1_500_000_000, endTimeUnixNano=2_000_000_000),
        _span(SIBLING, CHILD, name="running", endTimeUnixNano=0),
    ]
    resource = {"attributes": [_attribute("service.name", HOSTILE)]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    server.post("/v1/traces", json=body, headers=HEADERS).raise_for_status()
    return f"/tracking/traces/tr-{TRACE}"


def test_every_page_and_twin_answers_and_nothing_stored_runs(
    server: httpx.Client, traced: str
) -> None:
    for path in ("/tracking/experiments/0/traces", traced):
        page = server.get(path)
        assert (page.status_code, HOSTILE in page.text) == (200, False), path
        with server.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
            assert len(b"".join(answer.iter_raw())) < 30_000
        assert server.get(f"{path}.json").json()


def test_the_list_is_filtered_and_ordered(server: httpx.Client, traced: str) -> None:
    path = "/tracking/experiments/0/traces.json"
    (line,) = server.get(path).json()["traces"]
    assert (line["name"], line["status"], line["seconds"]) == (HOSTILE, "ERROR", 2.0)
    assert line["request"] == f'"{HOSTILE}"'
    for filter, count in (("trace.status = 'OK'", 0), ("span.name = 'running'", 1)):
        found = server.get(path, params={"filter": filter, "sort": "name"}).json()
        assert (len(found["traces"]), found["problem"]) == (count, None)
    wrong = server.get(path, params={"filter": "color = 'red'"}).json()
    assert wrong["problem"].startswith("Invalid attribute key 'color'")
    assert wrong["traces"] == []


def test_a_long_list_has_pages(server: httpx.Client) -> None:
    spans = [_span(ROOT, traceId=f"{i + 1:032x}") for i in range(51)]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    server.post("/v1/traces", json=body, headers=HEADERS).raise_for_status()
    first = server.get("/tracking/experiments/0/traces.json").json()
    rest = server.get(f"/tracking/experiments/0/traces.json{first['next']}").json()
    assert (len(first["traces"]), len(rest["traces"]), rest["next"]) == (50, 1, "")


def test_a_trace_shows_its_spans_as_a_tree(server: httpx.Client, traced: str) -> None:
    page = server.get(f"{traced}.json").json()
    assert [(one["span_id"], one["depth"]) for one in page["spans"]] == [
        (ROOT, 0), (CHILD, 1), (SIBLING, 2),
    ]  # fmt: skip
    root, child, running = page["spans"]
    assert (root["start"], root["seconds"], root["level"]) == (0.0, 2.0, "alarm")
    assert (child["start"], child["seconds"], running["seconds"]) == (0.5, 0.5, None)
    assert (root["inputs"], root["message"], root["kind"]) == (HOSTILE, HOSTILE, HOSTILE)
    assert root["events"][0]["seconds"] == 1.0
    text = server.get(traced).text
    assert text.count('<rect x="') == 3
    assert f'href="#s-{CHILD}"' in text


def test_a_trace_whose_spans_are_a_file_is_shown_alike(server: httpx.Client) -> None:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
    info = {"trace_id": "tr-old", "trace_location": place, "state": "OK"}
    server.post("/api/3.0/mlflow/traces", json={"trace": {"trace_info": info}})
    page = server.get("/tracking/traces/tr-old.json").json()
    assert page["problem"] == "No span of this trace has arrived."
    assert server.get("/tracking/traces/tr-old").status_code == 200
    files = "/api/2.0/mlflow-artifacts/artifacts/0/traces/tr-old/artifacts"
    span = '{"name": "f", "span_id": "t61rcWkgMzE=", "attributes": {"mlflow.spanInputs": "[1]"}}'
    server.put(f"{files}/traces.json", content=f'{{"spans": [{span}]}}'.encode())
    (only,) = server.get("/tracking/traces/tr-old.json").json()["spans"]
    assert (only["name"], only["inputs"]) == ("f", "[\n  1\n]")


def test_experiments_and_runs_lead_to_their_traces(server: httpx.Client) -> None:
    body = {"experiment_id": "0"}
    made = server.post("/api/2.0/mlflow/runs/create", json=body).json()["run"]["info"]["run_id"]
    assert "/tracking/experiments/0/traces" in server.get("/tracking/experiments/0").text
    page = server.get(f"/tracking/runs/{made}").text
    assert f"/tracking/experiments/0/traces?filter=run_id%20%3D%20%27{made}%27" in page


def test_what_is_not_there_is_not_found(server: httpx.Client) -> None:
    for path in ("/tracking/traces/tr-none", "/tracking/experiments/9/traces"):
        assert server.get(path).status_code == 404


def _spans(*pairs: tuple[str, str | None]) -> Sequence[Span]:
    return [
        Span(trace_id=TRACE, span_id=id, parent_id=parent, start_ns=len(pairs) - i)
        for i, (id, parent) in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (_spans(("b", "a"), ("c", "a"), ("a", None)), [("a", 0), ("c", 1), ("b", 1)]),
        (_spans(("b", "gone"), ("a", None)), [("a", 0), ("b", 0)]),
        (_spans(("a", "b"), ("b", "a")), [("a", 0), ("b", 1)]),
        (_spans(("a", "a")), [("a", 0)]),
        (_spans(("a", None), ("b", "c"), ("c", "b")), [("a", 0), ("b", 0), ("c", 1)]),
    ],
    ids=["children by time", "no parent", "circle", "its own parent", "a circle beside"],
)
def test_every_span_stands_once_in_the_tree(
    spans: Sequence[Span], expected: list[tuple[str, int]]
) -> None:
    assert [(span.span_id, depth) for span, depth in tree(spans)] == expected
