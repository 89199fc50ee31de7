import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.wire import mlflow
from dovetail.wire.mlflow import codec

KEYS = st.text(min_size=1, max_size=8)
INT64 = st.integers(-(2**63), 2**63 - 1)
METRICS = st.builds(
    mlflow.Metric,
    key=KEYS,
    value=st.floats(),
    timestamp=INT64,
    step=INT64,
    run_id=st.none() | KEYS,
)
TAGS = st.lists(st.builds(mlflow.Tag, KEYS, st.text(max_size=12)), max_size=3).map(tuple)
BATCHES = st.builds(
    mlflow.LogBatch, run_id=KEYS, metrics=st.lists(METRICS, max_size=4).map(tuple), tags=TAGS
)
SEARCHES = st.builds(
    mlflow.SearchExperiments,
    max_results=st.integers(1, 50_000),
    filter=st.none() | KEYS,
    order_by=st.lists(KEYS, max_size=3).map(tuple),
    view_type=st.sampled_from(["ACTIVE_ONLY", "ALL"]),
)


def same(left: object, right: object) -> bool:
    return repr(left) == repr(right)  # NaN is not equal to itself


@given(BATCHES)
def test_a_batch_survives_the_wire(batch):
    assert same(codec.decode(codec.encode(batch), mlflow.LogBatch), batch)


@given(SEARCHES)
def test_a_search_survives_the_query_string(search):
    assert codec.from_query(codec.to_query(search), mlflow.SearchExperiments) == search


@pytest.mark.parametrize(
    ("value", "spelled"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (0.5, 0.5)],
)
def test_a_number_is_spelled_as_protobuf_spells_it(value, spelled):
    sent = msgspec.json.decode(codec.encode(mlflow.Metric("loss", value, 7)))
    assert sent == {"key": "loss", "value": spelled, "timestamp": 7, "step": 0}


def test_the_word_null_in_a_value_changes_nothing():
    batch = mlflow.LogBatch(
        run_id="r",
        metrics=(mlflow.Metric("a", 1.5, 1), mlflow.Metric("b", math.nan, 1)),
        params=(mlflow.Param("p", '{"value":null}'), mlflow.Param("q", "NaN")),
    )
    assert same(codec.decode(codec.encode(batch), mlflow.LogBatch), batch)


def test_a_search_for_experiments_always_says_how_many():
    assert codec.encode(mlflow.SearchExperiments()) == b'{"max_results":1000}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"run_id":"r","key":"k","value":1.0,"timestamp":5,"step":2}',
        b'{"run_id":"r","key":"k","value":"1","timestamp":"5","step":"2"}',
        b'{"run_uuid":"r","key":"k","value":1,"timestamp":5.0,"step":2,"model_id":null}',
        b'"{\\"run_id\\":\\"r\\",\\"key\\":\\"k\\",\\"value\\":1,\\"timestamp\\":5,\\"step\\":2}"',
    ],
    ids=["numbers", "text", "old-name", "quoted"],
)
def test_a_request_is_read_as_clients_write_it(body):
    request = codec.decode(body, mlflow.LogMetric)
    assert (request.run, request.key, request.value) == ("r", "k", 1.0)
    assert (request.timestamp, request.step) == (5, 2)


SEE = " See the API docs for more information about request parameters."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", f"Missing value for required parameter 'key'.{SEE}"),
        (
            b'{"key":null,"value":1,"timestamp":1}',
            f"Missing value for required parameter 'key'.{SEE}",
        ),
        (
            b'{"key":5,"value":1,"timestamp":1}',
            f"Invalid value 5 for parameter 'key' supplied:  Hint: Value was of type 'int'.{SEE}",
        ),
        (
            b'{"key":"k","value":"x","timestamp":1}',
            "Invalid value \"x\" for parameter 'value' supplied:  Hint: Value was of type 'str'."
            f"{SEE}",
        ),
        (b"[]", f"Invalid request: Expected `object`, got `array`.{SEE}"),
        (b"{", "The request body is not JSON: Input data was truncated"),
    ],
    ids=["empty", "null", "type", "number", "list", "broken"],
)
def test_a_request_at_fault_is_refused_in_mlflows_words(body, message):
    with pytest.raises(mlflow.InvalidRequest) as caught:
        codec.decode(body, mlflow.LogMetric)
    assert caught.value.message == message
    assert caught.value.code is mlflow.ErrorCode.INVALID_PARAMETER_VALUE
    assert caught.value.code.status == 400


def test_enumerations_may_come_as_protobufs_numbers():
    assert codec.decode(b'{"run_view_type": 3}', mlflow.SearchRuns).run_view_type == "ALL"
    assert codec.decode(b'{"run_id": "r", "status": 3}', mlflow.UpdateRun).status == "FINISHED"
    assert codec.from_query([("view_type", "2")], mlflow.SearchExperiments).view_type == (
        "DELETED_ONLY"
    )
    with pytest.raises(mlflow.InvalidRequest, match="Invalid value 9 for parameter 'run_view"):
        codec.decode(b'{"run_view_type": 9}', mlflow.SearchRuns)


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, str(1 << 63)])
def test_a_number_of_more_than_64_bits_is_refused(number):
    body = json.dumps({"run_id": "r", "key": "k", "value": 1, "timestamp": number}).encode()
    with pytest.raises(mlflow.InvalidRequest, match="for parameter 'timestamp' supplied"):
        codec.decode(body, mlflow.LogMetric)


def test_a_value_too_long_to_show_is_cut():
    body = json.dumps({"key": ["x" * 1000], "value": 1, "timestamp": 1}).encode()
    with pytest.raises(mlflow.InvalidRequest) as caught:
        codec.decode(body, mlflow.LogMetric)
    assert len(caught.value.message) < 450


def test_a_missing_field_of_an_item_is_named_with_its_place():
    with pytest.raises(mlflow.InvalidRequest, match=r"parameter 'metrics\[0\]\.value'"):
        codec.decode(b'{"run_id":"r","metrics":[{"key":"k","timestamp":1}]}', mlflow.LogBatch)


def test_a_query_takes_path_fields_repeated_keys_and_the_first_of_single_ones():
    pairs = [("model_id", "wrong"), ("path", "a"), ("path", "b"), ("unknown", "x")]
    request = codec.from_query(pairs, mlflow.ListLoggedModelArtifacts, {"model_id": "m-1"})
    assert request == mlflow.ListLoggedModelArtifacts(model_id="m-1")
    found = codec.from_query(
        [("run_ids", "a"), ("run_ids", "b"), ("metric_key", "k")],
        mlflow.GetMetricHistoryBulkInterval,
    )
    assert found.run_ids == ("a", "b")


def test_a_query_without_a_required_key_is_refused():
    with pytest.raises(mlflow.InvalidRequest, match="Missing value for required parameter 'name'"):
        codec.from_query([("version", "1")], mlflow.GetModelVersion)


def test_every_error_code_has_a_status():
    assert all(400 <= code.status < 600 for code in mlflow.ErrorCode)
    assert set(mlflow.HTTP_STATUS) == set(mlflow.ErrorCode)


def test_every_endpoint_is_in_the_table_once():
    pairs = [(entry.method, entry.path) for entry in mlflow.ENDPOINTS]
    assert len(set(pairs)) == len(pairs) >= 64
    assert all(entry.reads for entry in mlflow.ENDPOINTS if entry.method == "GET")
