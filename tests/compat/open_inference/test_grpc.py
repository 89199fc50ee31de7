"""The Open Inference Protocol over gRPC, through Triton's clients and those of gRPC itself.

What MLServer lacks is in the gaps of `conftest`.
"""

import asyncio
import queue

import grpc
import numpy as np
import pytest

triton = pytest.importorskip("tritonclient.grpc")
from tritonclient.grpc import service_pb2 as pb  # noqa: E402
from tritonclient.utils import InferenceServerException  # noqa: E402

pytestmark = pytest.mark.compat


@pytest.fixture
def client(target):
    client = triton.InferenceServerClient(target.grpc)
    yield client
    client.close()


@pytest.fixture
def channel(target):
    with grpc.insecure_channel(target.grpc) as channel:
        yield channel


def tensor(array, datatype=None, name="x"):
    from tritonclient.utils import np_to_triton_dtype

    found = triton.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    found.set_data_from_numpy(array)
    return found


def status(call, *arguments, **options):
    """The name of the status that a call ends with."""
    try:
        call(*arguments, **options)
    except InferenceServerException as error:
        return error.status().removeprefix("StatusCode.")
    return "OK"


def test_grpc_live_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("late")
    assert client.is_model_ready("late", "1")


def test_grpc_an_unknown_model_is_not_ready(client):
    assert not client.is_model_ready("nope")


def test_grpc_metadata_names_platform_and_outputs(client):
    assert client.get_server_metadata().name
    found = client.get_model_metadata("late")
    assert list(found.versions) == ["1"]
    assert found.platform
    assert [output.name for output in found.outputs] == ["predict"]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_grpc_one_client_has_the_same_answer_from_both(client, rows, expected, kind):
    answer = client.infer("late", [tensor(rows.astype(kind))], request_id="q7")
    np.testing.assert_allclose(answer.as_numpy("predict"), expected[:, None], rtol=1e-12)
    described = answer.get_response()
    assert (described.id, described.model_version) == ("q7", "1")
    assert described.raw_output_contents  # raw, because the question was


def test_grpc_a_typed_request_has_a_typed_answer(client, rows, expected):
    asked = pb.ModelInferRequest(model_name="late")
    one = asked.inputs.add(name="x", datatype="FP32", shape=rows.shape)
    one.contents.fp32_contents.extend(rows.ravel().tolist())
    answer = client._client_stub.ModelInfer(asked, timeout=20)
    got = answer.outputs[0].contents.fp64_contents
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert not answer.raw_output_contents


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
    "FP16": np.array([[0.5, 65504]], np.float16),
    "FP32": np.array([[0.1, 3.4e38]], np.float32),
    "FP64": np.array([[0.1, 1.7e308]], np.float64),
    "BYTES": np.array([[b"a", "é世".encode()]], dtype=object),
}


@pytest.mark.parametrize("array", TYPES.values(), ids=TYPES.keys())
def test_grpc_every_datatype_raw(client, array):
    answer = client.infer("echo", [tensor(array)])
    np.testing.assert_array_equal(answer.as_numpy("x"), array)


def test_grpc_bytes_that_are_not_text(client):
    array = np.array([b"\xff\x00\xfe", b""], dtype=object)
    answer = client.infer("echo", [tensor(array)])
    assert answer.as_numpy("x").tolist() == array.tolist()


def test_grpc_selected_outputs(client):
    inputs = [tensor(np.ones(1, np.float32), name=name) for name in "ab"]
    answer = client.infer("echo", inputs, outputs=[triton.InferRequestedOutput("b")])
    assert [output.name for output in answer.get_response().outputs] == ["b"]


def test_grpc_parameters_of_any_name(client, rows):
    client.infer("late", [tensor(rows)], parameters={"k": 1, "s": "v", "b": True})


def test_grpc_a_message_over_four_megabytes(client):
    array = np.zeros((1, 1_500_000), np.float32)
    assert client.infer("echo", [tensor(array)]).as_numpy("x").shape == array.shape


def test_grpc_an_unknown_model_or_version_is_not_found(client, rows):
    assert status(client.infer, "nope", [tensor(rows)]) == "NOT_FOUND"
    asked = {"model_version": "999"}
    assert status(client.infer, "late", [tensor(rows)], **asked) == "NOT_FOUND"


def test_grpc_wrong_feature_count_is_an_invalid_argument(client, rows):
    assert status(client.infer, "late", [tensor(rows[:, :2])]) == "INVALID_ARGUMENT"


def test_grpc_an_unknown_output_is_an_invalid_argument(client, rows):
    outputs = [triton.InferRequestedOutput("no")]
    found = status(client.infer, "late", [tensor(rows)], outputs=outputs)
    assert found == "INVALID_ARGUMENT"


def test_grpc_deadline(client, rows):
    array = np.zeros((1, 1_500_000), np.float32)
    found = status(client.infer, "echo", [tensor(array)], client_timeout=0.0005)
    assert found == "DEADLINE_EXCEEDED"


def test_grpc_index(client):
    found = {model.name: model.state for model in client.get_model_repository_index().models}
    assert found["late"] == "READY"


def test_grpc_statistics_and_config(client, rows):
    client.infer("late", [tensor(rows)])
    assert client.get_inference_statistics("late").model_stats[0].execution_count > 0
    assert client.get_model_config("late").config.name == "late"


def test_grpc_stream(client, rows, expected):
    asked = pb.ModelInferRequest(model_name="late", raw_input_contents=[rows.tobytes()])
    asked.inputs.add(name="x", datatype="FP32", shape=rows.shape)
    answers = client._client_stub.ModelStreamInfer(iter([asked, asked]), timeout=10)
    assert [one.error_message for one in answers] == ["", ""]

    found: queue.Queue = queue.Queue()
    client.start_stream(lambda result, error: found.put((result, error)))
    for name in ("late", "nope", "late"):
        client.async_stream_infer(name, [tensor(rows)], request_id=name)
    first, failed, last = [found.get(timeout=20) for _ in range(3)]
    client.stop_stream()
    assert "nope" in failed[1].message()
    for result, error in (first, last):
        assert error is None
        np.testing.assert_allclose(result.as_numpy("predict"), expected[:, None], rtol=1e-12)


def test_grpc_asyncio_client(target, rows, expected):
    import tritonclient.grpc.aio as triton_aio

    async def ask():
        async with triton_aio.InferenceServerClient(target.grpc) as client:
            inputs = [triton_aio.InferInput("x", list(rows.shape), "FP32")]
            inputs[0].set_data_from_numpy(rows)
            return await asyncio.gather(*[client.infer("late", inputs) for _ in range(20)])

    for answer in asyncio.run(ask()):
        np.testing.assert_allclose(answer.as_numpy("predict"), expected[:, None], rtol=1e-12)


def test_grpc_packed_messages(client, rows, expected):
    answer = client.infer("late", [tensor(rows)], compression_algorithm="gzip")
    np.testing.assert_allclose(answer.as_numpy("predict"), expected[:, None], rtol=1e-12)


def test_grpc_health_client(channel):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "inference.GRPCInferenceService", "late"):
        asked = health_pb2.HealthCheckRequest(service=service)
        assert stub.Check(asked, timeout=10).status == health_pb2.HealthCheckResponse.SERVING
        watching = stub.Watch(asked, timeout=10)
        assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
        watching.cancel()


def test_grpc_reflection_client(channel):
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    database = ProtoReflectionDescriptorDatabase(channel)
    assert "inference.GRPCInferenceService" in database.get_services()
    service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
    infer = service.methods_by_name["ModelInfer"]
    assert infer.input_type.fields_by_name["raw_input_contents"].number == 7


def test_grpc_unload_then_load(client):
    client.unload_model("echo")
    try:
        assert not client.is_model_ready("echo")
    finally:
        client.load_model("echo")
    assert client.is_model_ready("echo")
