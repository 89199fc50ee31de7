"""The Open Inference Protocol through Triton's client, our client and raw requests."""

import gzip
import json

import httpx
import numpy as np
import pytest

from dovetail.wire.http import NotFound
from dovetail.wire.open_inference import Client, InferenceRequest, from_array, to_array

triton = pytest.importorskip("tritonclient.http")
pytestmark = pytest.mark.compat


@pytest.fixture
def client(target):
    client = triton.InferenceServerClient(target.host, network_timeout=30)
    yield client
    client.close()


def tensor(name, array, *, binary, datatype=None):
    wanted = triton.InferInput(name, list(array.shape), datatype or triton_type(array))
    wanted.set_data_from_numpy(array, binary_data=binary)
    return wanted


def triton_type(array):
    from tritonclient.utils import np_to_triton_dtype

    return np_to_triton_dtype(array.dtype)


def post(target, path, body):
    content = body if isinstance(body, bytes) else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    return httpx.post(target.url + path, content=content, headers=headers, trust_env=False)


def matrix(rows, **changes):
    flat = rows.ravel().tolist()
    tensor = {"name": "x", "shape": list(rows.shape), "datatype": "FP32", "data": flat}
    return {"inputs": [{**tensor, **changes}]}


def test_live_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("late")
    assert client.is_model_ready("late", "1")
    assert not client.is_model_ready("nope")


def test_server_metadata(client):
    assert set(client.get_server_metadata()) >= {"name", "version", "extensions"}


def test_metadata_names_platform_and_outputs(client):
    found = client.get_model_metadata("late")
    assert found["versions"] == ["1"]
    assert found["platform"]
    assert [output["name"] for output in found["outputs"]] == ["predict"]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_one_client_has_the_same_answer_from_both(client, rows, expected, kind):
    asked = tensor("anything", rows.astype(kind), binary=False)
    wanted = triton.InferRequestedOutput("predict", binary_data=False)
    answer = client.infer("late", [asked], outputs=[wanted], request_id="q7")
    np.testing.assert_allclose(answer.as_numpy("predict"), expected[:, None], rtol=1e-12)
    described = answer.get_response()
    assert (described["id"], described["model_version"]) == ("q7", "1")
    output = described["outputs"][0]
    assert (output["name"], output["datatype"], output["shape"]) == ("predict", "FP64", [3, 1])


def test_our_client(target, rows, expected):
    with Client(target.url) as server:
        request = InferenceRequest(inputs=(from_array("x", rows, datatype="FP32"),), id="q8")
        answer = server.infer("late", request, version="1")
        got = to_array(answer.output("predict"))
    np.testing.assert_allclose(got, expected[:, None], rtol=1e-12)


TYPES = {
    "BOOL": np.array([[True, False]]),
    "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-32768, 32767]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], np.int64),
    "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 65535]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], np.uint64),
    "FP32": np.array([[0.1, 3.4e38]], np.float32),
    "FP64": np.array([[0.1, 1.7e308]], np.float64),
    "BYTES": np.array([[b"a", "é世".encode()]], dtype=object),
}


@pytest.mark.parametrize("array", TYPES.values(), ids=TYPES.keys())
def test_every_datatype_in_json(client, array):
    wanted = triton.InferRequestedOutput("x", binary_data=False)
    answer = client.infer("echo", [tensor("x", array, binary=False)], outputs=[wanted])
    got = answer.get_response()["outputs"][0]
    flat = np.array(got["data"], dtype=object).ravel().tolist()
    due = [v.decode() if isinstance(v, bytes) else v for v in array.ravel().tolist()]
    assert (got["shape"], flat) == ([1, 2], due)


BINARY = {
    **TYPES,
    "FP16": np.array([[0.5, 65504]], np.float16),  # JSON has no such number
    "40 MB": np.zeros((1, 10_000_000), np.float32),
}


@pytest.mark.parametrize("array", BINARY.values(), ids=BINARY.keys())
def test_binary_tensors_both_ways(client, array):
    wanted = triton.InferRequestedOutput("x", binary_data=True)
    answer = client.infer("echo", [tensor("x", array, binary=True)], outputs=[wanted])
    np.testing.assert_array_equal(answer.as_numpy("x"), array)


def test_bytes_that_are_not_text(client):
    array = np.array([b"\xff\x00\xfe"], dtype=object)
    wanted = triton.InferRequestedOutput("x", binary_data=True)
    answer = client.infer("echo", [tensor("x", array, binary=True)], outputs=[wanted])
    assert answer.as_numpy("x")[0] == array[0]


def test_tritonclient_as_most_people_call_it(client, rows, expected):
    answer = client.infer("late", [tensor("x", rows, binary=True)])
    np.testing.assert_allclose(answer.as_numpy("predict"), expected[:, None], rtol=1e-12)


def test_named_columns(target, rows, expected):
    columns = [
        {"name": f"Column_{i}", "shape": [3], "datatype": "FP32", "data": rows[:, i].tolist()}
        for i in range(5)
    ]
    answer = post(target, "/v2/models/late/infer", {"inputs": columns})
    assert answer.status_code == 200
    np.testing.assert_allclose(answer.json()["outputs"][0]["data"], expected, rtol=1e-12)


def test_selected_outputs(target):
    inputs = [{"name": n, "shape": [1], "datatype": "FP32", "data": [1.5]} for n in "ab"]
    body = {"inputs": inputs, "outputs": [{"name": "b"}]}
    answer = post(target, "/v2/models/echo/infer", body).json()
    assert [output["name"] for output in answer["outputs"]] == ["b"]


def test_an_unknown_output_is_400(target, rows):
    answer = post(target, "/v2/models/late/infer", {**matrix(rows), "outputs": [{"name": "no"}]})
    assert answer.status_code == 400


def test_nested_data_is_flat_data(target, rows):
    flat = post(target, "/v2/models/late/infer", matrix(rows)).json()["outputs"]
    nested = post(target, "/v2/models/late/infer", matrix(rows, data=rows.tolist())).json()
    assert nested["outputs"] == flat


def test_parameters_of_any_name(target, rows):
    body = matrix(rows, parameters={"k": 1, "s": "v", "b": True})
    body["parameters"] = {"mine": "x", "n": 3}
    assert post(target, "/v2/models/late/infer", body).status_code == 200


@pytest.mark.parametrize("path", ["nope/infer", "late/versions/999/infer"])
def test_an_unknown_model_or_version_is_404(target, rows, path):
    answer = post(target, f"/v2/models/{path}", matrix(rows))
    assert answer.status_code == 404
    assert isinstance(answer.json()["error"], str)


def test_a_version_is_asked_by_its_path(target, rows):
    body = {**matrix(rows), "id": "q9"}
    answer = post(target, "/v2/models/late/versions/1/infer", body).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("late", "1", "q9")


def test_a_body_without_a_content_type(target, rows):
    content = json.dumps(matrix(rows)).encode()
    url = f"{target.url}/v2/models/late/infer"
    assert httpx.post(url, content=content, trust_env=False).status_code == 200


def test_a_wrong_length_of_the_header_is_400(target):
    headers = {"Inference-Header-Content-Length": "9999"}
    url = f"{target.url}/v2/models/late/infer"
    answer = httpx.post(url, content=b'{"inputs":[]}', headers=headers, trust_env=False)
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)


FAULTS = {
    "malformed JSON": lambda rows: b'{"inputs": [',
    "empty body": lambda rows: b"",
    "no inputs": lambda rows: {"id": "1"},
    "unknown datatype": lambda rows: matrix(rows, datatype="FP99"),
    "text for numbers": lambda rows: matrix(rows, data=["a"] * rows.size),
    "data shorter than shape": lambda rows: matrix(rows, shape=[4, 5]),
    "negative shape": lambda rows: matrix(rows, shape=[-3, 5]),
    "wrong feature count": lambda rows: matrix(rows[:, :2]),
}


@pytest.mark.parametrize("body", FAULTS.values(), ids=FAULTS.keys())
def test_a_request_that_is_at_fault_is_400(target, rows, body):
    answer = post(target, "/v2/models/late/infer", body(rows))
    assert answer.status_code == 400
    assert "Traceback" not in answer.json()["error"]


def test_nan_in_json(client):
    array = np.array([np.nan, 1.0], np.float32)
    wanted = triton.InferRequestedOutput("x", binary_data=False)
    answer = client.infer("echo", [tensor("x", array, binary=False)], outputs=[wanted])
    np.testing.assert_array_equal(answer.as_numpy("x"), array)


def test_null_is_a_missing_value(target, rows):
    data = [None, *rows.ravel().tolist()[1:]]
    assert post(target, "/v2/models/late/infer", matrix(rows, data=data)).status_code == 200


def test_a_body_of_zero_rows(target, rows):
    answer = post(target, "/v2/models/late/infer", matrix(rows[:0]))
    assert answer.status_code == 200
    assert answer.json()["outputs"][0]["data"] == []


def test_packed_bodies(target, rows):
    packed = gzip.compress(json.dumps(matrix(rows)).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    url = f"{target.url}/v2/models/late/infer"
    assert httpx.post(url, content=packed, headers=headers, trust_env=False).status_code == 200


def test_index_with_an_empty_body(client):
    found = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
    assert found["late"] == "READY"


def test_index_through_our_client(target):
    with Client(target.url) as server:
        assert {"late", "echo"} <= {entry.name for entry in server.index()}


def test_statistics_and_config(client, rows):
    client.infer("late", [tensor("x", rows, binary=False)])
    assert client.get_inference_statistics("late")["model_stats"][0]["execution_count"] > 0
    assert client.get_model_config("late")["name"] == "late"


def test_metrics_have_the_same_names(target, rows):
    # MLServer labels by the version that was asked, "None" where none was
    post(target, "/v2/models/late/versions/1/infer", matrix(rows))
    text = httpx.get(target.metrics, trust_env=False).text
    assert 'model_infer_request_success_total{model="late",version="1"}' in text
    assert 'model_infer_request_duration_count{model="late",version="1"}' in text


def test_unload_then_load(target, rows):
    with Client(target.url) as server:
        server.unload("echo")
        request = InferenceRequest(inputs=(from_array("x", rows),))
        with pytest.raises(NotFound):
            server.infer("echo", request)
        server.load("echo")
        assert to_array(server.infer("echo", request).output("x")).shape == rows.shape


def test_load_of_an_unknown_model_is_404(target):
    with Client(target.url) as server, pytest.raises(NotFound):
        server.load("nope")
