"""The inference methods: from the bytes of a request to the bytes of its answer.

This is the hot path of gRPC. Answers go raw where the question came raw, and typed where it came
typed, as MLServer does.
"""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio.to_thread

from dovetail.serving.errors import BadRequestError, BadTensorError
from dovetail.serving.grpc.errors import status_of, text_of
from dovetail.serving.grpc.tensors import add_outputs, inputs_of, parameters_of
from dovetail.serving.handlers import Handlers
from dovetail.serving.questions import Question, Reply, told_of
from dovetail.serving.watch import Watch
from dovetail.wire.open_inference.grpc import (
    OPEN_INFERENCE,
    SERVICE,
    InvalidMessage,
    decode_request,
    encode_response,
    encode_streamed,
)

__all__ = ["Inference"]

Headers = Mapping[bytes, bytes]
_QUICK_BYTES = 32 << 10
_ENDS_STREAM = "triton_enable_empty_final_response"
_IS_FINAL = "triton_final_response"


class Inference:
    """ModelInfer and ModelStreamInfer.

    Args:
        handlers: what answers.
        watch: who watches requests; None for nobody.
    """

    def __init__(self, handlers: Handlers, watch: Watch | None) -> None:
        self._watch = watch
        self._handlers, self._engine = handlers, handlers.engine
        self._response = OPEN_INFERENCE.message("ModelInferResponse")
        self._streamed = OPEN_INFERENCE.message("ModelStreamInferResponse")
        final = self._response()
        final.parameters[_IS_FINAL].bool_param = True
        self._final = final.SerializeToString()

    async def infer(self, body: bytes, context: Any, method: str = "ModelInfer") -> bytes:
        """Answer one request; a large one is read, and perhaps answered, in a thread."""
        headers, seconds = _headers(context), context.time_remaining()
        watch = self._watch
        if watch is None:
            return await self._infer(body, headers, seconds)
        begun, code, problem = watch.begin_grpc(SERVICE, method, headers), "OK", None
        try:
            return await self._infer(body, headers, seconds)
        except BaseException as error:
            code, problem = status_of(error), error
            raise
        finally:
            watch.end_grpc(begun, code, problem)

    async def _infer(self, body: bytes, headers: Headers, seconds: float | None) -> bytes:
        if len(body) <= _QUICK_BYTES:
            question, raw = self._read(body, headers, seconds)
            return self._write(question, await self._engine.ask(question), raw)
        begun = await anyio.to_thread.run_sync(self._begin, body, headers, seconds)
        if isinstance(begun, bytes):
            return begun
        question, raw = begun
        reply = await self._engine.ask(question)
        return await anyio.to_thread.run_sync(self._write, question, reply, raw)

    async def stream(self, bodies: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Answer requests in their order; one that is at fault is answered with its error."""
        async for body in bodies:
            try:
                answer = await self.infer(body, context, "ModelStreamInfer")
            except Exception as error:
                yield self._failed(body, error)
            else:
                yield encode_streamed([answer, self._final] if _asks_for_final(body) else [answer])

    def _begin(
        self, body: bytes, headers: Headers, seconds: float | None
    ) -> bytes | tuple[Question, bool]:
        """Answer a large request if its model is quick, else return what was read."""
        question, raw = self._read(body, headers, seconds)
        reply = self._engine.answer_now(question, any_size=True)
        return (question, raw) if reply is None else self._write(question, reply, raw)

    def _read(self, body: bytes, headers: Headers, seconds: float | None) -> tuple[Question, bool]:
        """Read a request; also say whether it is to be answered raw."""
        try:
            message, raws = decode_request(body)
        except InvalidMessage as error:
            raise BadRequestError("the call is not an inference request", why=str(error)) from error
        start = time.perf_counter_ns()
        parameters = parameters_of(message)
        try:
            question = Question(
                model=message.model_name,
                version=message.model_version,
                tensors=inputs_of(message, raws),
                wanted=tuple([output.name for output in message.outputs]),
                id=message.id or None,
                parameters=parameters,
                headers=headers,
                told=told_of(parameters),
                seconds=seconds,
            )
        except (BadRequestError, BadTensorError):
            self._handlers.count_refused(
                message.model_name, message.model_version, time.perf_counter_ns() - start
            )
            raise
        return question, bool(raws)

    def _write(self, question: Question, reply: Reply, raw: bool) -> bytes:
        model = reply.model
        response = self._response(model_name=model.name, model_version=model.version)
        if question.id is not None:
            response.id = question.id
        answer = encode_response(response, add_outputs(response, reply.outputs, raw=raw))
        self._engine.tell(question, reply)
        return answer

    def _failed(self, body: bytes, error: Exception) -> bytes:
        text = text_of(error, "ModelStreamInfer")
        response = self._response()
        try:
            asked, _ = decode_request(body)
            response.id, response.model_name = asked.id, asked.model_name
        except InvalidMessage:
            pass
        failed: bytes = self._streamed(
            error_message=text, infer_response=response
        ).SerializeToString()
        return failed


def _asks_for_final(body: bytes) -> bool:
    if _ENDS_STREAM.encode() not in body:
        return False
    parameters = parameters_of(decode_request(body)[0]) or {}
    return bool(parameters.get(_ENDS_STREAM))


def _headers(context: Any) -> Headers:
    return {
        key.encode(): value if isinstance(value, bytes) else value.encode()
        for key, value in context.invocation_metadata() or ()
    }
