"""Overload, deadlines and clients that leave, over gRPC."""

import time

import grpc
import numpy as np
import pytest

from dovetail.wire.open_inference.grpc import OPEN_INFERENCE, SERVICE

M = OPEN_INFERENCE.message


class Caller:
    """Calls `ModelInfer`."""

    def __init__(self, channel):
        self._call = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            lambda message: message.SerializeToString(),
            M("ModelInferResponse").FromString,
        )

    def send(self, rows, model, timeout=20.0):
        array = np.array(rows, dtype=float)
        message = M("ModelInferRequest")(model_name=model)
        message.inputs.add(name="x", datatype="FP64", shape=array.shape)
        message.raw_input_contents.append(array.tobytes())
        return self._call.future(message, timeout=timeout)


@pytest.fixture
def calling():
    channels = []

    def call(server):
        channels.append(grpc.insecure_channel(server.grpc))
        return Caller(channels[-1])

    yield call
    for channel in channels:
        channel.close()


def first_output(answer):
    return np.frombuffer(answer.raw_output_contents[0]).tolist()


def test_calls_are_joined_and_each_gets_its_rows(slow, calling):
    with slow("g1", max_batch_rows=64) as server:
        caller = calling(server)
        first = server.hold("g1")
        server["g1"].calls.clear()
        more = [caller.send([[n, 1]] * (n + 1), "g1") for n in range(5)]
        server.waits(5, "g1")
        server["g1"].gate.set()
        assert [first_output(f.result()) for f in more] == [[n + 1.0] * (n + 1) for n in range(5)]
        assert server["g1"].calls == [15]
        first.result()


def test_a_full_queue_is_unavailable_and_says_when_to_come_again(slow, calling):
    with slow("g2", queue=1, max_batch_rows=1) as server:
        caller = calling(server)
        first = server.hold("g2")
        waits = caller.send([[1, 1]], "g2")
        server.waits(1, "g2")
        refused = caller.send([[1, 1]], "g2")
        assert refused.code() == grpc.StatusCode.UNAVAILABLE
        assert "model 'g2' is overloaded" in refused.details()
        told = dict(refused.trailing_metadata())
        assert told["retry-after"] == "1"
        assert told["grpc-retry-pushback-ms"] == "1000"
        server["g2"].gate.set()
        assert first_output(waits.result()) == [2.0]
        first.result()


def test_a_deadline_that_passes_in_the_queue_spares_the_model(slow, calling):
    with slow("g3", max_batch_rows=1) as server:
        caller = calling(server)
        first = server.hold("g3")
        server["g3"].calls.clear()
        late = caller.send([[1, 1]], "g3", timeout=0.2)
        assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        server.waits(0, "g3")
        server["g3"].gate.set()
        first.result()
        assert first_output(caller.send([[2, 2]], "g3").result()) == [4.0]
        assert server["g3"].calls == [1]


def test_a_call_that_is_cancelled_spares_the_model(slow, calling):
    with slow("g4", max_batch_rows=1) as server:
        caller = calling(server)
        first = server.hold("g4")
        server["g4"].calls.clear()
        call = caller.send([[1, 1]], "g4")
        server.waits(1, "g4")
        call.cancel()
        server.waits(0, "g4")
        server["g4"].gate.set()
        first.result()
        time.sleep(0.1)
        assert server["g4"].calls == []
