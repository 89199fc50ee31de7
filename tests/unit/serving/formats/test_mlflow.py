"""MLflow's folders: signatures of every type, and what is said of damaged or newer ones."""

import json

import numpy as np
import pytest

from dovetail.serving import (
    BadModelError,
    BadTensorError,
    Column,
    TableSignature,
    TensorSpec,
    formats,
)
from dovetail.serving import UntrustedModelError as Untrusted
from dovetail.serving.formats.answers import as_outputs
from dovetail.serving.formats.mlflow_folder import read_folder
from dovetail.serving.formats.mlflow_schema import Parameter, read_schema
from dovetail.serving.parameters import ParameterSignature, with_parameters

TYPES = {
    "double": ("FP64", ""),
    "float": ("FP32", ""),
    "long": ("INT64", ""),
    "integer": ("INT32", ""),
    "boolean": ("BOOL", ""),
    "string": ("BYTES", ""),
    "datetime": ("BYTES", "datetime"),
    "binary": ("BYTES", "binary"),
    "array": ("BYTES", "json"),
    "object": ("BYTES", "json"),
}


def test_columns_of_every_type():
    entries = [{"type": kind, "name": kind, "required": kind != "long"} for kind in TYPES]
    schema = read_schema({"inputs": json.dumps(entries)})
    assert schema.columns == tuple(
        Column(kind, datatype, required=kind != "long", content=content)
        for kind, (datatype, content) in TYPES.items()
    )
    assert schema.is_named


def test_columns_of_older_versions_and_without_names():
    old = read_schema({"inputs": '[{"type": "long", "name": "a", "optional": true}]'})
    assert old.columns == (Column("a", "INT64", required=False),)
    bare = read_schema({"inputs": '[{"type": "double"}, {"type": "string"}]'})
    assert [column.name for column in bare.columns] == ["0", "1"]
    assert not bare.is_named


def test_tensors_outputs_and_parameters():
    schema = read_schema(
        {
            "inputs": '[{"type": "tensor", "name": "x",'
            ' "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28]}}]',
            "outputs": '[{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1]}}]',
            "params": '[{"name": "top", "type": "long", "default": 3, "shape": null}]',
        }
    )
    assert schema.tensors == (TensorSpec("x", "FP32", (-1, 28, 28)),)
    assert schema.outputs == (TensorSpec("predict", "BYTES", (-1,)),)
    assert schema.parameters == (Parameter("top", "long", 3),)


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_text(text)
    return folder


DAMAGED = {
    "not a mapping": ("- 1\n", "its MLmodel is not a mapping"),
    "no flavours": ("flavors: {}\n", "its MLmodel names no flavors"),
    "newer": ("mlflow_version: 4.0.1\nflavors: {onnx: {data: a}}\n", "was written by MLflow 4.0.1"),
    "no data": ("flavors: {onnx: {}}\n", "does not name the data file"),
    "outside": ("flavors: {sklearn: {pickled_model: /etc/passwd}}\n", "outside the folder"),
    "missing": ("flavors: {xgboost: {data: model.ubj}}\n", "'model.ubj' is missing"),
    "unknown": ("flavors: {spark: {}}\n", "its flavours are spark, of which none can be loaded"),
}


@pytest.mark.parametrize(("text", "why"), DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_wrong_with_a_folder_is_named(tmp_path, text, why):
    with pytest.raises(BadModelError, match=why):
        formats.load(write(tmp_path / "m", text), trusted=True)


def test_a_damaged_signature_is_named(tmp_path):
    folder = read_folder(write(tmp_path, "signature: {inputs: '[{\"name\": 1}]'}\n"))
    with pytest.raises(BadModelError, match="its signature is damaged: KeyError: 'type'"):
        _ = folder.schema


def test_a_python_function_is_not_loaded_untrusted(tmp_path):
    text = "flavors: {python_function: {loader_module: os, python_model: a.pkl}}\n"
    with pytest.raises(Untrusted, match=r"python_function, and loading it could execute"):
        formats.load(write(tmp_path, text))


EXAMPLES = {
    "a frame": (
        {"columns": ["a", "b"], "data": [[1, "x"], [None, None]]},
        {"a": [1.0, np.nan], "b": ["x", None]},
    ),
    "rows": ([[1, "x"]], {"a": [1.0], "b": ["x"]}),
    "a matrix": ({"inputs": [[1, 2, 3]]}, {"input": [[1.0, 2.0, 3.0]]}),
    "something else": ({"messages": []}, {}),
    "not numbers": ([["x", "y", "z"]], {}),
}


@pytest.mark.parametrize(("document", "due"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_examples_become_tensors(tmp_path, document, due):
    columns = [{"type": "double", "name": "a"}, {"type": "string", "name": "b"}]
    text = (
        "saved_input_example_info: {artifact_path: example.json}\n"
        f"signature: {{inputs: '{json.dumps(columns)}'}}\n"
    )
    (tmp_path / "example.json").write_text(json.dumps(document))
    found = read_folder(write(tmp_path, text)).example()
    assert found.keys() == due.keys()
    for name, values in due.items():
        if name == "b":
            assert found[name].tolist() == values
        else:
            np.testing.assert_array_equal(found[name], values)


def test_cells_of_json_are_decoded():
    table = TableSignature((Column("words", "BYTES", content="json"),))
    cells = np.array([b'["a", 1]', None], dtype=object)
    assert table.bind({"words": cells})["words"].tolist() == [["a", 1], None]
    with pytest.raises(BadTensorError, match="'words' has text that is not JSON"):
        table.bind({"words": np.array([b"[1"], dtype=object)})


def test_parameters_go_beside_the_tensors():
    signature = ParameterSignature(TableSignature((Column("a"),)), ("top", "mode"))
    tensors = {"a": np.array([1.0, 2.0]), "mode": np.array([b"fast"], dtype=object)}
    both = with_parameters(tensors, signature.parameters, {"top": 3, "id": "x", "mode": "slow"})
    table, values = signature.split(signature.bind(both))
    assert list(table) == ["a"]
    assert values == {"top": 3, "mode": "fast"}  # a tensor is said more precisely
    with pytest.raises(BadTensorError, match="the parameter 'top' has 2 values"):
        signature.bind({"a": np.array([1.0]), "top": np.array([1, 2])})


ANSWERS = {
    "a list": ([1, 2], {"predict": [[1], [2]]}),
    "text": (["a", None], {"predict": [["a"], [None]]}),
    "a mapping": ({"x": [1.5], "y": [["a", "b"]]}, {"x": [[1.5]], "y": [["a", "b"]]}),
    "numbers in objects": (np.array([1, None], dtype=object), {"predict": [[1.0], [np.nan]]}),
    "moments": (np.array(["2024-01-01"], "datetime64[D]"), {"predict": [["2024-01-01"]]}),
    "one value": (3.5, {"predict": [[3.5]]}),
}


@pytest.mark.parametrize(("answer", "due"), ANSWERS.values(), ids=ANSWERS.keys())
def test_answers_of_every_shape_become_tensors(answer, due):
    found = as_outputs(answer)
    assert list(found) == list(due)
    for name, values in due.items():
        np.testing.assert_array_equal(found[name], np.array(values, dtype=found[name].dtype))


def test_a_frame_gives_an_output_per_column():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"low": [1.0, 2.0], "high": ["a", "b"]})
    found = as_outputs(frame)
    assert found["low"].tolist() == [[1.0], [2.0]]
    assert found["high"].tolist() == [["a"], ["b"]]
