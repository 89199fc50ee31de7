"""The Open Inference Protocol over gRPC: a thin skin on `engine` and `handlers`, as `routes` is."""

from dovetail.serving.grpc.server import GrpcServer

__all__ = ["GrpcServer"]
