import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.wire import open_inference as oip
from dovetail.wire.open_inference import InferenceRequest, InvalidBody, RequestedOutput, Tensor

NAMES = st.text(min_size=1, max_size=6)
PARAMETERS = st.none() | st.dictionaries(
    st.sampled_from(["role", "event_time", "content_type"]), NAMES | st.booleans(), min_size=1
)
JSON_TENSORS = st.builds(
    Tensor,
    name=NAMES,
    shape=st.just((2,)),
    datatype=st.just("INT32"),
    parameters=PARAMETERS,
    data=st.lists(st.integers(0, 99), min_size=2, max_size=2),
)
RAW_TENSORS = st.builds(
    Tensor,
    name=NAMES,
    shape=st.just((1,)),
    datatype=st.just("BYTES"),
    parameters=PARAMETERS,
    data=st.binary(max_size=20),
)
TENSORS = st.lists(JSON_TENSORS | RAW_TENSORS, min_size=1, max_size=4).map(tuple)
REQUESTS = st.builds(InferenceRequest, inputs=TENSORS, id=st.none() | NAMES, parameters=PARAMETERS)
RESPONSES = st.builds(
    oip.InferenceResponse, model_name=NAMES, model_version=st.none() | NAMES, outputs=TENSORS
)


def plain(tensor: Tensor) -> Tensor:
    """The tensor without what only the binary form adds."""
    if not isinstance(tensor.data, bytes | memoryview):
        return tensor
    rest = {k: v for k, v in (tensor.parameters or {}).items() if k != "binary_data_size"}
    return msgspec.structs.replace(tensor, data=bytes(tensor.data), parameters=rest or None)


@given(REQUESTS)
def test_a_request_survives_the_wire(request):
    body, length = oip.encode_request(request)
    assert (length is None) == all(isinstance(item.data, list) for item in request.inputs)
    back = oip.decode_request(body, length)
    assert tuple(map(plain, back.inputs)) == request.inputs
    assert (back.id, back.parameters) == (request.id, request.parameters)


@given(RESPONSES)
def test_a_response_survives_the_wire(response):
    back = oip.decode_response(*oip.encode_response(response))
    assert tuple(map(plain, back.outputs)) == response.outputs
    assert (back.model_name, back.model_version) == (response.model_name, response.model_version)


def test_a_message_that_was_read_can_be_sent_on():
    raw = Tensor(name="x", shape=(1,), datatype="FP32", data=b"\0\0\0\0")
    once = oip.encode_request(InferenceRequest(inputs=(raw,)))
    assert oip.encode_request(oip.decode_request(*once)) == once


def test_unset_fields_stay_off_the_wire():
    x = Tensor(name="x", shape=(1,), datatype="INT32", data=[1])
    body, _ = oip.encode_request(InferenceRequest(inputs=(x,)))
    assert body == b'{"inputs":[{"name":"x","shape":[1],"datatype":"INT32","data":[1]}]}'


HEAD = (
    b'{"inputs":[{"name":"x","shape":[1],"datatype":"INT32","parameters":{"binary_data_size":%s}}]}'
)
BROKEN = {
    "no-json": (b"nonsense", None, "not JSON"),
    "no-inputs": (b"{}", None, "missing required field `inputs`"),
    "text-shape": (b'{"inputs":[{"name":"x","shape":"1","datatype":"INT32"}]}', None, "array"),
    "header-too-long": (b"{}", 3, "the body has 2 bytes"),
    "header-negative": (b"{}", -1, "the body has 2 bytes"),
    "bytes-missing": (HEAD % b"4" + b"123", len(HEAD) - 1, "binary_data_size is 4, 3 bytes"),
    "bytes-left": (HEAD % b"4" + b"12345", len(HEAD) - 1, "1 bytes follow the last tensor"),
    "size-negative": (HEAD % b"-4" + b"1234", len(HEAD), "binary_data_size is -4"),
    "size-text": (HEAD % b'"4"' + b"1234", len(HEAD) + 1, "binary_data_size is '4'"),
    "size-bool": (HEAD % b"true" + b"1", len(HEAD) + 2, "binary_data_size is True"),
    "deep": (
        b'{"inputs":[{"name":"x","shape":[1],"datatype":"INT32","data":' + b"[" * 9999,
        None,
        "nested too deeply",
    ),
}


@pytest.mark.parametrize(("body", "length", "words"), BROKEN.values(), ids=list(BROKEN))
def test_a_body_that_does_not_add_up_is_refused(body, length, words):
    with pytest.raises(InvalidBody, match=words):
        oip.decode_request(body, length)


def test_bare_nan_in_data_is_taken():
    body = b'{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[NaN,-Infinity]}]}'
    (tensor,) = oip.decode_request(body).inputs
    assert str(oip.values(tensor)) == "[nan, -inf]"


@pytest.mark.parametrize(
    ("outputs", "parameters", "wanted"),
    [
        ((), None, False),
        ((), {"binary_data_output": True}, True),
        ((RequestedOutput(name="y", parameters={"binary_data": True}),), None, True),
        (
            (RequestedOutput(name="y", parameters={"binary_data": False}),),
            {"binary_data_output": True},
            False,
        ),
        ((RequestedOutput(name="y"),), {"binary_data_output": True}, True),
    ],
    ids=["nothing", "all", "this", "all-but-this", "all-named"],
)
def test_a_request_says_which_outputs_it_wants_as_bytes(outputs, parameters, wanted):
    request = InferenceRequest(inputs=(), outputs=outputs, parameters=parameters)
    assert request.wants_binary("y") is wanted


def test_an_output_is_found_by_name():
    y = Tensor(name="y", shape=(1,), datatype="INT32", data=[1])
    response = oip.InferenceResponse(model_name="m", outputs=(y,))
    assert response.output("y") is y
    with pytest.raises(LookupError, match="the answer has no output 'z'; it has y"):
        response.output("z")
