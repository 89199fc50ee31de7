"""Every method but inference: messages in, messages out."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dovetail.base.errors import DovetailError
from dovetail.serving.grpc.tensors import parameters_of
from dovetail.serving.handlers import Handlers
from dovetail.wire.open_inference import LoadRequest, UnloadRequest
from dovetail.wire.open_inference.grpc import OPEN_INFERENCE

__all__ = ["Plain"]

Method = Callable[[Any], Any]


class Plain:
    """What a server says of itself and its models, and what an operator may tell it.

    Args:
        handlers: what answers.
        waiting: why the server is not ready; None when it is.
    """

    def __init__(self, handlers: Handlers, waiting: Callable[[], str | None]) -> None:
        self._handlers, self._waiting = handlers, waiting

    def methods(self) -> Mapping[str, Method]:
        """Return the methods that only read, by their names."""
        return {
            "ServerLive": lambda _: _message("ServerLiveResponse", live=True),
            "ServerReady": lambda _: _message("ServerReadyResponse", ready=self._waiting() is None),
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelConfig": self._configuration,
            "ModelStatistics": self._statistics,
            "RepositoryIndex": self._index,
        }

    def changes(self) -> Mapping[str, Method]:
        """Return the methods that change something; they may take long."""
        return {"RepositoryModelLoad": self._load, "RepositoryModelUnload": self._unload}

    def _model_ready(self, asked: Any) -> Any:
        try:
            self._handlers.ready(asked.name, asked.version)
        except DovetailError:
            return _message("ModelReadyResponse", ready=False)
        return _message("ModelReadyResponse", ready=True)

    def _server_metadata(self, _: Any) -> Any:
        return _filled("ServerMetadataResponse", self._handlers.server())

    def _model_metadata(self, asked: Any) -> Any:
        found = self._handlers.metadata(asked.name, asked.version)
        tensors = {
            side: [{"name": t.name, "datatype": t.datatype, "shape": t.shape} for t in side_tensors]
            for side, side_tensors in (("inputs", found.inputs), ("outputs", found.outputs))
        }
        return _message(
            "ModelMetadataResponse",
            name=found.name, versions=found.versions, platform=found.platform, **tensors,
        )  # fmt: skip

    def _configuration(self, asked: Any) -> Any:
        from google.protobuf import json_format

        found = self._handlers.configuration(asked.name, asked.version)
        return json_format.ParseDict({"config": found}, _message("ModelConfigResponse"))

    def _statistics(self, asked: Any) -> Any:
        found = self._handlers.statistics(asked.name, asked.version)
        return _filled("ModelStatisticsResponse", found)

    def _index(self, asked: Any) -> Any:
        entries = self._handlers.index(ready=asked.ready)
        return _message("RepositoryIndexResponse", models=[_builtin(one) for one in entries])

    def _load(self, asked: Any) -> Any:
        self._handlers.load(asked.model_name, LoadRequest(parameters=parameters_of(asked)))
        return _message("RepositoryModelLoadResponse")

    def _unload(self, asked: Any) -> Any:
        self._handlers.unload(asked.model_name, UnloadRequest(parameters=parameters_of(asked)))
        return _message("RepositoryModelUnloadResponse")


def _message(kind: str, /, **fields: Any) -> Any:
    return OPEN_INFERENCE.message(kind)(**fields)


def _filled(kind: str, value: msgspec.Struct) -> Any:
    """Return the message whose fields are named as those of a value of REST."""
    return _message(kind, **_builtin(value))


def _builtin(value: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found
