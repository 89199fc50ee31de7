"""What MLServer's model-settings.json says is kept, or refused, or named as ignored."""

import json

import pytest
from tests.unit.serving.layouts.conftest import adder

from dovetail.serving.errors import BadModelError
from dovetail.serving.layouts import mlserver
from dovetail.serving.layouts.card import Batching, Declared


def read(folder, **settings):
    folder.mlserver("m", **settings)
    return mlserver.read(folder.root / "m", folder.root, ())


def test_all_that_has_a_meaning_is_read(folder):
    placed = read(
        folder,
        name="flights",
        platform="mine",
        max_batch_size=16,
        max_batch_time=0.5,
        parallel_workers=2,
        versions=["1"],
        inputs=[
            {
                "name": "x",
                "datatype": "FP32",
                "shape": [-1, 3],
                "parameters": {"content_type": "np"},
            }
        ],
        parameters={
            "uri": "./model.onnx",
            "version": "v2",
            "content_type": "np",
            "extra": {"a": 1},
            "environment_tarball": "./env.tar.gz",
        },
    )
    assert (placed.name, placed.version, placed.source.name) == ("flights", "v2", "model.onnx")
    assert placed.card.platform == "mine"
    assert placed.card.inputs == (Declared(name="x", datatype="FP32", shape=(-1, 3)),)
    assert placed.card.batching == Batching(batch_rows=16)
    assert placed.ignored == (
        "inputs.parameters",
        "max_batch_time",
        "parallel_workers",
        "parameters.content_type",
        "parameters.environment_tarball",
        "parameters.extra",
        "versions",
    )


def test_without_a_uri_the_usual_file_beside_the_settings_is_taken(folder):
    assert read(folder, parameters={}).source.name == "model.onnx"
    assert read(folder, parameters={"uri": "."}).source.name == "model.onnx"


REFUSED = {
    "outside": ({"parameters": {"uri": "../../secret.onnx"}}, "leads out of the repository"),
    "absolute": ({"parameters": {"uri": "/etc/passwd"}}, "leads out of the repository"),
    "remote": ({"parameters": {"uri": "s3://bucket/model"}}, "is not a path"),
    "nul": ({"parameters": {"uri": "a\0b"}}, "is not a path"),
    "uri type": ({"parameters": {"uri": 3}}, "is not a path"),
    "parameters": ({"parameters": []}, "are not an object"),
    "slash": ({"name": "../x"}, "cannot stand in a URL"),
    "control": ({"name": "a\nb"}, "cannot stand in a URL"),
    "long": ({"name": "x" * 300}, "300 characters"),
    "name type": ({"name": {"a": 1}}, "no name"),
    "version": ({"parameters": {"version": "a/b"}}, "cannot stand in a URL"),
    "inputs": ({"inputs": [{"name": "x"}]}, "not tensors of name, datatype and shape"),
    "inputs type": ({"inputs": {"name": "x"}}, "not tensors of name, datatype and shape"),
    "datatype": ({"inputs": [{"name": "x", "datatype": "F", "shape": [1]}]}, "is not known"),
    "batch": ({"max_batch_size": "many"}, "not a number of rows"),
    "platform": ({"platform": 3}, "platform is not text"),
    "runtime": ({"implementation": "mlserver_huggingface.HuggingFaceRuntime"}, "no counterpart"),
}


@pytest.mark.parametrize(("settings", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_settings_that_cannot_be_followed_say_why(folder, settings, why):
    given = {"parameters": {"uri": "./model.onnx"}, **settings}
    with pytest.raises(BadModelError, match=why):
        read(folder, **given)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "not JSON: it is nested too deeply"),
        (b" " * (1 << 20) + b"{}", "over 1 MiB"),
    ],
    ids=["empty", "list", "bytes", "deep", "huge"],
)
def test_damaged_settings_fail_alone(folder, serve, content, why):
    folder.mlserver("good")
    folder.put("bad/model-settings.json", content)
    with serve() as client:
        assert why in client.states()["bad", ""][1]
        assert client.added("good") == ("1", 1)


def test_declared_inputs_name_the_columns_of_a_matrix(folder, serve, model_file):
    folder.put("trees/model.bst", model_file.read_text())
    names = ["a", "b", "c", "d"]
    said = {
        "name": "trees",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": "./model.bst"},
        "inputs": [{"name": name, "datatype": "FP64", "shape": [-1]} for name in names],
        "outputs": [{"name": "predict", "datatype": "FP64", "shape": [-1, 1]}],
    }
    folder.put("trees/model-settings.json", json.dumps(said))
    with serve() as client:
        metadata = client.get("/v2/models/trees").json()
        assert [tensor["name"] for tensor in metadata["inputs"]] == names
        assert metadata["parameters"]["columns"] == names
        columns = [
            {"name": n, "shape": [1], "datatype": "FP64", "data": [1.0]} for n in reversed(names)
        ]
        answer = client.post("/v2/models/trees/infer", {"inputs": columns})
        assert answer.json()["outputs"][0]["name"] == "predict"


def test_files_in_another_format_than_the_settings_say_are_refused(folder, serve, model_file):
    folder.put("m/model.txt", model_file.read_text())
    said = {"implementation": "onnx", "parameters": {"uri": "./model.txt"}}
    folder.put("m/model-settings.json", json.dumps(said))
    with serve() as client:
        assert client.states()["m", "1"][0] == "UNAVAILABLE"


def test_the_servers_settings_are_followed_where_they_have_a_meaning(folder, serve, capsys):
    folder.mlserver("below/a", name="a")
    folder.mlserver("beside")
    said = {
        "model_repository_root": "./below",
        "load_models_at_startup": False,
        "http_port": 9999,
        "parallel_workers": 4,
    }
    folder.put("settings.json", json.dumps(said))
    with serve() as client:
        assert client.states() == {("a", "1"): ("UNAVAILABLE", "unloaded")}
    told = capsys.readouterr().out
    assert "settings of MLServer ignored" in told
    assert "http_port, parallel_workers" in told


def test_a_link_that_leaves_the_repository_is_refused(folder, serve, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/model.onnx").write_bytes(adder())
    folder.mlserver("good")
    (folder.root / "link").symlink_to(tmp_path / "secret")
    folder.put("inner/model-settings.json", json.dumps({"parameters": {"uri": "./model.onnx"}}))
    (folder.root / "inner/model.onnx").symlink_to(tmp_path / "secret/model.onnx")
    with serve(folders=()) as client:
        states = client.states()
        assert "leads out of the repository" in states["link", ""][1]
        assert "leads out of the repository" in states["inner", ""][1]
        assert client.added("good") == ("1", 1)
