"""Our Open Inference codec against the bodies that Triton's own client makes and reads."""

import numpy as np
import pytest

from dovetail.wire import open_inference as oip

pytestmark = pytest.mark.compat

triton = pytest.importorskip("tritonclient.http", reason="the incumbent is not installed")

ARRAYS = {
    "BOOL": np.array([[True, False]]),
    "UINT8": np.array([[0, 255]], "u1"),
    "UINT16": np.array([[0, 2**16 - 1]], "u2"),
    "UINT32": np.array([[0, 2**32 - 1]], "u4"),
    "UINT64": np.array([[0, 2**64 - 1]], "u8"),
    "INT8": np.array([[-128, 127]], "i1"),
    "INT16": np.array([[-(2**15), 1]], "i2"),
    "INT32": np.array([[-(2**31), 1]], "i4"),
    "INT64": np.array([[-(2**63), 2**63 - 1]], "i8"),
    "FP16": np.array([[0.5, -2.0]], "f2"),
    "FP32": np.array([[0.1, -2.0]], "f4"),
    "FP64": np.array([[0.1, -2.0]], "f8"),
    "BYTES": np.array([["EWR", "é"]], dtype=object),
}


def same(left, right):
    as_bytes = [x if isinstance(x, bytes) else str(x).encode() for x in right.ravel().tolist()]
    if left.dtype == object:
        assert left.ravel().tolist() == as_bytes
    else:
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype
    assert left.shape == right.shape


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize(("datatype", "array"), ARRAYS.items(), ids=list(ARRAYS))
def test_we_read_what_triton_sends(datatype, array, binary):
    given = triton.InferInput("x", array.shape, datatype)
    given.set_data_from_numpy(array, binary_data=binary)
    wanted = [triton.InferRequestedOutput("y", binary_data=binary)]
    body, length = triton.InferenceServerClient.generate_request_body(
        [given], outputs=wanted, request_id="r1", parameters={"role": "shadow"}
    )
    request = oip.decode_request(body, length)
    assert (request.id, request.parameters) == ("r1", {"role": "shadow"})
    assert request.wants_binary("y") is binary
    assert request.inputs[0].datatype == datatype
    same(oip.to_array(request.inputs[0]), array)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize(("datatype", "array"), ARRAYS.items(), ids=list(ARRAYS))
def test_triton_reads_what_we_send(datatype, array, binary):
    y = oip.from_array("y", array, binary=binary, datatype=datatype)
    z = oip.from_array("z", np.arange(3.0), binary=binary)
    response = oip.InferenceResponse(model_name="m", model_version="3", outputs=(z, y))
    body, length = oip.encode_response(response)
    result = triton.InferenceServerClient.parse_response_body(body, header_length=length)
    got = result.as_numpy("y")
    assert result.get_response()["model_version"] == "3"
    assert [oip.values(y)] == [
        [x.encode() if isinstance(x, str) else x for x in got.ravel().tolist()]
    ]
    assert got.shape == array.shape


def test_without_named_outputs_triton_wants_all_as_bytes():
    given = triton.InferInput("x", [1], "FP32")
    given.set_data_from_numpy(np.zeros(1, "f4"))
    request = oip.decode_request(*triton.InferenceServerClient.generate_request_body([given]))
    assert request.wants_binary("anything")
