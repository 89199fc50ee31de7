"""What Prometheus is shown: right numbers, and a bounded number of series."""

import gc

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

ROW = {"name": "x", "shape": [2, 4], "datatype": "FP64", "data": [0.5, -1, 3, 0.25] * 2}
BODY = {"inputs": [ROW]}


@pytest.fixture
def client(run, model_file):
    with run(f"seen={model_file}") as server, httpx.Client(base_url=server.url) as client:
        yield client


def samples(client):
    found = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(found, name, **labels):
    return found.get((name, tuple(sorted(labels.items()))), 0)


SEEN = {"model": "seen", "version": "1"}
POST = {"method": "POST", "path": "/v2/models/{model_name}/infer", "app_name": "mlserver"}


def test_requests_are_counted_by_model_and_by_route(client):
    before = samples(client)
    for _ in range(3):
        assert client.post("/v2/models/seen/infer", json=BODY).status_code == 200
    assert client.post("/v2/models/seen/infer", json={"inputs": [{}]}).status_code == 400
    after = samples(client)

    def more(name, **labels):
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("model_infer_request_success_total", **SEEN) == 3
    assert more("model_infer_request_failure_total", **SEEN) == 1
    assert more("model_infer_request_duration_count", **SEEN) == 4
    assert 0 < more("model_infer_request_duration_sum", **SEEN) < 5
    assert more("dovetail_serving_rows_total", **SEEN) == 6
    assert more("dovetail_serving_executions_total", **SEEN) == 3
    assert more("dovetail_serving_request_seconds_count", **SEEN) == 3
    assert more("dovetail_serving_request_seconds_bucket", **SEEN, le="+Inf") == 3
    assert value(after, "dovetail_serving_requests_in_flight", **SEEN) == 0
    assert more("rest_server_requests_total", **POST, status_code="200") == 3
    assert more("rest_server_requests_total", **POST, status_code="400") == 1
    assert more("rest_server_request_duration_seconds_count", **POST, status_code="200") == 3
    assert ("rest_server_requests_in_progress", (("app_name", "mlserver"), ("method", "POST"))) in (
        after
    )


def test_calls_over_grpc_are_counted_as_py_grpc_prometheus_does(run, model_file, free_port):
    tritonclient = pytest.importorskip("tritonclient.grpc")
    port = free_port()
    kind = {"grpc_type": "UNARY", "grpc_service": "inference.GRPCInferenceService"}
    with (
        run(f"seen={model_file}", grpc_port=port) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        before = samples(client)
        calls = tritonclient.InferenceServerClient(f"127.0.0.1:{port}")
        for name in ("seen", "made-up"):
            assert calls.is_model_ready(name) == (name == "seen")
        with pytest.raises(tritonclient.InferenceServerException):
            calls.get_model_metadata("made-up")
        calls.close()
        after = samples(client)

    def more(name, **labels):
        return value(after, name, **kind, **labels) - value(before, name, **kind, **labels)

    assert more("grpc_server_started_total", grpc_method="ModelReady") == 2
    ready = {"grpc_method": "ModelReady", "grpc_code": "OK"}
    assert more("grpc_server_handled_total", **ready) == 2
    unknown = {"grpc_method": "ModelMetadata", "grpc_code": "NOT_FOUND"}
    assert more("grpc_server_handled_total", **unknown) == 1
    assert more("grpc_server_handling_seconds_count", grpc_method="ModelMetadata") == 1
    assert not [key for key in after if "made-up" in str(key)]


def test_many_metrics_travel_packed(client):
    answer = client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "dovetail_serving_request_seconds_bucket" in answer.text


def test_which_form_serves_is_a_series(client):
    found = samples(client)
    labels = {**SEEN, "serves": "onnxruntime_onnx", "original": "lightgbm_text", "compiled": "true"}
    assert value(found, "dovetail_serving_model_info", **labels) == 1
    assert value(found, "dovetail_serving_versions_loaded") >= 1


def test_what_a_client_makes_up_is_no_series(client):
    before = set(samples(client))
    for number in range(30):
        client.post(f"/v2/models/made-up-{number}/infer", json=BODY)
        client.post(f"/v2/models/seen/versions/{number + 2}/infer", json=BODY)
        client.get(f"/v2/models/seen/nothing-{number}")
    new = set(samples(client)) - before
    assert not [key for key in new if "made-up" in str(key) or "nothing-" in str(key)]
    assert not [key for key in new if dict(key[1]).get("version", "1") != "1"]
    statuses = {dict(labels).get("status_code") for _, labels in new}
    assert statuses <= {None, "404", "200"}


def test_series_go_with_their_version(run, model_file):
    with run(f"gone={model_file}") as server, httpx.Client(base_url=server.url) as client:
        client.post("/v2/models/gone/infer", json=BODY)
        assert any(("model", "gone") in labels for _, labels in samples(client))
        assert client.post("/v2/repository/models/gone/unload").status_code == 200
        gc.collect()
        assert not [key for key in samples(client) if ("model", "gone") in key[1]]


def test_statistics_have_batches_and_stages(run, model_file):
    with run(f"staged={model_file}") as server, httpx.Client(base_url=server.url) as client:
        client.post("/v2/models/staged/infer", json=BODY)
        found = client.get("/v2/models/staged/versions/1/stats").json()["model_stats"][0]
    stats = found["inference_stats"]
    assert stats["success"]["ns"] >= stats["compute_infer"]["ns"] > 0
    assert stats["compute_input"]["count"] == stats["compute_output"]["count"] == 1
    assert stats["queue"] == stats["cache_hit"] == stats["cache_miss"] == {"count": 0, "ns": 0}
    (batch,) = found["batch_stats"]
    assert batch["batch_size"] == 2
    assert batch["compute_infer"] == stats["compute_infer"]
    assert found["last_inference"] > 1_600_000_000_000


def test_the_configuration_is_tritons_message(client):
    tritonclient = pytest.importorskip("tritonclient.grpc")
    from google.protobuf import json_format

    answer = client.get("/v2/models/seen/config").json()
    found = json_format.ParseDict(answer, tritonclient.model_config_pb2.ModelConfig())
    assert found.version_policy.specific.versions == [1]
    assert found.input[0].dims == [-1, 4]
    assert found.input[0].data_type == tritonclient.model_config_pb2.TYPE_FP64
    assert found.instance_group[0].kind == 2  # KIND_CPU


def test_what_callers_do_wrong_does_not_count_against_a_canary(run, model_file, tmp_path):
    (tmp_path / "may").mkdir()
    copy = tmp_path / "may" / "late.txt"
    copy.write_bytes(model_file.read_bytes())
    with run(f"mixed={model_file}") as server, httpx.Client(base_url=server.url) as client:
        second = {"parameters": {"uri": str(copy), "version": "2"}}
        client.post("/v2/repository/models/mixed/load", json=second).raise_for_status()
        weights = {"weights": {"1": 90, "2": 10}}
        client.put("/v2/models/mixed/traffic", json=weights).raise_for_status()
        for _ in range(5):
            assert client.post("/v2/models/mixed/infer", json={"inputs": []}).status_code == 400
        found = samples(client)
    name = "model_infer_request_failure_total"
    assert value(found, name, model="mixed", version="1") == 5
    assert value(found, name, model="mixed", version="2") == 0
