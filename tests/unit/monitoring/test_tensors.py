import math

import numpy as np
import pytest

from dovetail.monitoring.errors import EventInvalidError
from dovetail.monitoring.tensors import read_answers, read_features


def tensor(name, shape, datatype, data):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def test_one_tensor_gets_its_names_from_the_parameter_columns():
    body = {
        "inputs": [tensor("input", [2, 2], "FP32", [1, 2, 3, 4])],
        "parameters": {"columns": ["a", "b"]},
    }
    columns = read_features(body).columns()
    assert {name: values.tolist() for name, values in columns.items()} == {
        "a": [1.0, 3.0],
        "b": [2.0, 4.0],
    }
    assert columns["a"].dtype == np.float32


def test_one_tensor_without_names_is_numbered():
    body = {"inputs": [tensor("input", [1, 3], "FP64", [[1, None, 3]])]}
    columns = read_features(body).columns()
    assert list(columns) == ["f0", "f1", "f2"]
    assert math.isnan(columns["f1"][0])


def test_named_tensors_are_columns_and_texts_stay_texts():
    body = {
        "inputs": [
            tensor("age", [2, 1], "INT64", [31, 45]),
            tensor("city", [2], "BYTES", ["Oslo", None]),
            tensor("embedding", [2, 2], "FP32", [1, 2, 3, 4]),
        ]
    }
    columns = read_features(body).columns()
    assert {name: list(values) for name, values in columns.items()} == {
        "age": [31, 45],
        "embedding_0": [1, 3],
        "embedding_1": [2, 4],
        "city": ["Oslo", None],
    }


def test_a_v1_body_is_read():
    assert list(read_features({"instances": [[1, 2], [3, 4]]}).columns()["f1"]) == [2, 4]
    columns = read_features({"instances": [{"x": 1, "c": "a"}, {"x": 2}]}).columns()
    assert (list(columns["x"]), columns["c"]) == ([1, 2], ["a", None])
    assert read_answers({"predictions": [0.25, 0.75]}).scores.tolist() == [0.25, 0.75]


def test_inputs_without_json_data_carry_no_features():
    assert read_features({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}]}) is None


@pytest.mark.parametrize(
    ("shape", "data", "expected"),
    [
        ([2], [0.1, 0.2], [0.1, 0.2]),
        ([2, 1], [0.1, 0.2], [0.1, 0.2]),
        ([2, 2], [0.9, 0.1, 0.8, 0.2], [0.1, 0.2]),
        ([2, 3], [1, 0, 0, 0, 1, 0], [None, None]),
        ([0], [], []),
    ],
    ids=["vector", "column", "two-classes", "three-classes", "no-rows"],
)
def test_scores_are_the_probability_of_the_positive_class(shape, data, expected):
    found = read_answers({"outputs": [tensor("p", shape, "FP32", data)]}).scores
    assert [None if math.isnan(v) else v for v in found] == expected


def test_labels_before_probabilities_are_passed_over():
    outputs = [tensor("label", [2], "INT64", [0, 1]), tensor("p", [2, 2], "FP32", [0.9, 0.1, 0, 1])]
    assert read_answers({"outputs": outputs}).scores.tolist() == [0.1, 1.0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "the body has no list of 'outputs'"),
        ({"outputs": []}, "the response has no outputs with data"),
        ({"outputs": [{"data": [1]}]}, "an output tensor is not valid"),
        (
            {"outputs": [tensor("p", [3], "FP32", [1, 2])]},
            "the data of tensor 'p' does not fit shape [3] and type FP32",
        ),
        (
            {"outputs": [tensor("p", [1], "FP32", [{"a": 1}])]},
            "the data of tensor 'p' does not fit shape [1] and type FP32",
        ),
        (
            {"outputs": [tensor("p", [-1, 10**12], "FP32", [1, 2])]},
            "the data of tensor 'p' does not fit shape [-1, 1000000000000] and type FP32",
        ),
    ],
)
def test_a_broken_response_says_what_is_wrong(body, message):
    with pytest.raises(EventInvalidError) as caught:
        read_answers(body)
    assert caught.value.what == message


@pytest.mark.parametrize("columns", [["a"], "ab", {"a": 1}])
def test_names_that_do_not_fit_the_columns_are_refused(columns):
    body = {
        "inputs": [tensor("input", [1, 2], "FP32", [1, 2])],
        "parameters": {"columns": columns},
    }
    with pytest.raises(EventInvalidError, match="must list the 2 columns"):
        read_features(body)
