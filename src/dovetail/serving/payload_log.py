"""Requests and answers told to a sink as CloudEvents, never in the way of an answer.

The types are KServe's, so any consumer of its payload log understands them. The hot path only puts
a record in a bounded queue; a thread writes events and sends them in batches. While the sink is
down it tries again with growing pauses; what no longer fits the queue is dropped and counted.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import orjson
from prometheus_client import Counter, Gauge

from dovetail.base.clock import Clock
from dovetail.base.errors import UnavailableError
from dovetail.base.telemetry import logger
from dovetail.serving.arrays import json_values
from dovetail.serving.errors import BadTensorError
from dovetail.serving.questions import Question, Reply
from dovetail.serving.tensors import Array, datatype_of
from dovetail.web.piece import Endpoint
from dovetail.wire.cloudevents import Client, Event, Extension
from dovetail.wire.http import BadRequest, WireError

__all__ = ["PayloadLog"]

REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"
_BATCH = 200
_BATCH_BYTES = 4 << 20
_MOST_BYTES = 128 << 20
_LINGER = 0.02
_PAUSES = (0.1, 5.0)
_GRACE = 5.0

log = logger("serving")
_sent = Counter("dovetail_serving_payload_events_sent", "Events that the sink has taken.")
_dropped = Counter(
    "dovetail_serving_payload_events_dropped",
    "Events dropped because the queue was full or the sink refused them.",
    ["reason"],
)
_waiting = Gauge("dovetail_serving_payload_requests_waiting", "Requests not yet sent.")


class _Record(NamedTuple):
    """One request and its answer, as the hot path has them at hand, and when it was."""

    time: datetime
    question: Question
    reply: Reply

    @property
    def size(self) -> int:
        """Bytes held, about."""
        question, reply = self.question, self.reply
        held = sum(array.nbytes for array in question.tensors.values())
        return len(question.body or b"") + held + len(reply.body or b"")


class PayloadLog:
    """A bounded queue and the thread that empties it.

    Args:
        connect: returns the sink's endpoint; asked again after a failure.
        path: of the sink below the endpoint.
        most: requests kept at most.
        clock: what time it is.
        batch_bytes: bytes of requests and answers after which a batch is sent.
    """

    def __init__(
        self,
        connect: Callable[[], Endpoint],
        path: str,
        *,
        most: int,
        clock: Clock,
        batch_bytes: int = _BATCH_BYTES,
    ) -> None:
        self._connect, self._path, self._most, self._clock = connect, path, most, clock
        self._batch_bytes = batch_bytes
        self._queue: deque[_Record] = deque()
        self._bytes = 0
        self._filled = threading.Condition()
        self._stopping = False
        self.problem = ""
        self._client: Client | None = None
        self._thread = threading.Thread(target=self._run, name="serving-payload", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, question: Question, reply: Reply) -> None:
        """Queue a request, or count it as dropped where the queue is full. Never waits.

        Requests of the role `test` are nobody's traffic and are told to nobody.
        """
        told = question.told
        if told.role == "test":
            return
        record = _Record(told.time or self._clock.now(), question, reply)
        size = record.size
        with self._filled:
            if len(self._queue) >= self._most or self._bytes + size > _MOST_BYTES:
                _dropped.labels("full").inc(2)
                return
            self._queue.append(record)
            self._bytes += size
            if len(self._queue) == 1:
                self._filled.notify()

    def stop(self) -> None:
        """Send what is queued, for a few seconds at most, and end."""
        with self._filled:
            self._stopping = True
            self._filled.notify()
        if self._thread.is_alive():
            self._thread.join(_GRACE)
        left = len(self._queue)
        if left:
            _dropped.labels("stopped").inc(2 * left)
            log.warning("payload log ended with requests unsent", requests=left)

    @property
    def waiting(self) -> int:
        """Requests that are not sent yet."""
        return len(self._queue)

    def _run(self) -> None:
        pause = _PAUSES[0]
        while True:
            with self._filled:
                while not self._queue and not self._stopping:
                    self._filled.wait()
                if not self._queue:
                    break
            if not self._stopping:
                time.sleep(_LINGER)
            batch = self._batch()
            if self._send(batch):
                self._forget(batch)
                pause = _PAUSES[0]
            else:
                with self._filled:
                    self._filled.wait(pause) if not self._stopping else time.sleep(pause)
                pause = min(pause * 2, _PAUSES[1])
        if self._client is not None:
            self._client.close()

    def _batch(self) -> list[_Record]:
        batch, size = [], 0
        with self._filled:
            for record in self._queue:
                batch.append(record)
                size += record.size
                if len(batch) >= _BATCH or size >= self._batch_bytes:
                    break
            _waiting.set(len(self._queue))
        return batch

    def _forget(self, batch: Sequence[_Record]) -> None:
        with self._filled:
            for record in batch:
                self._queue.popleft()
                self._bytes -= record.size
            _waiting.set(len(self._queue))

    def _send(self, batch: Sequence[_Record]) -> bool:
        """Send a batch; True when it need not be tried again."""
        events = [event for record in batch for event in _events(record)]
        try:
            if self._client is None:
                self._client = self._connect().open(Client)
            self._client.send_events(events, self._path)
        except BadRequest as error:
            _dropped.labels("refused").inc(len(events))
            self._report(str(error))
            return True
        except (WireError, UnavailableError) as error:
            self._report(str(error))
            if self._client is not None:
                self._client.close()
            self._client = None
            return False
        self.problem = ""
        _sent.inc(len(events))
        return True

    def _report(self, problem: str) -> None:
        if self.problem != problem:
            log.warning("payload log not taken by its sink", why=problem)
        self.problem = problem


def _events(record: _Record) -> list[Event]:
    question, model = record.question, record.reply.model
    extensions: dict[str, Extension] = {
        "inferenceservicename": model.name,
        "component": "predictor",
        "endpoint": "",
        "modelversion": model.version,
        "inferencerole": question.told.role,
    }
    source = f"/v2/models/{model.name}"
    return [
        Event(
            id=question.id or "",
            source=source,
            type=kind,
            time=record.time,
            data=msgspec.Raw(data),
            extensions=extensions,
        )
        for kind, data in (
            (REQUEST, _request(question)),
            (RESPONSE, _response(question, record.reply)),
        )
    ]


def _request(question: Question) -> bytes:
    body = question.body
    if body is not None and b"NaN" not in body and b"Infinity" not in body:
        return body
    head: dict[str, Any] = {"id": question.id, "inputs": _tensors(question.tensors)}
    if question.parameters:
        head["parameters"] = question.parameters
    return _json(head)


def _response(question: Question, reply: Reply) -> bytes:
    body = reply.body
    if body is not None and b"NaN" not in body and b"Infinity" not in body:
        return body
    head = {
        "model_name": reply.model.name,
        "model_version": reply.model.version,
        "id": question.id,
        "outputs": _tensors(reply.outputs),
    }
    return _json(head)


def _json(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _tensors(tensors: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Write tensors as JSON has them: NaN and Infinity as null, BYTES as text where it is text."""
    return [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": datatype_of(array),
            "data": _values(array),
        }
        for name, array in tensors.items()
    ]


def _values(array: Array) -> Any:
    try:
        return json_values(array)
    except BadTensorError:
        return [str(value) for value in array.reshape(-1).tolist()]
