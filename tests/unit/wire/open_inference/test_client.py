import numpy as np
import pytest

from dovetail.wire import http
from dovetail.wire import open_inference as oip

ANSWER = {
    "model_name": "flights",
    "model_version": "3",
    "id": "r1",
    "outputs": [{"name": "score", "shape": [2], "datatype": "FP64", "data": [0.1, 0.9]}],
}


@pytest.fixture
def client(script):
    with oip.Client(script.url) as opened:
        yield opened


def test_infer_in_json(client, script):
    script.say(ANSWER)
    x = oip.from_array("x", [[1.0], [2.0]], datatype="FP32")
    request = oip.InferenceRequest(inputs=(x,), id="r1", parameters={"role": "shadow"})
    answer = client.infer("fl/ights", request)
    assert answer.model_version == "3"
    assert oip.to_array(answer.output("score")).tolist() == [0.1, 0.9]
    assert script.last.path == "/v2/models/fl%2Fights/infer"
    assert script.last.json == {
        "inputs": [{"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [1.0, 2.0]}],
        "id": "r1",
        "parameters": {"role": "shadow"},
    }


def test_infer_with_raw_tensors_both_ways(client, script):
    y = oip.from_array("y", np.arange(3, dtype="f4"), binary=True)
    body, length = oip.encode_response(oip.InferenceResponse(model_name="m", outputs=(y,)))
    script.say(body, headers={oip.HEADER_LENGTH: str(length)})
    x = oip.from_array("x", np.arange(4, dtype="i8"), binary=True)
    answer = client.infer("m", oip.InferenceRequest(inputs=(x,)), version="2")
    assert oip.to_array(answer.output("y")).tolist() == [0.0, 1.0, 2.0]
    call = script.last
    assert call.path == "/v2/models/m/versions/2/infer"
    sent = oip.decode_request(call.body, int(call.headers[oip.HEADER_LENGTH.lower()]))
    assert oip.to_array(sent.inputs[0]).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("body", "headers"),
    [({}, None), (b"nonsense", None), (ANSWER, {oip.HEADER_LENGTH: "many"})],
    ids=["empty", "no-json", "length"],
)
def test_an_answer_that_is_no_inference_is_a_bad_answer(client, script, body, headers):
    script.say(body, headers=headers)
    with pytest.raises(http.BadAnswer, match="the answer is no inference response"):
        client.infer("m", oip.InferenceRequest(inputs=()))


@pytest.mark.parametrize(("status", "kind"), [(400, http.BadRequest), (404, http.NotFound)])
def test_an_error_answer_keeps_the_servers_words(client, script, status, kind):
    script.say({"error": "unexpected shape"}, status)
    with pytest.raises(kind, match="unexpected shape"):
        client.infer("m", oip.InferenceRequest(inputs=()))


def test_an_inference_is_never_sent_twice(client, script):
    script.say({"error": "busy"}, 503)
    with pytest.raises(http.Busy):
        client.infer("m", oip.InferenceRequest(inputs=()))
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    ("status", "ready"), [(200, True), (400, False), (404, False), (503, False)]
)
def test_readiness_is_the_status(client, script, status, ready):
    script.say({}, status)
    assert client.is_model_ready("m", "1") is ready
    assert script.last.path == "/v2/models/m/versions/1/ready"


def test_a_server_that_is_not_there_is_unreachable_not_unready(nobody):
    with oip.Client(nobody) as client, pytest.raises(http.Unreachable):
        client.is_ready()


def test_metadata_is_read(client, script):
    script.say({"name": "dovetail", "version": "1", "extensions": ["binary_tensor_data"]})
    assert client.server_metadata().extensions == ("binary_tensor_data",)
    script.say(
        {
            "name": "m",
            "versions": ["1"],
            "platform": "onnx",
            "outputs": [],
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
        }
    )
    metadata = client.model_metadata("m")
    assert metadata.inputs == (oip.TensorMetadata(name="x", datatype="FP32", shape=(-1, 4)),)


def test_the_repository_is_ordered_about(client, script):
    script.say([{"name": "m", "version": "1", "state": "READY"}])
    entries = client.index(ready=True)
    assert entries == [oip.IndexEntry(name="m", version="1", state="READY")]
    client.load("m", uri="models:/m/3")
    client.load("m")
    client.unload("m", version="3")
    client.unload("m")
    assert [(call.path, call.json) for call in script.calls] == [
        ("/v2/repository/index", {"ready": True}),
        ("/v2/repository/models/m/load", {"parameters": {"uri": "models:/m/3"}}),
        ("/v2/repository/models/m/load", {}),
        ("/v2/repository/models/m/unload", {"parameters": {"version": "3"}}),
        ("/v2/repository/models/m/unload", {}),
    ]


def test_traffic_is_read_and_set(client, script):
    script.say({"weights": {"3": 90, "4": 10}})
    assert client.get_traffic("m") == oip.Traffic({"3": 90.0, "4": 10.0})
    script.say({"weights": {"4": 1}})
    assert client.put_traffic("m", {"4": 1}) == oip.Traffic({"4": 1.0})
    assert (script.last.method, script.last.path) == ("PUT", "/v2/models/m/traffic")
    assert script.last.json == {"weights": {"4": 1}}


def test_statistics_are_read(client, script):
    stats = {"success": {"count": 7, "ns": 70}}
    script.say({"model_stats": [{"name": "m", "version": "1", "inference_stats": stats}]})
    (found,) = client.statistics("m")
    assert found.inference_stats.success == oip.Duration(count=7, ns=70)


def test_the_extensions_read_their_parameters():
    assert oip.LoadRequest(parameters={"uri": "models:/m@champion"}).uri == "models:/m@champion"
    assert oip.UnloadRequest(parameters={"version": 3}).version == "3"
    assert (oip.LoadRequest().uri, oip.UnloadRequest().version) == (None, None)
