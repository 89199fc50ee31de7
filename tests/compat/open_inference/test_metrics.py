"""A dashboard made for MLServer finds the same metrics here: names, types, labels, routes."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

PREFIXES = ("model_infer_", "rest_server_", "grpc_server_")
# py-grpc-prometheus registers it for old names; MLServer never fills it.
UNUSED = {"grpc_server_handled_latency_seconds"}


def families(target):
    row = {"name": "input", "shape": [1, 5], "datatype": "FP64", "data": [0.0] * 5}
    for path in ("/v2/models/late/infer", "/v2/models/late/versions/1/infer"):
        answer = httpx.post(target.url + path, json={"inputs": [row]}, trust_env=False)
        assert answer.status_code == 200
    for path in ("/v2", "/v2/models/late", "/v2/models/late/versions/1/ready"):
        assert httpx.get(target.url + path, trust_env=False).status_code == 200
    assert (
        httpx.post(f"{target.url}/v2/repository/index", json={}, trust_env=False).status_code == 200
    )
    text = httpx.get(target.metrics, trust_env=False).text
    return {
        family.name: family
        for family in text_string_to_metric_families(text)
        if family.name.startswith(PREFIXES) and not family.name.endswith("_created")
    }


def labels(family):
    return {key for sample in family.samples for key in sample.labels}


def routes(family):
    return {
        tuple(sample.labels[key] for key in ("method", "path", "status_code", "app_name"))
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["status_code"] == "200"
    }


def test_metrics_have_the_names_types_and_labels_of_mlservers(dovetail_target, mlserver_target):
    ours, theirs = families(dovetail_target), families(mlserver_target)
    assert set(theirs) - UNUSED <= set(ours)
    for name in set(theirs) - UNUSED:
        assert ours[name].type == theirs[name].type, name
        assert labels(theirs[name]) <= labels(ours[name]), name
        suffixes = {sample.name for sample in theirs[name].samples}
        assert {s for s in suffixes if not s.endswith("_created")} <= {
            sample.name for sample in ours[name].samples
        }
    assert routes(theirs["rest_server_requests"]) <= routes(ours["rest_server_requests"])


def test_histograms_have_the_same_buckets(dovetail_target, mlserver_target):
    name = "rest_server_request_duration_seconds"
    bounds = [
        {s.labels["le"] for s in families(target)[name].samples if s.name.endswith("_bucket")}
        for target in (dovetail_target, mlserver_target)
    ]
    assert bounds[0] == bounds[1]
