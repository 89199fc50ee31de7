"""The use cases of the Open Inference Protocol, without a transport.

Inference is the hot path: from the bytes of a request to the bytes of its answer, with no more
between them than the protocol and the model need.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import msgspec

from dovetail import __version__
from dovetail.serving.answers import Answer, write_answer
from dovetail.serving.arrays import from_message
from dovetail.serving.configuration import configuration
from dovetail.serving.engine import Engine
from dovetail.serving.errors import BadRequestError, BadTensorError, StuckError, did_you_mean
from dovetail.serving.model import Model
from dovetail.serving.questions import Question, Reply, told_of
from dovetail.serving.statistics import describe
from dovetail.serving.tensors import Array
from dovetail.wire.open_inference import (
    IndexEntry,
    InferenceRequest,
    InvalidBody,
    LoadRequest,
    MemoryUsage,
    ModelMetadata,
    ModelStatistics,
    ServerMetadata,
    StatisticsResponse,
    UnloadRequest,
    decode_request,
)

__all__ = ["EXTENSIONS", "Handlers", "Unanswered"]

EXTENSIONS = (
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "statistics",
    "dovetail_graphs",
    "dovetail_load_uri",
    "dovetail_payload_log",
    "dovetail_routing",
    "dovetail_traffic",
)


_LOAD_PARAMETERS = ("uri", "version")


class Handlers:
    """What a server can be asked over REST.

    Args:
        engine: what answers inference requests.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine, self.repository = engine, engine.repository

    def read(
        self,
        name: str,
        version: str,
        body: bytes,
        header_length: int | None,
        headers: Mapping[bytes, bytes],
    ) -> tuple[Question, InferenceRequest]:
        """Read one inference request.

        Args:
            name: the model.
            version: the version; empty leaves it to the traffic.
            body: the request's body, unpacked.
            header_length: length of its JSON part where raw tensors follow; None where none do.
            headers: of the request.

        Returns:
            What is asked, and the message, which says how the answer is to be written.

        Raises:
            BadRequestError: the body is not a request.
            BadTensorError: a tensor does not fit its datatype.
        """
        start = time.perf_counter_ns()
        try:
            request = _decode(body, header_length)
            question = Question(
                model=name,
                version=version,
                tensors=_tensors(request),
                wanted=tuple([output.name for output in request.outputs]),
                id=request.id,
                parameters=request.parameters,
                headers=headers,
                told=told_of(request.parameters),
                body=body if header_length is None else None,
            )
        except (BadRequestError, BadTensorError):
            self.count_refused(name, version, time.perf_counter_ns() - start)
            raise
        return question, request

    def write(self, question: Question, asked: InferenceRequest, reply: Reply) -> Answer:
        """Write the answer, and tell the observers.

        Returns:
            The answer's body, and the length of its JSON part where raw tensors follow.
        """
        model = reply.model
        head: dict[str, Any] = {"model_name": model.name, "model_version": model.version}
        if question.id is not None:
            head["id"] = question.id
        answer = write_answer(head, reply.outputs, asked)
        if answer[1] is None:
            reply.body = answer[0]
        self.engine.tell(question, reply)
        return answer

    def begin(
        self,
        name: str,
        version: str,
        body: bytes,
        header_length: int | None,
        headers: Mapping[bytes, bytes],
        *,
        in_thread: bool = False,
        is_large: bool = False,
    ) -> "Answer | Unanswered":
        """Read one inference request, and answer it here if the model is quick.

        Args:
            name: the model.
            version: the version; empty leaves it to the traffic.
            body: the request's body, unpacked.
            header_length: length of its JSON part where raw tensors follow; None where none do.
            headers: of the request.
            in_thread: whether the caller is not the event loop, and so may be kept a while.
            is_large: whether what is not answered here is better written in a thread.

        Returns:
            The answer, or what `finish` is to be given on the event loop.
        """
        question, asked = self.read(name, version, body, header_length, headers)
        reply = self.engine.answer_now(question, any_size=in_thread)
        if reply is None:
            return Unanswered(question, asked, is_large=in_thread or is_large)
        return self.write(question, asked, reply)

    async def finish(self, waiting: "Unanswered") -> Answer:
        """Answer on the event loop what `begin` did not; one who cancels it spares the model."""
        reply = await self.engine.ask(waiting.question)
        if waiting.is_large:
            return await anyio.to_thread.run_sync(
                self.write, waiting.question, waiting.asked, reply
            )
        return self.write(waiting.question, waiting.asked, reply)

    def count_refused(self, name: str, version: str, ns: int) -> None:
        """Count a request that could not be read as a failure of the model that it names.

        Which version would have answered is not known. It counts for the one with the largest
        share, so that a canary does not look bad for what callers do wrong.

        Args:
            name: the model.
            version: the version; empty leaves it to the traffic.
            ns: how long the reading took.
        """
        self.repository.choose(name, version).statistics.count_refusal(ns)

    def server(self) -> ServerMetadata:
        """Say what the server is and which extensions it has."""
        return ServerMetadata(name="dovetail", version=__version__, extensions=EXTENSIONS)

    def metadata(self, name: str, version: str = "") -> ModelMetadata:
        """Say what a model takes and gives."""
        model = self.repository.choose(name, version)
        return model.describe(self.repository.versions(name))

    def ready(self, name: str, version: str = "") -> None:
        """Return if a model can answer, raise why not if it cannot."""
        model = self.repository.choose(name, version)
        stuck = model.lane.stuck_seconds()
        if stuck:
            raise StuckError(name, stuck)

    def configuration(self, name: str, version: str = "") -> dict[str, Any]:
        """Return Triton's model configuration, as far as it has a meaning here."""
        return configuration(self.repository.choose(name, version), self.repository.versions(name))

    def statistics(self, name: str = "", version: str = "") -> StatisticsResponse:
        """Return how often models answered and how long it took."""
        if name:
            self.repository.choose(name, version)
        models = self.repository.loaded(name)
        asked = [model for model in models if version in ("", model.version)]
        described = describe([model.statistics for model in asked])
        return StatisticsResponse(tuple(map(_with_memory, described, asked)))

    def index(self, *, ready: bool = False) -> list[IndexEntry]:
        """List the models, or only those that can answer."""
        entries = self.repository.index()
        return [entry for entry in entries if entry.state == "READY"] if ready else entries

    def load(self, name: str, request: LoadRequest) -> None:
        """Load a version beside the others, or again what the name was before."""
        parameters = request.parameters or {}
        given = [key for key in parameters if key == "config" or key.startswith("file:")]
        if given:
            raise BadRequestError(
                f"the load parameter {given[0]!r} is not taken",
                why="models and their configuration come from the server's folders",
                fix="change the files in the repository, then load",
            )
        unknown = [key for key in parameters if key not in _LOAD_PARAMETERS]
        if unknown:
            raise BadRequestError(
                f"the load parameter {unknown[0]!r} is not known",
                why=did_you_mean(unknown[0], _LOAD_PARAMETERS),
                fix=f"those that are taken: {', '.join(_LOAD_PARAMETERS)}",
            )
        version = str(parameters.get("version", ""))
        self.repository.load(name, request.uri or "", version=version)

    def unload(self, name: str, request: UnloadRequest) -> None:
        """Unload a model, or one version of it."""
        self.repository.unload(name, request.version or "")


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request that was read and waits for its model.

    Args:
        question: what is asked.
        asked: the message, which says how the answer is to be written.
        is_large: whether the answer is better written in a thread too.
    """

    question: Question
    asked: InferenceRequest
    is_large: bool


def _with_memory(found: ModelStatistics, model: Model) -> ModelStatistics:
    """Add what a version takes, by its estimate; nothing while it rests or is not measured."""
    if model.is_resting or not model.memory:
        return found
    usage = MemoryUsage(type="CPU", byte_size=model.memory)
    return msgspec.structs.replace(found, memory_usage=(usage,))


def _decode(body: bytes, header_length: int | None) -> InferenceRequest:
    try:
        request = decode_request(body, header_length)
    except InvalidBody as error:
        raise BadRequestError("the body is not an inference request", why=str(error)) from error
    except RecursionError as error:
        raise BadRequestError("the body is nested too deeply") from error
    if not request.inputs:
        raise BadRequestError("the request has no inputs")
    return request


def _tensors(request: InferenceRequest) -> Mapping[str, Array]:
    tensors = {tensor.name: from_message(tensor) for tensor in request.inputs}
    if len(tensors) != len(request.inputs):
        raise BadRequestError("two inputs of the request have the same name")
    return tensors
