"""The protocol over HTTP, against a real server."""

import gzip
import json

import httpx
import numpy as np
import pytest

from dovetail.serving import Model

ROWS = [[0.5, -1.0, 3.0, 0.25], [1.5, 2.0, 7.0, -0.5]]
REQUEST = {"inputs": [{"name": "x", "shape": [2, 4], "datatype": "FP64", "data": ROWS}]}
LATE = "/v2/models/late"


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url) as client:
        yield client


@pytest.fixture(scope="module")
def expected(model_file):
    return Model.load(model_file).predict(ROWS)


def outputs(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]


def test_an_answer_is_whole(client, expected):
    answer = client.post(f"{LATE}/infer", json={"id": "r1", **REQUEST})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "model_name": "late",
        "model_version": "1",
        "id": "r1",
        "outputs": [
            {
                "name": "predict",
                "shape": [2, 1],
                "datatype": "FP64",
                "data": expected.ravel().tolist(),
            }
        ],
    }


def test_columns_give_the_same_answer_as_the_matrix(client, expected):
    columns = [
        {"name": f"Column_{i}", "shape": [2], "datatype": "FP64", "data": [r[i] for r in ROWS]}
        for i in range(4)
    ]
    got = outputs(client.post(f"{LATE}/infer", json={"inputs": columns}))
    assert got[0]["data"] == expected.ravel().tolist()


def test_a_missing_value_is_null_or_nan(client, model_file):
    rows = [[None, 1.0, 3.0, 0.25]]
    want = Model.load(model_file).predict(np.array(rows, dtype=float)).ravel().tolist()
    body = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": rows}]}
    for text in (json.dumps(body), json.dumps(body).replace("null", "NaN")):
        assert outputs(client.post(f"{LATE}/infer", content=text))[0]["data"] == want


def test_metadata_names_the_form_that_serves(client):
    found = client.get(LATE).json()
    digest, uri = found["parameters"].pop("digest"), found["parameters"].pop("uri")
    assert len(digest) == 64
    assert uri.endswith("late.txt")
    assert found["parameters"].pop("largest_difference") < 1e-12
    assert found == {
        "name": "late",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "input", "datatype": "FP64", "shape": [-1, 4]}],
        "outputs": [{"name": "predict", "datatype": "FP64", "shape": [-1, 1]}],
        "parameters": {
            "columns": ["Column_0", "Column_1", "Column_2", "Column_3"],
            "original_platform": "lightgbm_text",
            "compiled": True,
            "labels_differing": 0,
            "compared_rows": 256,
            "why_not_compiled": "",
            "resting": False,
        },
    }


def test_raw_tensors_in_and_out(client, expected):
    raw = np.array(ROWS).tobytes()
    tensor = {
        "name": "x",
        "shape": [2, 4],
        "datatype": "FP64",
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    answer = client.post(
        f"{LATE}/infer",
        content=head + raw,
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["Inference-Header-Content-Length"])
    described = json.loads(answer.content[:length])["outputs"]
    assert described == [
        {
            "name": "predict",
            "shape": [2, 1],
            "datatype": "FP64",
            "parameters": {"binary_data_size": 16},
        }
    ]
    assert answer.content[length:] == expected.tobytes()


def tensor(**changes):
    return {"inputs": [{**REQUEST["inputs"][0], **changes}]}


REFUSED = {
    "not JSON": (b"{", "the body is not an inference request. the body is not JSON"),
    "empty": (b"", "the body is not an inference request"),
    "no inputs": (b'{"inputs": []}', "the request has no inputs"),
    "nested without end": (b"[" * 200_000, "the body is not an inference request"),
    "a wrong shape": (tensor(shape=[3, 4]), "the shape [3, 4] has 12 elements, the data 8"),
    "a huge shape": (tensor(shape=[10**18, 10**18]), "elements, the data 8"),
    "a wrong datatype": (tensor(datatype="FP99"), "the datatype is none of BOOL"),
    "too few features": (
        tensor(shape=[4, 2]),
        "tensor 'x' has 2 features, the model takes 4. send them in this order: Column_0,",
    ),
    "text": (tensor(data=["a"] * 8), "the data is not all FP64"),
    "an unknown output": (
        {**REQUEST, "outputs": [{"name": "label"}]},
        "model 'late' has no output 'label'. it has: predict",
    ),
    "the same input twice": (
        {"inputs": REQUEST["inputs"] * 2},
        "two inputs of the request have the same name",
    ),
    "a role that is none": (
        {**REQUEST, "parameters": {"role": "hero"}},
        "role 'hero' is not known. one of live, shadow, test",
    ),
    "a time that is none": (
        {**REQUEST, "parameters": {"event_time": "yesterday"}},
        "event_time 'yesterday' is not RFC 3339",
    ),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_request_says_what_is_wrong(client, body, message):
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer = client.post(f"{LATE}/infer", content=content)
    assert answer.status_code == 400, answer.text
    assert message in answer.json()["error"]


def test_an_unknown_model_or_version_is_404(client):
    answer = client.post("/v2/models/nope/infer", json=REQUEST)
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "model 'nope' is not known. POST /v2/repository/index lists the models."},
    )
    answer = client.post(f"{LATE}/versions/9/infer", json=REQUEST)
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "model 'late' has no version '9'. loaded: 1."},
    )
    assert client.get("/v2/models/nope/ready").status_code == 404


def test_packed_bodies(client, expected):
    packed = gzip.compress(json.dumps(REQUEST).encode())
    answer = client.post(f"{LATE}/infer", content=packed, headers={"Content-Encoding": "gzip"})
    assert outputs(answer)[0]["data"] == expected.ravel().tolist()
    for content, encoding, message in (
        (packed[:-9], "gzip", "the body is not gzip. it is truncated."),
        (b"plain", "gzip", "the body is not gzip"),
        (packed, "br", "Content-Encoding 'br' is not known. send gzip or deflate."),
    ):
        answer = client.post(
            f"{LATE}/infer", content=content, headers={"Content-Encoding": encoding}
        )
        assert answer.status_code == 400
        assert message in answer.json()["error"]


def test_a_body_that_unpacks_past_the_limit_is_413(client):
    bomb = gzip.compress(bytes(300 << 20), 9)
    answer = client.post(f"{LATE}/infer", content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    assert answer.json()["error"].startswith("the body is over 256 MiB")


def test_statistics_count_what_was_answered_and_what_failed(client):
    before = client.get(f"{LATE}/stats").json()["model_stats"][0]
    client.post(f"{LATE}/infer", json=REQUEST)
    client.post(f"{LATE}/infer", json=tensor(datatype="FP99"))
    after = client.get(f"{LATE}/stats").json()["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 2
    assert after["execution_count"] - before["execution_count"] == 1
    failed = [s["inference_stats"]["fail"]["count"] for s in (before, after)]
    assert failed[1] - failed[0] == 1
    metrics = client.get("/metrics").text
    assert 'model_infer_request_success_total{model="late",version="1"}' in metrics
    assert 'model_infer_request_failure_total{model="late",version="1"}' in metrics
    assert 'model_infer_request_duration_count{model="late",version="1"}' in metrics


def test_config_tells_the_choice_of_form(client):
    found = client.get(f"{LATE}/config").json()
    assert found["backend"] == "onnxruntime"
    assert found["input"] == [{"name": "input", "data_type": "TYPE_FP64", "dims": [-1, 4]}]
    assert found["parameters"]["original"] == {"string_value": "lightgbm_text"}


def test_the_server_says_what_it_can(client):
    found = client.get("/v2").json()
    assert found["name"] == "dovetail"
    assert {"dovetail_traffic", "dovetail_payload_log", "dovetail_load_uri"} <= set(
        found["extensions"]
    )


def test_pages_and_their_twins(client):
    page = client.get("/serving")
    assert page.status_code == 200
    assert "late" in page.text
    assert "compiled" in page.text
    rows = client.get("/serving.json").json()["rows"]
    assert [(row["model"], row["state"], row["form"]) for row in rows] == [
        ("echo", "serving", "as stored"),
        ("late", "serving", "compiled"),
    ]
    one = client.get("/serving/late.json").json()
    assert one["forms"][0]["compiled"]
    assert one["example"].startswith(f"curl -s {client.base_url}".rstrip("/"))
    assert "lightgbm_text" in client.get("/serving/late").text
    assert client.get("/serving/nope").status_code == 404


def test_the_bare_address_of_a_piece_that_runs_alone_leads_to_its_page(run):
    with run() as server:
        answer = httpx.get(server.url + "/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/serving")


def raw_request(rows, datatype="FP64"):
    raw = rows.tobytes() if datatype != "BYTES" else rows
    tensor = {
        "name": "x",
        "shape": [len(rows), 4] if datatype != "BYTES" else [len(rows) // 5],
        "datatype": datatype,
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    return {"content": head + raw, "headers": {"Inference-Header-Content-Length": str(len(head))}}


@pytest.mark.parametrize("count", [1, 3_000, 40_000], ids=["small", "large", "beyond a piece"])
def test_many_raw_rows_are_answered_like_few(client, model_file, count):
    rows = np.random.default_rng(3).normal(size=(count, 4))
    expected = Model.load(model_file).predict(rows)
    with httpx.Client(base_url=client.base_url) as kept:
        for _ in range(2):
            answer = kept.post(f"{LATE}/infer", **raw_request(rows))
            assert answer.status_code == 200, answer.text
            split = int(answer.headers["inference-header-content-length"])
            got = np.frombuffer(answer.content[split:], np.float64)
            np.testing.assert_array_equal(got, expected.ravel())


def test_many_raw_texts_are_answered(client):
    texts = b"\1\0\0\0x" * 20_000
    answer = client.post("/v2/models/echo/infer", **raw_request(texts, "BYTES"))
    assert answer.status_code == 200, answer.text
    assert answer.content.endswith(texts)
