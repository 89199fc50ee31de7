"""Records as CloudEvents, with the types and attributes of KServe's logger.

Type names and attributes are those of `pkg/logger/worker.go` in kserve/kserve, so any consumer of
its payload log understands ours. Three attributes are our own: `modelversion`, `inferencerole` and,
where there was no answer, `inferenceerror`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from dovetail.serving.arrays import json_values
from dovetail.serving.errors import BadTensorError
from dovetail.serving.payload.records import Record
from dovetail.serving.payload.settings import PayloadSink
from dovetail.serving.tensors import Array, datatype_of
from dovetail.wire.cloudevents import Event, Extension

__all__ = ["REQUEST", "RESPONSE", "Writer", "metadata_of", "request_json", "response_json"]

REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"


class Writer:
    """Writes the events of one sink.

    Args:
        sink: its settings.
    """

    def __init__(self, sink: PayloadSink) -> None:
        self._sink = sink
        self._annotations = msgspec.json.encode(sink.annotations).decode()
        self.events = 2 if sink.log == "all" else 1

    def write(self, records: Sequence[Record]) -> list[Event]:
        """Return the events of records, in order."""
        return [event for record in records for event in self._events(record)]

    def _events(self, record: Record) -> list[Event]:
        sink, question, model = self._sink, record.question, record.reply.model
        extensions: dict[str, Extension] = {
            "inferenceservicename": sink.service or model.name,
            "namespace": sink.namespace,
            "component": sink.component,
            "endpoint": sink.endpoint,
            "metadata": msgspec.json.encode(metadata_of(record, sink.headers)).decode(),
            "modelversion": model.version,
            "inferencerole": question.told.role,
        }
        if record.reply.error:
            extensions["inferenceerror"] = record.reply.error
        if sink.annotations:
            extensions["annotations"] = self._annotations
        kinds = []
        if sink.log != "response":
            kinds.append((REQUEST, request_json(record, sink.most_elements)))
        if sink.log != "request" and not record.reply.error:
            kinds.append((RESPONSE, response_json(record, sink.most_elements)))
        return [
            Event(
                id=question.id or "",
                source=f"/v2/models/{model.name}",
                type=kind,
                time=record.time,
                data=msgspec.Raw(data),
                extensions=extensions,
            )
            for kind, data in kinds
        ]


def metadata_of(record: Record, headers: Sequence[str]) -> dict[str, list[str]]:
    """Return the headers that are carried along, as KServe writes them: a list of values each."""
    given = record.question.headers
    found = {}
    for name in headers:
        value = given.get(name.lower().encode())
        if value is not None:
            found[name] = [value.decode("latin-1")]
    return found


def request_json(record: Record, most_elements: int = 0) -> bytes:
    """Return a request as JSON: as it came where that is JSON, else written from its tensors."""
    question = record.question
    if _is_plain(question.body) and not _has_large(question.tensors, most_elements):
        return question.body or b""
    head: dict[str, Any] = {
        "id": question.id,
        "inputs": _tensors(question.tensors, most_elements),
    }
    if question.parameters:
        head["parameters"] = question.parameters
    return _json(head)


def response_json(record: Record, most_elements: int = 0) -> bytes:
    """Return an answer as JSON: as it went where that was JSON, else written from its tensors."""
    question, reply = record.question, record.reply
    if _is_plain(reply.body) and not _has_large(reply.outputs, most_elements):
        return reply.body or b""
    head = {
        "model_name": reply.model.name,
        "model_version": reply.model.version,
        "id": question.id,
        "outputs": _tensors(reply.outputs, most_elements),
    }
    return _json(head)


def _is_plain(body: bytes | None) -> bool:
    """Whether a body is JSON that every reader takes; bare NaN is not."""
    return body is not None and b"NaN" not in body and b"Infinity" not in body


def _has_large(tensors: Mapping[str, Array], most: int) -> bool:
    return bool(most) and any(array.size > most for array in tensors.values())


def _json(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _tensors(tensors: Mapping[str, Array], most: int) -> list[dict[str, Any]]:
    """Write tensors as JSON has them: NaN and Infinity as null, BYTES as text where it is text."""
    return [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": datatype_of(array),
            **(
                {"parameters": {"omitted_elements": array.size}}
                if most and array.size > most
                else {"data": _values(array)}
            ),
        }
        for name, array in tensors.items()
    ]


def _values(array: Array) -> Any:
    try:
        return json_values(array)
    except BadTensorError:
        return [str(value) for value in array.reshape(-1).tolist()]
