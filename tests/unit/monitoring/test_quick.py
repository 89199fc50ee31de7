"""The short way of reading an event gives what the long way gives, or leaves the event to it."""

import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.monitoring import intake
from dovetail.monitoring.errors import EventInvalidError
from dovetail.monitoring.quick import read_quick

NOW = 1_700_000_000_000
KIND = "org.kubeflow.serving.inference."
HEAD = {
    "host": "localhost:8080",
    "user-agent": "Go-http-client/1.1",
    "ce-specversion": "1.0",
    "ce-source": "http://localhost:9081/",
    "ce-inferenceservicename": "iris",
    "ce-namespace": "default",
    "ce-component": "predictor",
    "ce-endpoint": "",
    "ce-id": "0b3f9c1e",
    "ce-time": "2026-04-01T06:00:00.123456789Z",
    "content-type": "application/json",
}


def tensor(data, shape, datatype="FP64", name="x"):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def both(kind: str, body: object, **head: str | None):
    """What the short and the long way make of an event; errors as their text."""
    said = {**HEAD, "ce-type": KIND + kind, **{k.replace("_", "-"): v for k, v in head.items()}}
    said = {name: value for name, value in said.items() if value is not None}
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in said.items()]
    try:
        items = intake.read(intake.decode(said, content), NOW)
        long = items[0] if items else None
    except EventInvalidError as error:
        long = error.what
    return read_quick(pairs, content), long


ASKED = {"inputs": [tensor([1.5, 2, -3e5, 0.1], [2, 2])]}
ANSWERED = {"model_name": "x", "model_version": "7", "outputs": [tensor([0.25, 1], [2])]}
USUAL = {
    "one tensor": ("request", ASKED, {}),
    "single precision": ("request", {"inputs": [tensor([0.1, 2, 3], [1, 3], "FP32")]}, {}),
    "nested whole numbers": ("request", {"inputs": [tensor([2**60, 1], [1, 2], "INT64")]}, {}),
    "a row of tensors": (
        "request",
        {"inputs": [tensor([1], [1], "INT64", "a"), tensor([0.1], [1, 1], "FP32", "b")]},
        {},
    ),
    "names": ("request", {**ASKED, "parameters": {"columns": ["größe", 3]}}, {}),
    "a shadow": ("request", {**ASKED, "parameters": {"role": "shadow"}}, {}),
    "a shadow by header": ("response", ANSWERED, {"ce_inferencerole": "shadow"}),
    "version by header": (
        "response",
        {"outputs": [tensor([0.5], [1])]},
        {"ce_modelversion": "v2"},
    ),
    "a class before": (
        "response",
        {"outputs": [tensor([1], [1], "INT64", "c"), tensor([0.5], [1, 1])]},
        {},
    ),
    "probabilities of classes": (
        "response",
        {"outputs": [tensor([0.1, 0.2, 0.7], [1, 3], "FP32", "p")]},
        {},
    ),
    "foreign headers": ("response", ANSWERED, {"x_request_id": "a", "ce_knativearrivaltime": "b"}),
    "another time zone": ("response", ANSWERED, {"ce_time": "2026-04-01T06:00:00+02:00"}),
    "another media type": ("response", ANSWERED, {"content_type": "application/octet-stream"}),
}
UNUSUAL = {
    "texts": ("request", {"inputs": [tensor(["a"], [1], "BYTES")]}, {}),
    "null": ("request", {"inputs": [tensor([None, 1], [1, 2])]}, {}),
    "nested lists": ("request", {"inputs": [tensor([[1, 2]], [1, 2])]}, {}),
    "no data": ("request", {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}]}, {}),
    "too large for its type": ("request", {"inputs": [tensor([1e39], [1, 1], "FP32")]}, {}),
    "columns that do not fit": ("request", {**ASKED, "parameters": {"columns": ["a"]}}, {}),
    "time of the event": ("request", {**ASKED, "parameters": {"event_time": "2013-04-01"}}, {}),
    "no tensors": ("request", {"inputs": []}, {}),
    "older bodies": ("request", {"instances": [[1, 2]]}, {}),
    "both kinds of bodies": ("request", {**ASKED, "instances": [[1.0, 2.0]]}, {}),
    "no shape": ("response", {"outputs": [tensor([1], [])]}, {}),
    "wrong shape": ("response", {"outputs": [tensor([1, 2], [3])]}, {}),
    "negative shape": ("response", {"outputs": [tensor([1, 2], [-1])]}, {}),
    "no probabilities": ("response", {"outputs": [tensor([3, 1, 2], [1, 3])]}, {}),
    "two classes": ("response", {"outputs": [tensor([0.1, 0.9], [1, 2])]}, {}),
    "a version that is a number": ("response", {**ANSWERED, "model_version": 7}, {}),
    "a test's role": ("response", ANSWERED, {"ce_inferencerole": "canary"}),
    "quoted": ("response", ANSWERED, {"ce_id": "a%20b"}),
    "a name that is no ASCII": ("response", ANSWERED, {"ce_id": "größe"}),
    "no id": ("response", ANSWERED, {"ce_id": None}),
    "an empty id": ("response", ANSWERED, {"ce_id": ""}),
    "no source": ("response", ANSWERED, {"ce_source": ""}),
    "no time": ("response", ANSWERED, {"ce_time": None}),
    "no time zone": ("response", ANSWERED, {"ce_time": "2026-04-01T06:00:00"}),
    "no model by header": ("response", ANSWERED, {"ce_inferenceservicename": None}),
    "a newer standard": ("response", ANSWERED, {"ce_specversion": "2.0"}),
    "an odd attribute": ("response", ANSWERED, {"ce_foo_bar": "x"}),
    "an attribute named data": ("response", ANSWERED, {"ce_data": "x"}),
    "structured": ("response", ANSWERED, {"content_type": "application/cloudevents+json"}),
    "cut off": ("response", b'{"outputs": [', {}),
    "deep": ("response", b'{"outputs":' + b"[" * 5000, {}),
    "a NUL in the version": ("response", {**ANSWERED, "model_version": "a\0"}, {}),
}


@pytest.mark.parametrize("name", USUAL)
def test_the_usual_is_read_the_short_way_as_the_long_way_reads_it(name):
    kind, body, head = USUAL[name]
    quick, long = both(kind, body, **head)
    assert quick is not None
    assert quick == long


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_unusual_is_left_to_the_long_way(name):
    kind, body, head = UNUSUAL[name]
    assert both(kind, body, **head)[0] is None


numbers = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70))
values = st.lists(st.one_of(numbers, st.none(), st.text(max_size=2)), max_size=6)
plain = st.lists(numbers, max_size=6)
tensors = st.builds(
    tensor,
    st.one_of(plain, plain, values),
    st.lists(st.integers(-1, 4), max_size=3),
    st.sampled_from(["FP64", "FP32", "INT64", "BOOL", "BYTES", ""]),
    st.sampled_from(["a", "b"]),
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(tensors, max_size=3),
        "outputs": st.lists(tensors, max_size=3),
        "instances": values,
        "predictions": values,
        "model_version": st.sampled_from(["", "1", None]),
        "parameters": st.sampled_from([None, {}, {"role": "shadow"}, {"columns": ["p", "q"]}]),
    },
)


@settings(max_examples=400, deadline=None)
@given(kind=st.sampled_from(["request", "response"]), body=bodies)
def test_where_both_ways_read_an_event_they_read_the_same(kind, body):
    quick, long = both(kind, body)
    assert quick is None or quick == long


def test_what_is_packed_is_what_was_said():
    quick, _ = both("request", ASKED)
    assert quick.inference.features.data == struct.pack("<4d", 1.5, 2, -3e5, 0.1)
