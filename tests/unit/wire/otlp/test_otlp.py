"""OTLP against OpenTelemetry's own messages: nothing is lost, nothing malformed gets in."""

import base64
import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from dovetail.wire.otlp import (
    Event,
    InvalidSpan,
    InvalidSpans,
    Link,
    Span,
    decode_json,
    decode_protobuf,
    native,
    status_json,
    status_protobuf,
    to_any,
    to_json,
)

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | WORDS
    | st.binary(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.sampled_from(["$double", "$bytes", "$map"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def fill(value: AnyValue, given: Any) -> None:
    """Write a Python value into OpenTelemetry's message."""
    value.SetInParent()
    if isinstance(given, bool):
        value.bool_value = given
    elif isinstance(given, str):
        value.string_value = given
    elif isinstance(given, int):
        value.int_value = given
    elif isinstance(given, float):
        value.double_value = given
    elif isinstance(given, bytes):
        value.bytes_value = given
    elif isinstance(given, list):
        value.array_value.SetInParent()
        for item in given:
            fill(value.array_value.values.add(), item)
    elif isinstance(given, dict):
        value.kvlist_value.SetInParent()
        for key, item in given.items():
            pair = value.kvlist_value.values.add()
            pair.key = key
            fill(pair.value, item)


def request_with(attributes: dict[str, Any], **fields: Any) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    known = {"trace_id": bytes.fromhex(TRACE), "span_id": bytes.fromhex(SPAN), "name": "step"}
    span = group.scope_spans.add().spans.add(**{**known, **fields})
    for key, value in attributes.items():
        pair = span.attributes.add()
        pair.key = key
        fill(pair.value, value)
    return request


def same(a: Any, b: Any) -> bool:
    """Equality in which NaN equals itself and bytes are their base64."""
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    if isinstance(a, bytes):
        return bool(base64.b64encode(a).decode() == b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


@given(PLAIN)
@settings(max_examples=300, deadline=None)
def test_a_value_is_the_same_after_the_wire_the_store_and_the_answer(value: Any) -> None:
    request = request_with({"k": value})
    (span,) = decode_protobuf(request.SerializeToString())
    stored = json.loads(json.dumps(span.attributes["k"], allow_nan=False))
    assert same(value, native(stored))
    answered = ParseDict(to_any(stored), AnyValue())
    assert answered == request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value or (
        "NaN" in json.dumps(stored)
    )


@given(PLAIN)
@settings(max_examples=200, deadline=None)
def test_json_and_protobuf_say_the_same(value: Any) -> None:
    request = request_with({"k": value})
    body = MessageToDict(request)
    span = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["traceId"], span["spanId"] = TRACE, SPAN  # OTLP has hexadecimal ids in JSON
    assert decode_json(json.dumps(body).encode()) == decode_protobuf(request.SerializeToString())


def test_all_of_a_span_arrives_and_is_answered() -> None:
    request = request_with(
        {"a": 1},
        parent_span_id=bytes.fromhex(PARENT),
        kind=ProtoSpan.SPAN_KIND_CLIENT,
        start_time_unix_nano=1,
        end_time_unix_nano=1 << 62,
    )
    sent = request.resource_spans[0].scope_spans[0].spans[0]
    sent.status.code, sent.status.message = 2, "no"
    sent.events.add(name="exception", time_unix_nano=5).attributes.add(key="e").value.int_value = 1
    sent.links.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(PARENT))
    fill(request.resource_spans[0].resource.attributes.add(key="service.name").value, "shop")
    (span,) = decode_protobuf(request.SerializeToString())
    assert span == Span(
        trace_id=TRACE,
        span_id=SPAN,
        parent_id=PARENT,
        name="step",
        kind=3,
        start_ns=1,
        end_ns=1 << 62,
        status="ERROR",
        message="no",
        attributes={"a": 1},
        events=(Event("exception", 5, {"e": 1}),),
        links=(Link(TRACE, PARENT, {}),),
        resource={"service.name": "shop"},
    )
    answered = ParseDict(to_json(span), ProtoSpan())
    sent.kind = ProtoSpan.SPAN_KIND_UNSPECIFIED  # MLflow's answers leave it out
    assert answered == sent


def test_enumerations_of_json_may_be_names_or_numbers() -> None:
    for kind, code in ((2, 2), ("SPAN_KIND_SERVER", "STATUS_CODE_ERROR")):
        one = {"traceId": TRACE.upper(), "spanId": SPAN, "startTimeUnixNano": "17", "kind": kind}
        spans = [{**one, "status": {"code": code}}]
        body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
        (span,) = decode_json(json.dumps(body).encode())
        assert (span.trace_id, span.kind, span.status, span.start_ns) == (TRACE, 2, "ERROR", 17)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xff\xff\xff", id="noise"),
        pytest.param(b'{"resourceSpans": []}', id="JSON as protobuf"),
        pytest.param(request_with({"a": "b"}).SerializeToString()[:-3], id="cut short"),
        pytest.param(b"\x0a\xff\xff\xff\xff\x0f", id="a length beyond the end"),
    ],
)
def test_malformed_protobuf_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSpans, match="not a protobuf ExportTraceServiceRequest"):
        decode_protobuf(body)


def test_a_value_nested_beyond_reason_is_refused() -> None:
    inner: Any = {"intValue": 1}
    for _ in range(70):
        inner = {"arrayValue": {"values": [inner]}}
    span = {"traceId": TRACE, "spanId": SPAN, "attributes": [{"key": "k", "value": inner}]}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    with pytest.raises(InvalidSpans, match="nested too deeply"):
        decode_json(body.encode())
    deep = request_with({})
    value = deep.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="k").value
    for _ in range(90):
        value = value.array_value.values.add()
    with pytest.raises(InvalidSpans):
        decode_protobuf(deep.SerializeToString())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"trace_id": b""}, "the trace id of span 'step' is not 16 bytes"),
        ({"span_id": b""}, "the span id of span 'step' is not 8 bytes"),
        ({"span_id": b"123456789"}, "the span id of span 'step' is not 8 bytes"),
        ({"parent_span_id": b"123456789"}, "the parent's id of span 'step' is not 8 bytes"),
        ({"start_time_unix_nano": 1 << 63}, "the times of span 'step' are out of range"),
    ],
    ids=["no trace", "no id", "long id", "long parent", "time"],
)
def test_a_span_that_cannot_be_kept_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpan, match=words):
        decode_protobuf(request_with({}, **fields).SerializeToString())


def test_an_export_of_too_many_spans_is_refused() -> None:
    request = request_with({})
    spans = request.resource_spans[0].scope_spans[0].spans
    spans.extend([spans[0]] * 20_000)
    with pytest.raises(InvalidSpans, match="more than 20000 spans"):
        decode_protobuf(request.SerializeToString())


def test_a_refusal_is_a_status_in_either_encoding() -> None:
    assert json.loads(status_json("why", 5)) == {"code": 5, "message": "why"}
    assert status_protobuf("é" * 100) == b"\x08\x03\x12\xc8\x01" + "é".encode() * 100
