"""The open protocols as typed values and small clients, one module a protocol.

Pieces know each other only through what is in this room: messages (frozen msgspec structs that
carry the protocol's own wire names), codecs, and synchronous clients over httpx. The messages
serve both ends, so a server decodes with the very type that a client encodes. Nothing here
imports anything else of ours, and no module is loaded before somebody asks for it.
"""

__all__ = [
    "cloudevents",
    "feast",
    "feast_registry",
    "governance",
    "grpc",
    "history",
    "http",
    "http2",
    "label_learner",
    "label_studio",
    "labels",
    "lenient",
    "mlflow",
    "monitoring",
    "open_inference",
    "openlineage",
    "otlp",
    "problem",
    "protobuf",
    "retention",
    "tidy",
]
