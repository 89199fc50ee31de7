"""Inference messages as bytes, against protobuf's own reading of them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.wire.open_inference.grpc import (
    LARGE,
    OPEN_INFERENCE,
    InvalidMessage,
    decode_request,
    encode_response,
    encode_streamed,
)

Request = OPEN_INFERENCE.message("ModelInferRequest")
Response = OPEN_INFERENCE.message("ModelInferResponse")
Streamed = OPEN_INFERENCE.message("ModelStreamInferResponse")


def request(raws, name="m"):
    message = Request(model_name=name, id="q", raw_input_contents=raws)
    for index, _ in enumerate(raws):
        message.inputs.add(name=f"x{index}", datatype="UINT8", shape=[-1, 300])
    message.parameters["n"].int64_param = -3
    return message


@given(st.lists(st.binary(max_size=300), max_size=4), st.sampled_from([0, LARGE]))
def test_a_message_reads_the_same_small_and_large(raws, padding):
    raws = [*raws, bytes(padding)]
    message = request(raws)
    read, found = decode_request(message.SerializeToString())
    assert [bytes(one) for one in found] == raws
    read.ClearField("raw_input_contents")
    message.ClearField("raw_input_contents")
    assert read == message


def test_the_tensors_of_a_large_message_are_not_copied():
    body = request([os.urandom(LARGE)]).SerializeToString()
    _, (raw,) = decode_request(body)
    assert raw.obj is body


@pytest.mark.parametrize("cut", [1, 5, LARGE])
def test_a_truncated_message_is_refused(cut):
    body = request([bytes(2 * LARGE)]).SerializeToString()
    with pytest.raises(InvalidMessage):
        decode_request(body[:-cut])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_refused_or_read(noise):
    for body in (noise, noise + bytes(LARGE), bytes([0xFF]) * LARGE + noise):
        try:
            decode_request(body)
        except InvalidMessage:
            continue


@given(st.lists(st.binary(max_size=400), max_size=4))
def test_a_response_is_what_protobuf_would_have_written(raws):
    head = Response(model_name="m", model_version="3")
    whole = Response(model_name="m", model_version="3", raw_output_contents=raws)
    written = encode_response(head, raws)
    assert Response.FromString(written) == whole
    final = Response()
    final.parameters["last"].bool_param = True
    streamed = Streamed.FromString(encode_streamed([written, final.SerializeToString()]))
    assert streamed.infer_response.parameters["last"].bool_param
    del streamed.infer_response.parameters["last"]
    assert streamed.infer_response == whole
