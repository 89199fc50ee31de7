"""Inference messages to and from HTTP bodies: plain JSON, or JSON followed by raw tensors.

Under Triton's binary tensor data extension the header ``Inference-Header-Content-Length`` says
how long the JSON is; each tensor whose parameters carry ``binary_data_size`` takes its bytes, in
order, from what follows.
"""

from typing import Any, TypeVar

import msgspec

from dovetail.wire import lenient
from dovetail.wire.open_inference.messages import InferenceRequest, InferenceResponse, Tensor

HEADER_LENGTH = "Inference-Header-Content-Length"
_SIZE = "binary_data_size"
_M = TypeVar("_M", InferenceRequest, InferenceResponse)
_encoder = msgspec.json.Encoder()
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (InferenceRequest, InferenceResponse)
}


class InvalidBody(ValueError):
    """A body that is no inference message."""


def encode_request(request: InferenceRequest) -> tuple[bytes, int | None]:
    """Write a request; tensors whose data is bytes follow the JSON.

    Returns:
        The body, and the length of its JSON part or None where that is all.
    """
    return _encode(request, request.inputs, "inputs")


def encode_response(response: InferenceResponse) -> tuple[bytes, int | None]:
    """Write a response; tensors whose data is bytes follow the JSON.

    Returns:
        The body, and the length of its JSON part or None where that is all.
    """
    return _encode(response, response.outputs, "outputs")


def decode_request(body: bytes, header_length: int | None = None) -> InferenceRequest:
    """Read a request.

    Args:
        body: The HTTP body, uncompressed.
        header_length: What ``HEADER_LENGTH`` says, None where the header is absent.

    Raises:
        InvalidBody: The body is no request, or its parts do not add up.
    """
    return _decode(body, header_length, InferenceRequest, "inputs")


def decode_response(body: bytes, header_length: int | None = None) -> InferenceResponse:
    """Read a response; the arguments are those of ``decode_request``.

    Raises:
        InvalidBody: The body is no response, or its parts do not add up.
    """
    return _decode(body, header_length, InferenceResponse, "outputs")


def _encode(
    message: msgspec.Struct, tensors: tuple[Tensor, ...], field: str
) -> tuple[bytes, int | None]:
    parts: list[bytes | memoryview] = []
    heads: list[Tensor] = []
    for tensor in tensors:
        if isinstance(tensor.data, bytes | bytearray | memoryview):
            raw = memoryview(tensor.data).cast("B")
            parts.append(raw)
            sized = {**(tensor.parameters or {}), _SIZE: len(raw)}
            heads.append(msgspec.structs.replace(tensor, data=None, parameters=sized))
        else:
            heads.append(tensor)
    if not parts:
        return _encoder.encode(message), None
    head = _encoder.encode(msgspec.structs.replace(message, **{field: tuple(heads)}))
    return b"".join([head, *parts]), len(head)


def _decode(body: bytes, header_length: int | None, type: type[_M], field: str) -> _M:
    end = len(body) if header_length is None else header_length
    if not 0 <= end <= len(body):
        raise InvalidBody(f"{HEADER_LENGTH} is {end}, the body has {len(body)} bytes")
    message = _parse(body if end == len(body) else body[:end], type)
    if header_length is None:
        return message
    rest = memoryview(body)[end:]
    tensors: list[Tensor] = []
    for tensor in getattr(message, field):
        whole, rest = _attach(tensor, rest)
        tensors.append(whole)
    if len(rest):
        raise InvalidBody(f"{len(rest)} bytes follow the last tensor")
    return msgspec.structs.replace(message, **{field: tuple(tensors)})


def _parse(head: bytes, type: type[_M]) -> _M:
    try:
        return _decoders[type].decode(head)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # the forgiving way takes it, or says why not
    try:
        return lenient.decode(head, type, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidBody(str(error)) from error
    except msgspec.DecodeError as error:
        raise InvalidBody(f"the body is not JSON: {error}") from error


def _attach(tensor: Tensor, rest: memoryview) -> tuple[Tensor, memoryview]:
    size: Any = (tensor.parameters or {}).get(_SIZE)
    if size is None:
        return tensor, rest
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(rest):
        raise InvalidBody(
            f"tensor {tensor.name!r}: {_SIZE} is {size!r}, {len(rest)} bytes are left"
        )
    return msgspec.structs.replace(tensor, data=rest[:size]), rest[size:]
