"""What Triton's config.pbtxt says is kept, or refused, or named as ignored."""

import httpx
import numpy as np
import pytest
from tests.unit.serving.layouts.conftest import adder

from dovetail.serving.layouts import triton
from dovetail.serving.layouts.card import Batching


def read(folder, config, **versions):
    folder.triton("m", config, **(versions or {"v1": 1}))
    return triton.read(folder.root / "m", folder.root)


def test_batching_is_handed_on(folder):
    (placed,) = read(
        folder,
        """
        max_batch_size: 32
        dynamic_batching {
          max_queue_delay_microseconds: 500
          default_queue_policy { max_queue_size: 7 default_timeout_microseconds: 2000000 }
        }""",
    )
    assert placed.card.batching == Batching(batch_rows=32, delay_s=5e-4, queue=7, timeout_s=2.0)
    assert placed.ignored == ()


def test_what_has_no_meaning_here_is_named(folder):
    (placed,) = read(
        folder,
        """
        instance_group [ { count: 2 kind: KIND_CPU } ]
        optimization { graph { level: 1 } }
        input { name: "x" data_type: TYPE_FP32 dims: [ -1, 3 ] format: FORMAT_NONE }
        dynamic_batching { preserve_ordering: true preferred_batch_size: [ 4 ] }
        parameters { key: "intra_op_thread_count" value { string_value: "4" } }
        a_field_of_next_year: 1""",
    )
    assert placed.ignored == (
        "a_field_of_next_year",
        "dynamic_batching.preferred_batch_size",
        "dynamic_batching.preserve_ordering",
        "input.format",
        "instance_group",
        "optimization",
        "parameters.intra_op_thread_count",
    )


REFUSED = {
    "ensemble": ("ensemble_scheduling { step { } }", "it is an ensemble"),
    "sequence": ("sequence_batching { }", "keeps state between requests"),
    "decoupled": ("model_transaction_policy { decoupled: true }", "many"),
    "name": ('name: "other"', "names the model 'other'"),
    "versions": ("version_policy { specific { versions: 7 } }", "not there: 7"),
    "file": ('default_model_filename: "../x.onnx"', "not a file's name"),
    "type": ('input { name: "x" data_type: TYPE_FP8 }', "is FP8"),
    "bf16": ('input { name: "x" data_type: TYPE_BF16 }', "is BF16"),
    "syntax": ("input {", "ends where"),
}


@pytest.mark.parametrize(("config", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_would_change_answers_is_refused(folder, serve, config, why):
    folder.triton("m", config, v1=1)
    folder.triton("other", v1=2)
    with serve() as client:
        state, reason = client.states()["m", ""]
        assert state == "UNAVAILABLE"
        assert why in reason
        assert client.added("other") == ("1", 2)


def test_a_backend_that_is_not_here_is_refused(folder, serve):
    folder.triton("m", None, v1=1)
    folder.put("m/config.pbtxt", 'backend: "tensorrt"')
    with serve() as client:
        assert "'tensorrt' is not here" in client.states()["m", ""][1]


def test_types_and_shapes_are_declared_and_checked_against_the_model(folder, serve):
    folder.triton(
        "good",
        """max_batch_size: 8
        input { name: "x" data_type: TYPE_FP32 dims: [ 3 ] }
        output { name: "y" data_type: TYPE_FP64 dims: [ 3 ] }""",
        v1=1,
    )
    folder.triton("wide", 'input { name: "x" data_type: TYPE_FP32 dims: [ -1, 4 ] }', v1=1)
    folder.triton(
        "named",
        'output { name: "z" data_type: TYPE_FP32 dims: [ -1, 3 ] }'
        'output { name: "y" data_type: TYPE_FP32 dims: [ -1, 3 ] }',
        v1=1,
    )
    with serve() as client:
        said = client.get("/v2/models/good").json()
        assert said["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
        assert said["outputs"] == [{"name": "y", "datatype": "FP64", "shape": [-1, 3]}]
        assert client.added("good") == ("1", 1)
        states = client.states()
        assert "declared with 4 features, the model takes 3" in states["wide", "1"][1]
        assert "the model's are: y" in states["named", "1"][1]


def test_reshape_stands_between_client_and_model(folder, serve):
    folder.triton(
        "m",
        'max_batch_size: 8 input { name: "x" data_type: TYPE_FP32 dims: [ 3, 1 ] '
        "reshape { shape: [ 3 ] } }",
        v1=1,
    )
    with serve() as client:
        tensor = {"name": "x", "shape": [2, 3, 1], "datatype": "FP32", "data": [0] * 6}
        answer = client.post("/v2/models/m/infer", {"inputs": [tensor]}).json()
        assert answer["outputs"][0]["shape"] == [2, 3]
        tensor.update(shape=[2, 2, 1], data=[0] * 4)
        refused = client.post("/v2/models/m/infer", {"inputs": [tensor]})
        assert refused.status_code == 400
        assert "the model takes it as [-1, 3]" in refused.json()["error"]


FOREST = """
backend: "fil"
max_batch_size: 100
input { name: "input__0" data_type: TYPE_FP32 dims: [ 4 ] }
output { name: "output__0" data_type: TYPE_FP32 dims: [ %d ] }
parameters { key: "model_type" value { string_value: "lightgbm" } }
parameters { key: "output_class" value { string_value: "%s" } }
parameters { key: "predict_proba" value { string_value: "%s" } }
parameters { key: "threshold" value { string_value: "0.6" } }
"""


@pytest.mark.parametrize(
    ("classes", "proba", "width"),
    [("false", "false", 1), ("true", "false", 1), ("true", "true", 2)],
    ids=["value", "class", "probabilities"],
)
def test_the_forest_backend_answers_as_tritons_does(
    folder, serve, model_file, classes, proba, width
):
    import lightgbm

    folder.put("m/config.pbtxt", FOREST % (width, classes, proba))
    folder.put("m/1/model.txt", model_file.read_text())
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    chance = lightgbm.Booster(model_file=str(model_file)).predict(rows)
    expected = {
        ("false", "false"): chance[:, None],
        ("true", "false"): (chance > 0.6).astype(float)[:, None],
        ("true", "true"): np.stack([1 - chance, chance], 1),
    }[classes, proba]
    with serve() as client:
        tensor = {"name": "input__0", "shape": [20, 4], "datatype": "FP32", "data": rows.tolist()}
        answer = client.post("/v2/models/m/infer", {"inputs": [tensor]})
        assert answer.status_code == 200, answer.text
        (output,) = answer.json()["outputs"]
        assert (output["name"], output["datatype"]) == ("output__0", "FP32")
        assert output["shape"] == [20, width]
        np.testing.assert_allclose(np.reshape(output["data"], (20, width)), expected, rtol=1e-6)


@pytest.mark.parametrize("wrapper", [False, True], ids=["booster", "classifier"])
@pytest.mark.parametrize(
    ("classes", "proba"), [("false", "false"), ("true", "false"), ("true", "true")]
)
def test_the_forest_backend_reads_xgboost_in_both_of_its_shapes(
    folder, serve, tmp_path, wrapper, classes, proba
):
    xgboost = pytest.importorskip("xgboost")
    rows = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    label = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    if wrapper:
        model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(rows, label)
        chance = model.predict_proba(rows)[:, 1]
    else:
        model = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, label), 5)
        chance = model.predict(xgboost.DMatrix(rows))
    model.save_model(tmp_path / "xgboost.json")
    text = FOREST % (1, classes, proba)
    text = text.replace('"lightgbm"', '"xgboost_json"')
    folder.put("m/config.pbtxt", text[: text.index("output {")] + text[text.index("parameters") :])
    folder.put("m/1/xgboost.json", (tmp_path / "xgboost.json").read_text())
    expected = {
        ("false", "false"): chance[:, None],
        ("true", "false"): (chance > 0.6).astype(float),
        ("true", "true"): np.stack([1 - chance, chance], 1),
    }[classes, proba]
    with serve() as client:
        tensor = {"name": "input__0", "shape": [200, 4], "datatype": "FP32", "data": rows.tolist()}
        answer = client.post("/v2/models/m/infer", {"inputs": [tensor]})
        assert answer.status_code == 200, answer.text
        (output,) = answer.json()["outputs"]
        assert output["name"] == "output__0"
        found = np.reshape(output["data"], output["shape"])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_tritons_own_client_loads_lists_and_asks(folder, serve):
    http = pytest.importorskip("tritonclient.http")
    folder.triton("m", "version_policy { all { } }", v1=1, v2=2)
    with serve(repository_loads=False) as client:
        triton_client = http.InferenceServerClient(client.url.removeprefix("http://"))
        triton_client.load_model("m")
        assert triton_client.is_model_ready("m", "2")
        tensor = http.InferInput("x", [1, 3], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 3), np.float32))
        assert triton_client.infer("m", [tensor]).as_numpy("y").tolist() == [[2, 2, 2]]
        assert triton_client.infer("m", [tensor], "1").as_numpy("y").tolist() == [[1, 1, 1]]
        triton_client.unload_model("m")
        states = {
            (e["name"], e["version"]): e["state"]
            for e in triton_client.get_model_repository_index()
        }
        assert states == {("m", "1"): "UNAVAILABLE", ("m", "2"): "UNAVAILABLE"}
        triton_client.close()


def test_models_without_a_configuration_are_served_by_their_files(folder, serve, model_file):
    folder.put("a/3/model.onnx", adder(3))
    folder.put("b/1/model.txt", model_file.read_text())
    folder.put("c/1/odd-name.onnx", adder(4))
    with serve() as client:
        assert client.added("a") == ("3", 3)
        assert client.added("c") == ("1", 4)
        assert httpx.get(f"{client.url}/v2/models/b").json()["platform"].startswith("onnx")
        assert client.states()["b", "1"] == ("READY", "")
