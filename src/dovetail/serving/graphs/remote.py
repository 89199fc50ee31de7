"""Steps that another Open Inference server answers.

Only servers that the operator names are asked. The call runs in a thread; when the graph's time is
over nobody waits for it any more.
"""

import functools
import threading
from collections.abc import Mapping

import anyio.to_thread

from dovetail.base.errors import UnavailableError
from dovetail.serving.arrays import from_message
from dovetail.serving.errors import BadRequestError, InferenceFailedError
from dovetail.serving.graphs.document import Step
from dovetail.serving.questions import Question
from dovetail.serving.tensors import Array
from dovetail.serving.watched import CURRENT
from dovetail.wire.http import BadRequest, Busy, NotFound, Unreachable, WireError
from dovetail.wire.open_inference import (
    Client,
    InferenceRequest,
    RequestedOutput,
    Tensor,
    TensorError,
    from_array,
)

__all__ = ["Remotes"]

_TRACING = ("traceparent", "tracestate", "baggage", "x-request-id")


class Remotes:
    """Clients of other servers, one each."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, float], Client] = {}
        self._lock = threading.Lock()

    async def ask(
        self,
        step: Step,
        tensors: Mapping[str, Array],
        question: Question,
        headers: tuple[str, ...],
        seconds: float,
    ) -> dict[str, Array]:
        """Return the outputs of a remote step.

        Args:
            step: which model, and where.
            tensors: its inputs.
            question: the graph's, whose headers are passed on.
            headers: which of them, beside those of tracing.
            seconds: the longest that the call may take.

        Raises:
            UnavailableError: nobody answers, or the server is busy.
            BadRequestError: the server refuses the request.
            InferenceFailedError: the server fails.
        """
        passed = {}
        for name in (*_TRACING, *headers):
            value = question.headers.get(name.lower().encode())
            if value is not None:
                passed[name] = value.decode("latin-1")
        watched = CURRENT.get()
        parent = None if watched is None else watched.traceparent()
        if parent is not None:  # so that the other server's spans are below this step
            passed["traceparent"] = parent
        call = functools.partial(self._call, step, tensors, question.id, passed, seconds)
        return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _call(
        self,
        step: Step,
        tensors: Mapping[str, Array],
        id: str | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> dict[str, Array]:
        url = step.url or ""
        request = InferenceRequest(
            id=id,
            inputs=tuple(_tensor(name, array) for name, array in tensors.items()),
            outputs=tuple(RequestedOutput(name=name) for name in step.outputs),
        )
        where = f"step {step.title!r} at {url}"
        try:
            answer = self._client(url, seconds).infer(
                step.model or "", request, version=step.version or None, headers=headers
            )
            return {tensor.name: from_message(tensor) for tensor in answer.outputs}
        except (Unreachable, Busy) as error:
            raise UnavailableError(f"{where} is not available", why=str(error)) from error
        except (BadRequest, NotFound) as error:
            raise BadRequestError(f"{where} refuses the request", why=str(error)) from error
        except WireError as error:
            raise InferenceFailedError(f"{where} failed", why=str(error)) from error

    def _client(self, url: str, seconds: float) -> Client:
        longest = float(2 ** max(0, int(seconds) - 1).bit_length())
        with self._lock:
            key = (url.rstrip("/"), longest)
            if key not in self._clients:
                self._clients[key] = Client(key[0], timeout=longest)
            return self._clients[key]


def _tensor(name: str, array: Array) -> Tensor:
    """Write a tensor as JSON, which every server takes; as bytes where JSON has no word for it."""
    try:
        return from_array(name, array)
    except TensorError:
        return from_array(name, array, binary=True)
