"""Inference messages to and from bytes, with the raw tensors of large ones left where they are.

protobuf's own parser copies every tensor twice before Python sees it. It is fast for what is small,
so only messages over `LARGE` bytes are taken apart here: the raw tensors stay views of the message,
and protobuf reads the rest.
"""

from collections.abc import Sequence
from typing import Any

from dovetail.wire.open_inference.grpc.schema import OPEN_INFERENCE

__all__ = [
    "LARGE",
    "InvalidMessage",
    "decode_request",
    "encode_response",
    "encode_streamed",
    "split_request",
]

LARGE = 16 << 10
_RAW_INPUT = 7  # raw_input_contents in ModelInferRequest
_RAW_OUTPUT = b"\x32"  # raw_output_contents in ModelInferResponse: field 6, length-delimited
_STREAMED = b"\x12"  # infer_response in ModelStreamInferResponse: field 2, length-delimited
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5

Raw = bytes | memoryview


class InvalidMessage(ValueError):
    """Bytes that are no protobuf message of the expected type."""


def decode_request(body: bytes) -> tuple[Any, Sequence[Raw]]:
    """Read a `ModelInferRequest`.

    Returns:
        The message, and its raw tensors in order; those of a large message are views of it.

    Raises:
        InvalidMessage: It is malformed.
    """
    from google.protobuf.message import DecodeError

    head, raws = (body, None) if len(body) < LARGE else split_request(body)
    try:
        message = OPEN_INFERENCE.message("ModelInferRequest").FromString(head)
    except DecodeError as error:
        raise InvalidMessage("the message is not a ModelInferRequest") from error
    return message, message.raw_input_contents if raws is None else raws


def encode_response(head: Any, raws: Sequence[Raw]) -> bytes:
    """Write a `ModelInferResponse`.

    Args:
        head: The message without raw tensors.
        raws: Those tensors.
    """
    written: bytes = head.SerializeToString()
    if not raws:
        return written
    parts: list[Raw] = [written]
    for raw in raws:
        parts += (_RAW_OUTPUT + _varint(len(raw)), raw)
    return b"".join(parts)


def encode_streamed(parts: Sequence[bytes]) -> bytes:
    """Write a `ModelStreamInferResponse`.

    Args:
        parts: The bytes of a `ModelInferResponse`, perhaps followed by further fields of it.
    """
    return b"".join([_STREAMED, _varint(sum(map(len, parts))), *parts])


def split_request(body: bytes) -> tuple[bytes, list[Raw]]:
    """Part the raw tensors of a `ModelInferRequest`, as views of it, from the other fields.

    Raises:
        InvalidMessage: It is malformed.
    """
    view, at, end = memoryview(body), 0, len(body)
    others: list[Raw] = []
    raws: list[Raw] = []
    while at < end:
        start = at
        tag, at = _read_varint(body, at)
        wire_type = tag & 7
        if wire_type == _DELIMITED:
            size, at = _read_varint(body, at)
        elif wire_type == _VARINT:
            size = _read_varint(body, at)[1] - at
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise InvalidMessage("the message is not a ModelInferRequest")
        if at + size > end:
            raise InvalidMessage("the message is truncated")
        if wire_type == _DELIMITED and tag >> 3 == _RAW_INPUT:
            raws.append(view[at : at + size])
        else:
            others.append(view[start : at + size])
        at += size
    return b"".join(others), raws


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    try:
        while True:
            byte = body[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at
            if shift > 63:
                raise InvalidMessage("the message is malformed")
    except IndexError:
        raise InvalidMessage("the message is truncated") from None


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
