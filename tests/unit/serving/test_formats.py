"""Which format a path is in, and what is refused."""

import json
import shutil

import numpy as np
import pytest

from dovetail.base.errors import UntrustedError
from dovetail.serving import FORMATS, BadModelError, Model, formats

onnx = pytest.importorskip("onnx")
TensorProto, helper = onnx.TensorProto, onnx.helper


@pytest.fixture
def folder(tmp_path, model_file):
    """An MLflow model folder with LightGBM's native flavour."""
    path = tmp_path / "model"
    path.mkdir()
    shutil.copy(model_file, path / "model.lgb")
    (path / "input_example.json").write_text(
        json.dumps({"columns": list("abcd"), "data": [[1, 2, 3, 4], [None, 0.5, 1, 2]]})
    )
    columns = [{"type": "double", "name": name, "required": True} for name in "abcd"]
    (path / "MLmodel").write_text(
        "flavors:\n"
        "  lightgbm: {data: model.lgb, lgb_version: 4.6.0}\n"
        "  python_function: {loader_module: mlflow.lightgbm, data: model.lgb}\n"
        "saved_input_example_info: {artifact_path: input_example.json, type: dataframe}\n"
        f"signature:\n  inputs: '{json.dumps(columns)}'\n"
    )
    return path


def edit(folder, old, new):
    text = (folder / "MLmodel").read_text()
    assert old in text
    (folder / "MLmodel").write_text(text.replace(old, new))


def adder(width=3, **tensor):
    """An ONNX graph that adds a constant."""
    constant = helper.make_tensor("c", TensorProto.FLOAT, [width], [1.0] * width, **tensor)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "c"], ["y"])],
        "adder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, width])],
        [constant],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_every_format_in_the_table_resolves():
    for name in FORMATS:
        module = formats.resolve(name)
        assert callable(module.matches)
        assert callable(module.load)


def test_an_mlflow_folder_gives_names_to_its_columns(folder):
    model = Model.load(folder)
    assert model.columns == ("a", "b", "c", "d")
    assert model.compilation.compiled
    assert model.compilation.rows == 258  # the example's two rows, and those drawn
    assert model.predict([[1, 2, 3, 4]]).shape == (1, 1)


@pytest.mark.parametrize(
    ("example", "rows"),
    [([[1, 2, 3, 4]], 1), ({"inputs": [[1, 2, 3, 4]] * 2}, 2), ([["a", 2, 3, 4]], 0), ({}, 0)],
    ids=["a list", "a tensor", "text", "nothing"],
)
def test_an_example_of_numbers_joins_the_sample(folder, example, rows):
    (folder / "input_example.json").write_text(json.dumps(example))
    assert Model.load(folder).compilation.rows == 256 + rows


def test_a_bare_file_has_the_same_answers_as_the_folder(folder, model_file):
    rows = np.random.default_rng(0).normal(size=(20, 4))
    np.testing.assert_array_equal(
        Model.load(folder).predict(rows), Model.load(model_file).predict(rows)
    )


REFUSED = {
    "pickle": ("data: model.lgb, lgb", "data: model.pkl, lgb"),
    "joblib": ("data: model.lgb, lgb", "data: model.joblib, lgb"),
    "only python_function": ("  lightgbm:", "  somethingelse:"),
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_a_model_that_executes_code_is_refused(folder, change):
    for suffix in ("pkl", "joblib"):
        shutil.copy(folder / "model.lgb", folder / f"model.{suffix}")
    edit(folder, *change)
    with pytest.raises(UntrustedError, match="could execute code"):
        formats.load(folder)


def test_the_data_file_may_not_lie_outside_the_folder(folder):
    edit(folder, "data: model.lgb, lgb", "data: ../../../etc/passwd, lgb")
    with pytest.raises(BadModelError, match="outside the folder"):
        formats.load(folder)


def test_yaml_that_makes_objects_is_refused(folder):
    edit(folder, "flavors:", "x: !!python/object/apply:os.system ['true']\nflavors:")
    with pytest.raises(BadModelError, match="not YAML"):
        formats.load(folder)


def test_what_no_format_knows_is_named(tmp_path):
    (tmp_path / "model.zip").touch()
    with pytest.raises(BadModelError, match=r"known formats: catboost, .*, sklearn"):
        formats.load(tmp_path / "model.zip")
    with pytest.raises(BadModelError, match="does not exist"):
        formats.load(tmp_path / "nothing.onnx")


def test_an_onnx_file_answers(tmp_path):
    onnx.save(adder(), str(tmp_path / "adder.onnx"))
    model = Model.load(tmp_path / "adder.onnx")
    assert model.predict([[1, 2, 3]]).tolist() == [[2, 3, 4]]
    assert model.compilation.why == "it is served as stored"
    assert model.compilation.original_us is not None


def test_a_truncated_onnx_file_is_refused(tmp_path):
    whole = adder().SerializeToString()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadModelError):
        formats.load(tmp_path / "half.onnx")


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd"])
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(b"\0" * 64)
    inside = tmp_path / "model"
    inside.mkdir()
    model = adder()
    constant = model.graph.initializer[0]
    constant.ClearField("float_data")
    constant.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "12")):
        constant.external_data.add(key=key, value=value)
    (inside / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BadModelError, match="outside the folder"):
        formats.load(inside / "model.onnx")


def test_external_data_by_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.bin").write_bytes(b"\0" * 64)
    inside = tmp_path / "model"
    inside.mkdir()
    (inside / "weights.bin").symlink_to(tmp_path / "secret.bin")
    model = adder()
    constant = model.graph.initializer[0]
    constant.ClearField("float_data")
    constant.data_location = TensorProto.EXTERNAL
    constant.external_data.add(key="location", value="weights.bin")
    (inside / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BadModelError, match="outside the folder"):
        formats.load(inside / "model.onnx")
