"""The Open Inference Protocol v2 over gRPC: messages, methods, and a codec for inference."""

from dovetail.wire.open_inference.grpc.codec import (
    LARGE,
    InvalidMessage,
    decode_request,
    encode_response,
    encode_streamed,
    split_request,
)
from dovetail.wire.open_inference.grpc.schema import OPEN_INFERENCE, SERVICE, UNSUPPORTED

__all__ = [
    "LARGE",
    "OPEN_INFERENCE",
    "SERVICE",
    "UNSUPPORTED",
    "InvalidMessage",
    "decode_request",
    "encode_response",
    "encode_streamed",
    "split_request",
]
