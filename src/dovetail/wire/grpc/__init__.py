"""The two services that every gRPC server should have: health and reflection."""

from dovetail.wire.grpc.schema import HEALTH, REFLECTION, REFLECTION_ALPHA

__all__ = ["HEALTH", "REFLECTION", "REFLECTION_ALPHA"]
