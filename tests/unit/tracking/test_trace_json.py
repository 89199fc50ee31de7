"""The file of a trace's spans: read back as it was written, also by older clients."""

import json

import pytest

from dovetail.tracking.trace_json import read, write
from dovetail.wire.otlp import Event, InvalidSpans, Span

SPANS = [
    Span(
        trace_id="0" * 32,
        span_id="00f067aa0ba902b7",
        name="root",
        start_ns=5,
        status="ERROR",
        message="no",
        attributes={
            "n": {"$double": "NaN"},
            "t": "5",
            "m": {"a": [1, None]},
            "$": {"$map": {"$x": 1}},
        },
        events=(Event("exception", 7, {"x": {"$double": "Infinity"}}),),
    ),
    Span(
        trace_id="0" * 32,
        span_id="b7ad6b7169203331",
        parent_id="00f067aa0ba902b7",
        name="child",
        start_ns=6,
        end_ns=9,
    ),
]


def test_what_is_written_is_read_back() -> None:
    assert read(write(SPANS)) == SPANS


def test_the_file_of_a_client_of_version_2_is_read() -> None:
    old = {
        "name": "f",
        "context": {"span_id": "0xb7ad6b7169203331", "trace_id": "0x1"},
        "parent_id": "0x00f067aa0ba902b7",
        "start_time": 5,
        "end_time": 9,
        "status_code": "ERROR",
        "status_message": "no",
        "attributes": {"mlflow.spanInputs": '{"x": 1}', "plain": "not JSON"},
        "events": [{"name": "e", "timestamp": 7, "attributes": {"a": 1}}],
    }
    file = {"spans": [old], "request": "{}", "response": None}
    assert read(json.dumps(file).encode()) == [
        Span(
            trace_id="0" * 32,
            span_id="b7ad6b7169203331",
            parent_id="00f067aa0ba902b7",
            name="f",
            start_ns=5,
            end_ns=9,
            status="ERROR",
            message="no",
            attributes={"mlflow.spanInputs": {"x": 1}, "plain": "not JSON"},
            events=(Event("e", 7000, {"a": 1}),),
        )
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\xff", b'{"spans": 5}', b'{"spans": [{"span_id": "%%%="}]}'],
    ids=["empty", "a list", "noise", "a number", "a bad id"],
)
def test_another_file_is_refused_or_empty(body: bytes) -> None:
    if not body:
        assert read(body) == []
        return
    with pytest.raises(InvalidSpans, match=r"not MLflow's traces.json"):
        read(body)
