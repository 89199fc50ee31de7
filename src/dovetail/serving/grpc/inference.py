"""The inference methods: from the bytes of a request to the bytes of its answer.

This is the hot path of gRPC. Answers go raw where the question came raw, and typed where it came
typed, as MLServer does.
"""

import time
from collections.abc import AsyncIterator, Awaitable

import anyio.to_thread

from dovetail.serving.errors import BadRequestError, BadTensorError
from dovetail.serving.grpc.calls import Call
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
    split_request,
)

__all__ = ["Inference"]

_QUICK_BYTES, _RAW_BYTES = 32 << 10, 1 << 20
_TEXT = b"BYTES"
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

    def infer(self, body: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """Answer one request: at once if it is small and its model quick, else later.

        What is large is read, and perhaps answered, in a thread; but many numbers that come as raw
        tensors are not parsed, so they count as small.
        """
        if self._watch is not None:
            return self._watched(self._watch, body, call, "ModelInfer")
        if len(body) > _QUICK_BYTES and not _is_raw(body):
            return self._infer_large(body, call)
        question, raw = self._read(body, call)
        reply = self._engine.answer_now(question)
        if reply is None:
            return self._infer_later(question, raw=raw)
        return self._write(question, reply, raw)

    async def _watched(self, watch: Watch, body: bytes, call: Call, method: str) -> bytes:
        begun, code, problem = watch.begin_grpc(SERVICE, method, call.headers), "OK", None
        try:
            return await self._infer(body, call)
        except BaseException as error:
            code, problem = status_of(error), error
            raise
        finally:
            watch.end_grpc(begun, code, problem)

    async def _infer(self, body: bytes, call: Call) -> bytes:
        if len(body) > _QUICK_BYTES and not _is_raw(body):
            return await self._infer_large(body, call)
        question, raw = self._read(body, call)
        return await self._infer_later(question, raw=raw)

    async def _infer_later(self, question: Question, *, raw: bool) -> bytes:
        return self._write(question, await self._engine.ask(question), raw)

    async def _infer_large(self, body: bytes, call: Call) -> bytes:
        begun = await anyio.to_thread.run_sync(self._begin, body, call)
        if isinstance(begun, bytes):
            return begun
        question, raw = begun
        reply = await self._engine.ask(question)
        return await anyio.to_thread.run_sync(self._write, question, reply, raw)

    async def stream(self, bodies: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        """Answer requests in their order; one that is at fault is answered with its error."""
        watch = self._watch
        async for body in bodies:
            try:
                if watch is None:
                    answer = await self._infer(body, call)
                else:
                    answer = await self._watched(watch, body, call, "ModelStreamInfer")
            except Exception as error:
                yield self._failed(body, error)
            else:
                yield encode_streamed([answer, self._final] if _asks_for_final(body) else [answer])

    def _begin(self, body: bytes, call: Call) -> bytes | tuple[Question, bool]:
        """Answer a large request if its model is quick, else return what was read."""
        question, raw = self._read(body, call)
        reply = self._engine.answer_now(question, any_size=True)
        return (question, raw) if reply is None else self._write(question, reply, raw)

    def _read(self, body: bytes, call: Call) -> tuple[Question, bool]:
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
                headers=call.headers,
                told=told_of(parameters),
                seconds=call.seconds(),
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


def _is_raw(body: bytes) -> bool:
    """Whether a large request is little else than raw numbers; texts are parsed one by one."""
    if len(body) > _RAW_BYTES:
        return False
    try:
        head, _ = split_request(body)
    except InvalidMessage:
        return False
    return len(head) <= _QUICK_BYTES and _TEXT not in head
