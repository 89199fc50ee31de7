"""The two services that every gRPC server should have: health and reflection."""

from dovetail.wire.grpc.codes import CODES
from dovetail.wire.grpc.schema import HEALTH, REFLECTION, REFLECTION_ALPHA

__all__ = ["CODES", "HEALTH", "REFLECTION", "REFLECTION_ALPHA"]
