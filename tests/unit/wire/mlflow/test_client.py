import math

import pytest

from dovetail.wire import http, mlflow

RUN = {"run": {"info": {"run_id": "r1", "experiment_id": "1", "start_time": "12"}}}
VERSION = {"model_version": {"name": "flights", "version": "3", "aliases": ["champion"]}}
NONE = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such thing"}


@pytest.fixture
def client(script):
    with mlflow.Client(script.url) as opened:
        yield opened


def test_a_get_carries_its_message_in_the_query(client, script):
    script.say(VERSION)
    version = client.get_alias("fl/ights", "champion")
    assert version == mlflow.ModelVersion(name="flights", version="3", aliases=("champion",))
    assert (script.last.method, script.last.path) == (
        "GET",
        "/api/2.0/mlflow/registered-models/alias",
    )
    assert script.last.query == [("name", "fl/ights"), ("alias", "champion")]


def test_a_post_carries_its_message_in_the_body(client, script):
    script.say(RUN)
    run = client.create_run("1", name="first", start_time=12, tags={"a": "b"})
    assert run.info.start_time == 12
    assert script.last.path == "/api/2.0/mlflow/runs/create"
    assert script.last.headers["content-type"] == "application/json"
    assert script.last.json == {
        "experiment_id": "1",
        "run_name": "first",
        "start_time": 12,
        "tags": [{"key": "a", "value": "b"}],
    }


def test_a_delete_carries_its_message_in_the_body(client, script):
    client.delete_alias("flights", "champion")
    assert script.last.method == "DELETE"
    assert script.last.json == {"name": "flights", "alias": "champion"}


def test_a_path_takes_fields_of_the_request(client, script):
    script.say({"model": {"info": {"model_id": "m/1", "experiment_id": "1", "name": "m"}}})
    found = client.call(mlflow.endpoints.GET_LOGGED_MODEL, mlflow.GetLoggedModel("m/1"))
    assert found.model.info.model_id == "m/1"
    assert script.last.path == "/api/2.0/mlflow/logged-models/m%2F1"


def test_what_does_not_exist_is_not_found(client, script):
    script.say(NONE, 404)
    with pytest.raises(http.NotFound) as caught:
        client.get_run("r9")
    assert caught.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_a_name_that_is_taken_is_a_conflict_though_mlflow_says_400(client, script):
    script.say({"error_code": "RESOURCE_ALREADY_EXISTS", "message": "taken"}, 400)
    with pytest.raises(http.Conflict):
        client.create_registered_model("flights")


def test_a_gate_that_says_no_is_refused(client, script):
    script.say({"error_code": "PERMISSION_DENIED", "message": "needs an approval"}, 403)
    with pytest.raises(http.Refused, match="needs an approval"):
        client.set_alias("flights", "champion", "4")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Registered model alias champion not found.", http.NotFound),
        ("Registered model alias name cannot be empty.", http.BadRequest),
    ],
)
def test_an_alias_that_is_not_there_is_not_found_though_mlflow_says_400(
    client, script, message, kind
):
    script.say({"error_code": "INVALID_PARAMETER_VALUE", "message": message}, 400)
    with pytest.raises(kind, match=message):
        client.get_alias("flights", "champion")


def test_ensure_experiment_creates_what_is_missing(client, script):
    script.say(NONE, 404)
    script.say({"experiment_id": "7"})
    assert client.ensure_experiment("flights") == "7"
    assert script.last.json == {"name": "flights"}


def test_a_search_goes_through_all_pages(client, script):
    script.say({"runs": [RUN["run"]] * 2, "next_page_token": "t2"})
    script.say({"runs": [RUN["run"]]})
    assert len(list(client.search_runs(["1"], filter="metrics.auc > 0.7"))) == 3
    assert script.calls[0].json["filter"] == "metrics.auc > 0.7"
    assert script.calls[1].json["page_token"] == "t2"


def test_a_search_stops_at_its_limit(client, script):
    script.say({"runs": [RUN["run"]] * 2, "next_page_token": "t2"})
    assert len(list(client.search_runs(["1"], limit=2))) == 2
    assert script.last.json["max_results"] == 2
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    ("call", "field", "item"),
    [
        (lambda c: c.search_experiments(), "experiments", {"experiment_id": "1", "name": "a"}),
        (lambda c: c.search_registered_models(), "registered_models", {"name": "a"}),
        (lambda c: c.search_model_versions(), "model_versions", VERSION["model_version"]),
        (
            lambda c: c.get_metric_history("r1", "auc"),
            "metrics",
            {"key": "auc", "value": "NaN", "timestamp": "1"},
        ),
    ],
    ids=["experiments", "models", "versions", "history"],
)
def test_every_listing_follows_its_page_tokens(client, script, call, field, item):
    script.say({field: [item], "next_page_token": "t2"})
    script.say({field: [item]})
    assert len(list(call(client))) == 2
    assert "t2" in str(script.last.query) + script.last.body.decode()


def test_a_batch_is_cut_by_mlflows_limits(client, script):
    client.log_batch(
        "r1",
        metrics=[mlflow.Metric("loss", float(i), i, i) for i in range(1700)],
        params={f"p{i}": "x" for i in range(150)},
    )
    sent = [call.json for call in script.calls]
    assert [len(part.get("metrics", [])) for part in sent] == [800, 800, 100]
    assert [len(part.get("params", [])) for part in sent] == [100, 50, 0]
    assert [m["step"] for part in sent for m in part["metrics"]] == list(range(1700))


def test_a_batch_of_nothing_asks_nothing(client, script):
    client.log_batch("r1")
    assert script.calls == []


def test_a_metric_may_be_nan(client, script):
    client.log_metric("r1", "loss", math.nan, step=3, timestamp=9)
    assert script.last.json == {
        "run_id": "r1",
        "key": "loss",
        "value": "NaN",
        "timestamp": 9,
        "step": 3,
    }


def test_the_small_calls_say_what_they_mean(client, script):
    script.say({"run_info": {"run_id": "r1", "status": "FINISHED"}})
    assert client.update_run("r1", end_time=5).status == "FINISHED"
    client.set_tag("r1", "k", "v")
    script.say(VERSION)
    client.create_model_version("flights", "runs:/r1/model", run_id="r1", tags={"k": "v"})
    script.say(VERSION)
    client.get_model_version("flights", "3")
    script.say(VERSION)
    client.update_model_version("flights", "3", "good")
    client.set_model_version_tag("flights", "3", "k", "v")
    script.say({"artifact_uri": "mlflow-artifacts:/1/r1/artifacts/model"})
    uri = client.get_download_uri("flights", "3")
    assert mlflow.proxy_path(uri) == "1/r1/artifacts/model"
    script.say(
        {
            "registered_model": {
                "name": "flights",
                "aliases": [{"alias": "champion", "version": "3"}],
            }
        }
    )
    model = client.get_registered_model("flights")
    assert model.aliases == (mlflow.Alias("champion", "3"),)
    assert [(call.method, call.path.removeprefix("/api/2.0/mlflow")) for call in script.calls] == [
        ("POST", "/runs/update"),
        ("POST", "/runs/set-tag"),
        ("POST", "/model-versions/create"),
        ("GET", "/model-versions/get"),
        ("PATCH", "/model-versions/update"),
        ("POST", "/model-versions/set-tag"),
        ("GET", "/model-versions/get-download-uri"),
        ("GET", "/registered-models/get"),
    ]


def test_artifacts_go_through_the_proxy(client, script):
    client.put_artifact("1/r 1/model.onnx", b"bytes")
    assert script.last.path == "/api/2.0/mlflow-artifacts/artifacts/1/r%201/model.onnx"
    assert script.last.body == b"bytes"
    script.say(b"\x00\x01")
    assert client.get_artifact("1/r1/model.onnx") == b"\x00\x01"
    script.say(b"x" * 3_000_000)
    assert sum(map(len, client.iter_artifact("big"))) == 3_000_000
    script.say({"files": [{"path": "model.onnx", "is_dir": False, "file_size": "2"}]})
    assert client.list_artifacts("1/r1/") == (mlflow.FileInfo(path="model.onnx", file_size=2),)
    assert script.last.query == [("path", "1/r1")]
    script.say({"root_uri": "mlflow-artifacts:/1/r1/artifacts"})
    assert client.list_run_artifacts("r1").files == ()


def test_the_server_says_who_it_is(client, script):
    script.say(b"3.17.2\n")
    assert client.version() == "3.17.2"
    script.say({"store_type": "SqlStore", "features_enabled": {}})
    assert client.server_info().store_type == "SqlStore"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("mlflow-artifacts:/1/r/artifacts", "1/r/artifacts"),
        ("mlflow-artifacts://host:5000/1/r/artifacts/", "1/r/artifacts"),
        ("mlflow-artifacts:///1/r", "1/r"),
    ],
)
def test_a_proxied_uri_becomes_a_path(uri, path):
    assert mlflow.proxy_path(uri) == path


def test_another_uri_is_not_behind_the_proxy():
    with pytest.raises(http.BadAnswer, match="not behind the artifact proxy"):
        mlflow.proxy_path("s3://bucket/x")
