"""The messages of the Open Inference Protocol v2 over REST, with Triton's extensions.

A tensor's ``data`` is either a list, as it stands in JSON, or bytes, as it follows the JSON under
the binary tensor data extension; ``codec`` moves between the two.
"""

from typing import Any, Literal

import msgspec

Parameters = dict[str, Any]
ModelState = Literal["READY", "UNAVAILABLE", "LOADING", "UNLOADING", "UNKNOWN"]


class Message(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The base of the messages: immutable, unset fields stay off the wire."""


class Tensor(Message, frozen=True, kw_only=True):
    """One input or output.

    Attributes:
        name: Its name in the model.
        shape: Its size in each dimension.
        datatype: One of ``DATATYPES``.
        parameters: Whatever the two sides agree on; ``binary_data_size`` belongs to the codec.
        data: A list in row-major order, flat or nested, or raw little-endian bytes.
    """

    name: str
    shape: tuple[int, ...]
    datatype: str
    parameters: Parameters | None = None
    data: Any = None


class RequestedOutput(Message, frozen=True, kw_only=True):
    """An output that the caller wants; parameter ``binary_data`` asks for it as bytes."""

    name: str
    parameters: Parameters | None = None


class InferenceRequest(Message, frozen=True, kw_only=True):
    """A call of a model.

    Attributes:
        inputs: The input tensors.
        id: The caller's name for this call, repeated in the answer.
        parameters: For the call as a whole; ours are ``event_time`` (RFC 3339) and ``role``
            ("live", "shadow", or "test", which is not logged).
        outputs: The outputs wanted; none means all.
    """

    inputs: tuple[Tensor, ...]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: tuple[RequestedOutput, ...] = ()

    def wants_binary(self, output: str) -> bool:
        """Whether the caller asked for this output as bytes."""
        for requested in self.outputs:
            if requested.name == output and requested.parameters:
                wish = requested.parameters.get("binary_data")
                if wish is not None:
                    return bool(wish)
        return bool(self.parameters and self.parameters.get("binary_data_output"))


class InferenceResponse(Message, frozen=True, kw_only=True):
    """A model's answer; ``model_version`` names the version that gave it."""

    model_name: str
    outputs: tuple[Tensor, ...]
    model_version: str | None = None
    id: str | None = None
    parameters: Parameters | None = None

    def output(self, name: str) -> Tensor:
        """The output of that name.

        Raises:
            LookupError: There is none.
        """
        for tensor in self.outputs:
            if tensor.name == name:
                return tensor
        names = ", ".join(tensor.name for tensor in self.outputs) or "none"
        raise LookupError(f"the answer has no output {name!r}; it has {names}")


class TensorMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What an input or output must look like; -1 in the shape is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: Parameters | msgspec.UnsetType = msgspec.UNSET


class ModelMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes and gives; ``versions`` are those that can be called."""

    name: str
    versions: tuple[str, ...] = ()
    platform: str = ""
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    parameters: Parameters | msgspec.UnsetType = msgspec.UNSET


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What the server is and which extensions it has."""

    name: str
    version: str = ""
    extensions: tuple[str, ...] = ()


class ErrorBody(msgspec.Struct, frozen=True):
    """The JSON of every error answer."""

    error: str


class IndexRequest(Message, frozen=True, kw_only=True):
    """Ask for the repository's index, or only for what is ready."""

    ready: bool = False


class IndexEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one model in the repository."""

    name: str
    version: str = ""
    state: str = ""
    reason: str = ""


class LoadRequest(Message, frozen=True, kw_only=True):
    """Load a model; parameter ``uri`` is our extension: load that version beside the others."""

    parameters: Parameters | None = None

    @property
    def uri(self) -> str | None:
        """Where to load from, None for the repository's own idea."""
        value = (self.parameters or {}).get("uri")
        return None if value is None else str(value)


class UnloadRequest(Message, frozen=True, kw_only=True):
    """Unload a model; parameter ``version`` is our extension: unload only that version."""

    parameters: Parameters | None = None

    @property
    def version(self) -> str | None:
        """The version to unload, None for all."""
        value = (self.parameters or {}).get("version")
        return None if value is None else str(value)


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """How often something happened and how long it took together, in nanoseconds."""

    count: int = 0
    ns: int = 0


class InferenceStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of a model's calls went."""

    success: Duration = Duration()
    fail: Duration = Duration()
    queue: Duration = Duration()
    compute_input: Duration = Duration()
    compute_infer: Duration = Duration()
    compute_output: Duration = Duration()
    cache_hit: Duration = Duration()
    cache_miss: Duration = Duration()


class BatchStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """The time of executions at one batch size."""

    batch_size: int
    compute_input: Duration = Duration()
    compute_infer: Duration = Duration()
    compute_output: Duration = Duration()


class MemoryUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a version takes of one kind of memory; ``type`` is ``CPU`` or a device's name."""

    type: str
    id: int = 0
    byte_size: int = 0


class ModelStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """The statistics of one version; ``last_inference`` in milliseconds since 1970."""

    name: str
    version: str = ""
    last_inference: int = 0
    inference_count: int = 0
    execution_count: int = 0
    inference_stats: InferenceStatistics = InferenceStatistics()
    batch_stats: tuple[BatchStatistics, ...] = ()
    memory_usage: tuple[MemoryUsage, ...] = ()


class StatisticsResponse(msgspec.Struct, frozen=True):
    """The statistics of the models asked about."""

    model_stats: tuple[ModelStatistics, ...] = ()


class Traffic(msgspec.Struct, frozen=True):
    """Our extension ``dovetail_traffic``: how unversioned calls spread over versions.

    Attributes:
        weights: Version to weight; only the ratios count. A version without a weight gets none.
    """

    weights: dict[str, float]
