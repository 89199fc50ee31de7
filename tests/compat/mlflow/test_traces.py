"""The real client traces functions, finds the traces and gets them back, on both servers."""

import json
import urllib.request
import uuid
from types import ModuleType
from typing import Any

import pytest

pytestmark = [pytest.mark.compat, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def experiment(mlflow: ModuleType) -> str:
    return str(mlflow.set_experiment(f"t-{uuid.uuid4().hex[:12]}").experiment_id)


@pytest.fixture
def answer(mlflow: ModuleType, experiment: str) -> Any:
    """A traced function that calls a traced function, which fails for negative numbers."""

    @mlflow.trace(span_type="TOOL")
    def load(x: int) -> dict[str, Any]:
        span = mlflow.get_current_active_span()
        span.set_attributes({"depth": 2.5, "nested": {"a": [1, None, "ü<b>"]}, "nan": float("nan")})
        if x < 0:
            raise ValueError("negative")
        return {"x": x}

    @mlflow.trace(name="answer", span_type="CHAIN", attributes={"k": 1})
    def asked(x: int, **labels: Any) -> int:
        mlflow.update_current_trace(**labels)
        return int(load(x)["x"]) * 2

    return asked


def found(mlflow: ModuleType, filter: str | None = None, **given: Any) -> list[Any]:
    mlflow.flush_trace_async_logging()
    return list(mlflow.search_traces(filter_string=filter, return_type="list", **given))


def spans(trace: Any) -> dict[str, Any]:
    return {span.name: span for span in trace.data.spans}


def test_a_traced_call_comes_back_whole(mlflow: ModuleType, answer: Any) -> None:
    answer(3, tags={"team": "ü<b>"}, metadata={"m": "v"}, client_request_id="c1")
    (trace,) = found(mlflow)
    again = mlflow.get_trace(trace.info.trace_id)
    assert again.to_dict() == trace.to_dict()
    info = trace.info
    assert (str(info.state), info.client_request_id) == ("OK", "c1")
    assert (info.request_preview, info.response_preview) == ('{"x": 3, "labels": {"tags": '
        '{"team": "ü<b>"}, "metadata": {"m": "v"}, "client_request_id": "c1"}}', "6")  # fmt: skip
    assert (info.tags["team"], info.tags["mlflow.traceName"]) == ("ü<b>", "answer")
    assert info.trace_metadata["m"] == "v"
    root, child = spans(trace)["answer"], spans(trace)["load"]
    assert (root.parent_id, child.parent_id) == (None, root.span_id)
    assert (root.span_type, child.span_type) == ("CHAIN", "TOOL")
    assert (root.get_attribute("k"), child.get_attribute("depth")) == (1, 2.5)
    assert child.get_attribute("nested") == {"a": [1, None, "ü<b>"]}
    assert child.get_attribute("nan") != child.get_attribute("nan")
    assert (child.inputs, child.outputs, root.outputs) == ({"x": 3}, {"x": 3}, 6)
    assert root.start_time_ns <= child.start_time_ns <= child.end_time_ns <= root.end_time_ns


def test_a_failing_call_says_where_it_failed(mlflow: ModuleType, answer: Any) -> None:
    with pytest.raises(ValueError, match="negative"):
        answer(-1)
    (trace,) = found(mlflow, "trace.status = 'ERROR'")
    child = spans(trace)["load"]
    assert str(child.status.status_code) == "SpanStatusCode.ERROR"
    assert "negative" in child.status.description
    (event,) = child.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "ValueError"
    again = found(mlflow, "span.name = 'load' AND span.status = 'ERROR'")
    assert [one.info.trace_id for one in again] == [trace.info.trace_id]


def test_spans_may_be_made_by_hand(mlflow: ModuleType, experiment: str) -> None:
    with mlflow.start_span(name="outer") as outer:
        outer.set_inputs([1, 2])
        with mlflow.start_span(name="inner", span_type="RETRIEVER") as inner:
            inner.add_event(mlflow.entities.SpanEvent("hit", attributes={"n": 3}))
        outer.set_outputs("done")
    (trace,) = found(mlflow)
    assert (trace.data.request, trace.data.response) == ("[1, 2]", '"done"')
    assert spans(trace)["inner"].events[0].attributes == {"n": 3}


@pytest.mark.parametrize(
    ("filter", "inputs"),
    [
        ("tags.team = 'red'", [1]),
        ("tags.team != 'red'", [2]),
        ("tags.team IS NULL", [3]),
        ("metadata.m LIKE 'v%'", [1, 2]),
        ("trace.name = 'answer' AND trace.status = 'OK'", [1, 2, 3]),
        ("client_request_id = 'c2'", [2]),
        ("span.type = 'TOOL' AND span.name ILIKE 'LO%'", [1, 2, 3]),
        ("span.attributes.depth LIKE '%2.5%'", [1, 2, 3]),
        ("trace.text LIKE '%answer%'", None),
        ("execution_time_ms > 60000", []),
        ("timestamp_ms > 0", [1, 2, 3]),
    ],
)
def test_search_speaks_the_filter_language_of_traces(
    mlflow: ModuleType, answer: Any, filter: str, inputs: list[int] | None
) -> None:
    answer(1, tags={"team": "red"}, metadata={"m": "v1"})
    answer(2, tags={"team": "blue"}, metadata={"m": "v2"}, client_request_id="c2")
    answer(3)
    got = sorted(spans(trace)["answer"].inputs["x"] for trace in found(mlflow, filter))
    assert inputs is None or got == inputs


def test_pages_and_orders(mlflow: ModuleType, answer: Any, experiment: str) -> None:
    for i in range(5):
        answer(i)
    client = mlflow.MlflowClient()
    mlflow.flush_trace_async_logging()
    got, token = [], None
    while True:
        page = client.search_traces(
            locations=[experiment], max_results=2, order_by=["timestamp_ms ASC"], page_token=token
        )
        got += list(page)
        token = page.token
        if not token:
            break
    assert {spans(trace)["answer"].inputs["x"] for trace in got} == {0, 1, 2, 3, 4}
    times = [trace.info.timestamp_ms for trace in got]
    assert (len(got), sorted(times)) == (5, times)


def test_traces_of_a_run(mlflow: ModuleType, answer: Any) -> None:
    with mlflow.start_run() as run:
        answer(1)
    answer(2)
    answer(3)
    later = [t for t in found(mlflow) if spans(t)["answer"].inputs["x"] == 2]
    client = mlflow.MlflowClient()
    client.link_traces_to_run([later[0].info.trace_id], run.info.run_id)
    got = found(mlflow, run_id=run.info.run_id)
    assert sorted(spans(trace)["answer"].inputs["x"] for trace in got) == [1, 2]


def test_tags_are_set_and_deleted(mlflow: ModuleType, answer: Any) -> None:
    answer(1)
    (trace,) = found(mlflow)
    id = trace.info.trace_id
    mlflow.set_trace_tag(id, "reviewed", "yes")
    assert mlflow.get_trace(id).info.tags["reviewed"] == "yes"
    mlflow.delete_trace_tag(id, "reviewed")
    assert "reviewed" not in mlflow.get_trace(id).info.tags
    with pytest.raises(mlflow.MlflowException, match="No trace tag with key 'reviewed'"):
        mlflow.delete_trace_tag(id, "reviewed")


def test_traces_are_deleted_by_id_and_by_age(
    mlflow: ModuleType, answer: Any, experiment: str
) -> None:
    for i in range(4):
        answer(i)
    traces = found(mlflow)
    client = mlflow.MlflowClient()
    assert client.delete_traces(experiment, trace_ids=[traces[0].info.trace_id]) == 1
    assert mlflow.get_trace(traces[0].info.trace_id) is None
    newest = traces[1].info.timestamp_ms
    assert client.delete_traces(experiment, max_timestamp_millis=newest, max_traces=1) == 1
    assert client.delete_traces(experiment, max_timestamp_millis=newest) == 2
    assert found(mlflow) == []


def test_a_pandas_frame_of_traces(mlflow: ModuleType, answer: Any) -> None:
    answer(4)
    mlflow.flush_trace_async_logging()
    frame = mlflow.search_traces()
    assert list(frame["state"]) == ["OK"]
    assert [len(one) for one in frame["spans"]] == [2]


def test_opentelemetry_without_mlflow_is_found_with_mlflow(
    mlflow: ModuleType, experiment: str, tracking_uri: str
) -> None:
    span = {
        "traceId": uuid.uuid4().hex, "spanId": "b7ad6b7169203331", "name": "job",
        "startTimeUnixNano": "1000000000", "endTimeUnixNano": "3000000000",
        "attributes": [{"key": "rows", "value": {"intValue": "7"}}],
    }  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "gemini-cli"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    headers = {"Content-Type": "application/json", "x-mlflow-experiment-id": experiment}
    request = urllib.request.Request(
        f"{tracking_uri}/v1/traces", json.dumps(body).encode(), headers, method="POST"
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
    (trace,) = found(mlflow)
    assert (trace.info.execution_duration, str(trace.info.state)) == (2000, "OK")
    assert trace.info.tags["service.name"] == "gemini-cli"
    (root,) = trace.data.spans
    assert (root.name, root.get_attribute("rows")) == ("job", 7)
    assert root.get_attribute("service.name") == "gemini-cli"
