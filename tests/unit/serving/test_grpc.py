"""The server over gRPC: inference raw and typed, refusals, streams, health, reflection, drain."""

import threading
import time
from contextlib import contextmanager

import grpc
import httpx
import numpy as np
import pytest
from tests.unit.serving.conftest import wait_ready

from dovetail.base.errors import UnavailableError
from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece
from dovetail.wire.grpc import HEALTH, REFLECTION, REFLECTION_ALPHA
from dovetail.wire.open_inference.grpc import LARGE, OPEN_INFERENCE, SERVICE

M = OPEN_INFERENCE.message
SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3


class Stub:
    """Calls methods by their names."""

    def __init__(self, address, token=""):
        self._channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", -1)]
        )
        self._metadata = [("authorization", f"Bearer {token}")] if token else []

    def __call__(self, method, asked, answered="", *, timeout=20, metadata=()):
        call = self._channel.unary_unary(
            f"/{SERVICE}/{method}",
            lambda message: message.SerializeToString(),
            M(answered or f"{method}Response").FromString,
        )
        return call(asked, timeout=timeout, metadata=[*self._metadata, *metadata])

    def infer(self, asked, **options):
        return self("ModelInfer", asked, **options)

    def stream(self, asked):
        call = self._channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer",
            lambda message: message.SerializeToString(),
            M("ModelStreamInferResponse").FromString,
        )
        return call(iter(asked), timeout=20)

    def health(self, service=""):
        call = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            lambda message: message.SerializeToString(),
            HEALTH.message("HealthCheckResponse").FromString,
        )
        return call(HEALTH.message("HealthCheckRequest")(service=service), timeout=20).status

    def watch(self, service=""):
        call = self._channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            lambda message: message.SerializeToString(),
            HEALTH.message("HealthCheckResponse").FromString,
        )
        return call(HEALTH.message("HealthCheckRequest")(service=service), timeout=30)

    def reflect(self, protocol, **question):
        call = self._channel.stream_stream(
            f"/{protocol.services[0]}/ServerReflectionInfo",
            lambda message: message.SerializeToString(),
            protocol.message("ServerReflectionResponse").FromString,
        )
        asked = protocol.message("ServerReflectionRequest")(**question)
        return next(iter(call(iter([asked]), timeout=20)))

    def close(self):
        self._channel.close()


@contextmanager
def calling(address, token=""):
    stub = Stub(address, token)
    try:
        yield stub
    finally:
        stub.close()


@pytest.fixture
def stub(server):
    with calling(server.addresses["gRPC"]) as found:
        yield found


def raw(model, array, datatype="FP64", **fields):
    message = M("ModelInferRequest")(model_name=model, **fields)
    message.inputs.add(name="x", datatype=datatype, shape=array.shape)
    message.raw_input_contents.append(array.tobytes())
    return message


def typed(model, datatype, field, values, shape=None):
    message = M("ModelInferRequest")(model_name=model)
    one = message.inputs.add(name="x", datatype=datatype, shape=shape or [len(values)])
    getattr(one.contents, field).extend(values)
    return message


def refused(status, text, call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    assert (caught.value.code().name, text in caught.value.details()) == (status, True), (
        caught.value.details()
    )


def rows(count=3):
    return np.arange(count * 4, dtype=np.float64).reshape(count, 4)


def test_rest_and_grpc_give_the_same_answer(server, stub):
    array = rows()
    tensor = {"name": "x", "shape": [3, 4], "datatype": "FP64", "data": array.ravel().tolist()}
    due = httpx.post(f"{server.url}/v2/models/late/infer", json={"inputs": [tensor]}).json()
    answer = stub.infer(raw("late", array, id="q7"))
    assert (answer.model_name, answer.model_version, answer.id) == ("late", "1", "q7")
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("predict", "FP64", [3, 1])
    got = np.frombuffer(answer.raw_output_contents[0], np.float64)
    assert got.tolist() == due["outputs"][0]["data"]


def test_a_typed_request_has_a_typed_answer(stub):
    answer = stub.infer(typed("echo", "INT8", "int_contents", [-128, 127]))
    assert list(answer.outputs[0].contents.int_contents) == [-128, 127]
    assert not answer.raw_output_contents


def test_a_large_request_is_answered_as_a_small_one(stub):
    array = np.random.default_rng(0).normal(size=(LARGE, 2))
    answer = stub.infer(raw("echo", array))
    assert answer.raw_output_contents[0] == array.tobytes()


def test_half_precision_travels_raw_only(stub):
    array = np.array([0.5, -1.5], np.float16)
    answer = stub.infer(raw("echo", array, "FP16"))
    assert answer.raw_output_contents[0] == array.tobytes()
    asked = typed("echo", "FP16", "fp32_contents", [0.5])
    refused("INVALID_ARGUMENT", "raw_input_contents", stub.infer, asked)


def test_bytes_travel_both_ways(stub):
    packed = b"\x01\x00\x00\x00a\x02\x00\x00\x00\xff\x00"
    message = M("ModelInferRequest")(model_name="echo", raw_input_contents=[packed])
    message.inputs.add(name="x", datatype="BYTES", shape=[2])
    assert stub.infer(message).raw_output_contents[0] == packed
    asked = typed("echo", "BYTES", "bytes_contents", [b"a", b"\xff\x00"])
    assert list(stub.infer(asked).outputs[0].contents.bytes_contents) == [b"a", b"\xff\x00"]


def two_of_one_name():
    message = raw("echo", rows())
    message.inputs.add(name="x", datatype="FP64", shape=[1])
    message.raw_input_contents.append(bytes(8))
    return message


def twice_given():
    message = raw("echo", rows())
    message.inputs[0].contents.fp64_contents.append(1.0)
    return message


def in_shared_memory():
    message = typed("echo", "FP64", "fp64_contents", [1.0])
    message.inputs[0].parameters["shared_memory_region"].string_param = "region"
    return message


def with_shape(shape):
    message = raw("late", rows())
    message.inputs[0].shape[:] = shape
    return message


FAULTS = {
    "no inputs": (lambda: M("ModelInferRequest")(model_name="late"), "no inputs"),
    "raw shorter than shape": (lambda: with_shape([9, 4]), "36 elements"),
    "negative shape": (lambda: with_shape([-3, 4]), "negative"),
    "wrong feature count": (lambda: raw("late", rows()[:, :2].copy()), "2 features"),
    "unknown datatype": (lambda: raw("late", rows(), "FP99"), "datatype is none of"),
    "typed beyond its type": (
        lambda: typed("echo", "INT8", "int_contents", [300]), "outside INT8"),
    "typed in another field": (
        lambda: typed("echo", "INT64", "fp32_contents", [1.0]), "int64_contents"),
    "too few typed": (lambda: typed("echo", "FP32", "fp32_contents", [1.0], [2]), "2 elements"),
    "two of one name": (two_of_one_name, "same name"),
    "raw and typed": (twice_given, "given twice"),
    "shared memory": (in_shared_memory, "shared memory"),
    "unknown output": (lambda: raw("late", rows(), outputs=[{"name": "no"}]), "no output 'no'"),
    "unknown role": (
        lambda: raw("late", rows(), parameters={"role": {"string_param": "boss"}}), "role 'boss'"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "text"), FAULTS.values(), ids=FAULTS.keys())
def test_a_request_that_is_at_fault_is_an_invalid_argument(stub, asked, text):
    refused("INVALID_ARGUMENT", text, stub.infer, asked())


def test_more_raw_tensors_than_inputs(stub):
    message = raw("echo", rows())
    message.raw_input_contents.append(b"")
    refused("INVALID_ARGUMENT", "1 inputs and 2 raw_input_contents", stub.infer, message)


def test_an_unknown_model_and_version(stub):
    refused("NOT_FOUND", "'nope' is not known", stub.infer, raw("nope", rows()))
    asked = raw("late", rows(), model_version="9")
    refused("NOT_FOUND", "no version '9'", stub.infer, asked)
    refused("NOT_FOUND", "'nope'", stub, "ModelMetadata", M("ModelMetadataRequest")(name="nope"))


def test_bytes_that_are_no_message(server):
    with grpc.insecure_channel(server.addresses["gRPC"]) as channel:
        call = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        refused("INVALID_ARGUMENT", "not an inference request", call, b"\xff\xff", timeout=20)


def test_an_unloaded_model_is_unavailable_until_it_is_loaded(stub):
    stub("RepositoryModelUnload", M("RepositoryModelUnloadRequest")(model_name="echo"))
    assert stub.health("echo") == NOT_SERVING
    assert not stub("ModelReady", M("ModelReadyRequest")(name="echo")).ready
    refused("UNAVAILABLE", "unloaded", stub.infer, raw("echo", rows()))
    stub("RepositoryModelLoad", M("RepositoryModelLoadRequest")(model_name="echo"))
    assert stub("ModelReady", M("ModelReadyRequest")(name="echo")).ready
    assert stub.health("echo") == SERVING


def test_a_version_is_loaded_beside_the_other(stub, other_file):
    load = M("RepositoryModelLoadRequest")(model_name="late")
    load.parameters["uri"].string_param = str(other_file)
    load.parameters["version"].string_param = "2"
    stub("RepositoryModelLoad", load)
    asked = M("ModelMetadataRequest")(name="late")
    assert list(stub("ModelMetadata", asked).versions) == ["1", "2"]
    assert stub.infer(raw("late", rows(), model_version="2")).model_version == "2"
    assert stub.infer(raw("late", rows())).model_version == "1"
    unload = M("RepositoryModelUnloadRequest")(model_name="late")
    unload.parameters["version"].string_param = "2"
    stub("RepositoryModelUnload", unload)
    assert list(stub("ModelMetadata", asked).versions) == ["1"]


def test_the_server_and_its_models_describe_themselves(stub):
    assert stub("ServerLive", M("ServerLiveRequest")()).live
    assert stub("ServerReady", M("ServerReadyRequest")()).ready
    assert stub("ServerMetadata", M("ServerMetadataRequest")()).name == "dovetail"
    described = stub("ModelMetadata", M("ModelMetadataRequest")(name="late"))
    assert [list(one.shape) for one in described.inputs] == [[-1, 4]]
    config = stub("ModelConfig", M("ModelConfigRequest")(name="late")).config
    assert (config.name, list(config.version_policy.specific.versions)) == ("late", [1])
    assert list(config.input[0].dims) == [-1, 4]
    stub.infer(raw("late", rows()))
    (counted,) = stub("ModelStatistics", M("ModelStatisticsRequest")(name="late")).model_stats
    assert counted.execution_count > 0
    (usage,) = counted.memory_usage
    assert (usage.type, usage.id) == ("CPU", 0)
    assert usage.byte_size > 0
    index = stub("RepositoryIndex", M("RepositoryIndexRequest")())
    states = {(one.name, one.version): one.state for one in index.models}
    assert states["late", "1"] == states["echo", "1"] == "READY"


def test_what_only_triton_has_is_unimplemented(stub):
    asked = M("ServerLiveRequest")()
    for method in ("SystemSharedMemoryStatus", "TraceSetting", "LogSettings"):
        refused("UNIMPLEMENTED", "shared memory", stub, method, asked, "ServerLiveResponse")


def test_a_stream_keeps_its_order_and_survives_what_is_at_fault(stub):
    asked = [raw("echo", rows(n + 1), id=str(n)) for n in range(20)]
    asked[3] = raw("nope", rows(), id="3")
    asked[7] = M("ModelInferRequest")(model_name="echo", id="7")
    asked[9].parameters["triton_enable_empty_final_response"].bool_param = True
    answers = list(stub.stream(asked))
    assert [one.infer_response.id for one in answers] == [str(n) for n in range(20)]
    failed = {n: one.error_message for n, one in enumerate(answers) if one.error_message}
    assert set(failed) == {3, 7}
    assert "'nope' is not known" in failed[3]
    final = [n for n, one in enumerate(answers) if one.infer_response.parameters]
    assert final == [9]
    assert answers[9].infer_response.parameters["triton_final_response"].bool_param


def test_health_of_the_server_and_its_models(stub):
    assert stub.health() == stub.health(SERVICE) == stub.health("late") == SERVING
    refused("NOT_FOUND", "'nope'", stub.health, "nope")
    watching = stub.watch("nope")
    assert next(watching).status == UNKNOWN
    watching.cancel()


def test_a_watcher_is_told_of_changes(stub):
    watching = stub.watch("echo")
    assert next(watching).status == SERVING
    stub("RepositoryModelUnload", M("RepositoryModelUnloadRequest")(model_name="echo"))
    assert next(watching).status == NOT_SERVING
    stub("RepositoryModelLoad", M("RepositoryModelLoadRequest")(model_name="echo"))
    assert next(watching).status == SERVING
    watching.cancel()


@pytest.mark.parametrize("protocol", [REFLECTION, REFLECTION_ALPHA], ids=lambda p: p.package)
def test_reflection_shows_every_service(stub, protocol):
    from google.protobuf import descriptor_pb2

    listed = stub.reflect(protocol, list_services="*").list_services_response.service
    names = [one.name for one in listed]
    assert SERVICE in names
    assert names == sorted({*HEALTH.services, *REFLECTION.services, *REFLECTION_ALPHA.services,
                            SERVICE})  # fmt: skip
    for symbol in [*names, f"{SERVICE}.ModelInfer", "inference.ModelInferRequest"]:
        found = stub.reflect(protocol, file_containing_symbol=symbol).file_descriptor_response
        (content,) = found.file_descriptor_proto
        file = descriptor_pb2.FileDescriptorProto.FromString(content)
        assert symbol.startswith(file.package)
    missing = stub.reflect(protocol, file_containing_symbol="inference.Nothing")
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    by_name = stub.reflect(protocol, file_by_filename=OPEN_INFERENCE.file)
    assert by_name.file_descriptor_response.file_descriptor_proto


def test_a_message_over_the_limit_is_refused(tmp_path):
    (tmp_path / "echo.identity").touch()
    settings = ServingSettings(models=(str(tmp_path / "echo.identity"),), max_body_mb=1)
    with run_piece(piece, settings, state=tmp_path / "state") as server:
        wait_ready(server.url)
        with calling(server.addresses["gRPC"]) as stub:
            array = np.zeros(1 << 17)
            assert stub.infer(raw("echo", array)).raw_output_contents[0] == array.tobytes()
            refused(
                "RESOURCE_EXHAUSTED", "larger than max", stub.infer, raw("echo", np.zeros(1 << 18))
            )
            packed = {"compression": grpc.Compression.Gzip}
            with grpc.insecure_channel(server.addresses["gRPC"], **packed) as channel:
                call = channel.unary_unary(f"/{SERVICE}/ModelInfer")
                bomb = raw("echo", np.zeros(1 << 20)).SerializeToString()
                refused("RESOURCE_EXHAUSTED", "larger than max", call, bomb, timeout=20)


def test_tokens_are_those_of_rest(tmp_path):
    (tmp_path / "echo.identity").touch()
    settings = ServingSettings(models=(str(tmp_path / "echo.identity"),))
    with run_piece(piece, settings, state=tmp_path / "state", auth=True) as server:
        wait_ready(server.url)
        tokens = Tokens(f"sqlite:///{tmp_path / 'state' / 'web.db'}")
        secrets = {role: tokens.create(role, role) for role in ("viewer", "editor")}
        tokens.close()
        unload = M("RepositoryModelUnloadRequest")(model_name="echo")
        address = server.addresses["gRPC"]
        with calling(address) as nobody:
            assert nobody("ServerReady", M("ServerReadyRequest")()).ready
            assert nobody.health() == SERVING
            refused("UNAUTHENTICATED", "none was sent", nobody.infer, raw("echo", rows()))
            refused("UNAUTHENTICATED", "none was sent", nobody.health, "echo")
            refused("UNAUTHENTICATED", "API token", list, nobody.stream([raw("echo", rows())]))
        with calling(address, "dvt_wrong") as wrong:
            refused("UNAUTHENTICATED", "unknown or revoked", wrong.infer, raw("echo", rows()))
        with calling(address, secrets["viewer"]) as viewer:
            assert viewer.infer(raw("echo", rows())).model_name == "echo"
            refused("PERMISSION_DENIED", "viewer", viewer, "RepositoryModelUnload", unload)
        with calling(address, secrets["editor"]) as editor:
            editor("RepositoryModelUnload", unload)


class Slow:
    """Holds calls of the echo until it is told to go on; to be made once that is loaded."""

    def __init__(self, monkeypatch):
        from dovetail.serving.formats.identity import Identity

        self.began, self.go_on = threading.Event(), threading.Event()
        run = Identity.run

        def held(identity, inputs, wanted=()):
            self.began.set()
            self.go_on.wait(20)
            return run(identity, inputs, wanted)

        monkeypatch.setattr(Identity, "run", held)


def test_a_deadline_ends_the_call_for_the_client(tmp_path, monkeypatch):
    with quiet_echo(tmp_path) as server, calling(server.addresses["gRPC"]) as stub:
        slow = Slow(monkeypatch)
        large = raw("echo", np.zeros(1 << 16))
        refused("DEADLINE_EXCEEDED", "", stub.infer, large, timeout=0.3)
        slow.go_on.set()
        assert stub.infer(large).model_name == "echo"


@contextmanager
def quiet_echo(tmp_path):
    (tmp_path / "echo.identity").touch()
    settings = ServingSettings(models=(str(tmp_path / "echo.identity"),), isolate=False)
    with run_piece(piece, settings, state=tmp_path / "state") as server:
        wait_ready(server.url)
        yield server


def test_a_stop_lets_running_calls_finish_and_refuses_new_ones(tmp_path, monkeypatch):
    answers, told = [], []
    with quiet_echo(tmp_path) as server:
        slow = Slow(monkeypatch)
        address = server.addresses["gRPC"]
        stub, other = Stub(address), Stub(address)
        watcher = threading.Thread(target=lambda: told.extend(one.status for one in other.watch()))
        caller = threading.Thread(
            target=lambda: answers.append(stub.infer(raw("echo", np.zeros(1 << 16))))
        )
        watcher.start()
        caller.start()
        assert slow.began.wait(20)
        until(lambda: told == [SERVING])
        threading.Timer(0.5, slow.go_on.set).start()
    caller.join(20)
    watcher.join(20)
    assert [one.model_name for one in answers] == ["echo"]
    assert told == [SERVING, NOT_SERVING]
    refused("UNAVAILABLE", "", stub.infer, raw("echo", rows()))
    stub.close()
    other.close()


def until(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come true")


def test_a_taken_port_is_refused_before_anything_listens(tmp_path, free_port):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = ServingSettings(grpc_port=port)
        with pytest.raises(UnavailableError, match=f"gRPC: port {port} .*--grpc-port"):
            run_piece(piece, settings, state=tmp_path).__enter__()


def test_by_default_the_port_is_beside_that_of_rest_or_a_free_one(tmp_path):
    import socket

    from dovetail.serving.grpc.ports import address_for

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert address_for("127.0.0.1", None, port - 1).port == 0
    assert address_for("127.0.0.1", None, port - 1).port == port
    assert address_for("127.0.0.1", None, 0).port == 0
    assert address_for("127.0.0.1", -1, 8080) is None
    assert str(address_for("::1", None, 0)) == "[::1]:0"


def test_it_can_be_switched_off(tmp_path):
    with run_piece(piece, ServingSettings(grpc_port=-1), state=tmp_path) as server:
        assert server.addresses == {}


def test_what_is_asked_over_grpc_is_told_to_the_payload_log(tmp_path):
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    from dovetail.web.testing import serve_in_thread

    told = []

    async def sink(request):
        told.extend(await request.json())
        return Response(status_code=202)

    with serve_in_thread(Starlette(routes=[Route("/", sink, methods=["POST"])])) as monitor:
        (tmp_path / "echo.identity").touch()
        settings = ServingSettings(
            models=(str(tmp_path / "echo.identity"),), payload_log=f"{monitor.url}/"
        )
        with run_piece(piece, settings, state=tmp_path / "state") as server:
            wait_ready(server.url)
            with calling(server.addresses["gRPC"]) as stub:
                answer = stub.infer(raw("echo", rows(1)))
                until(lambda: len(told) == 2)
    asked, answered = (event["data"] for event in told)
    assert asked["inputs"][0]["data"] == answered["outputs"][0]["data"] == [0.0, 1.0, 2.0, 3.0]
    assert asked["id"] == answered["id"] == answer.id
