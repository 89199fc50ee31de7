"""A payload log for inference servers that write none: the caller tells monitoring itself.

The events are those of KServe's logger, so that a sink cannot tell who sent them.
"""

from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from dovetail.wire import cloudevents, monitoring
from dovetail.wire.open_inference import InferenceRequest, InferenceResponse, Tensor, to_array

__all__ = ["Tap"]

REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"
BATCH = 40


class Tap:
    """Collects requests and answers and sends them as CloudEvents.

    Args:
        client: the sink; None drops everything.
        model: the model's name.
        source: names the caller.
    """

    def __init__(self, client: monitoring.Client | None, model: str, source: str) -> None:
        self._client, self._model, self._source = client, model, source
        self._events: list[cloudevents.Event] = []

    def note(
        self,
        request: InferenceRequest,
        answer: InferenceResponse,
        *,
        at: datetime,
        role: str,
        version: str | None,
    ) -> None:
        """Keep one request with its answer until the next flush."""
        if self._client is None:
            return
        extensions: dict[str, Any] = {
            "inferenceservicename": self._model,
            "component": "predictor",
            "modelversion": str(answer.model_version or version),
            "inferencerole": role,
        }
        named = msgspec.structs.replace(
            answer, id=request.id, model_version=extensions["modelversion"]
        )
        for kind, body in ((REQUEST, _plain(request)), (RESPONSE, _plain(named))):
            event = cloudevents.Event(
                id=str(request.id),
                source=self._source,
                type=kind,
                time=at,
                extensions=extensions,
                data=body,
            )
            self._events.append(event)
        if len(self._events) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Send what was kept; what cannot be sent is kept."""
        if self._client is not None and self._events:
            self._client.send_events(self._events)
            self._events = []


def _plain(message: InferenceRequest | InferenceResponse) -> Any:
    """Return a message as JSON has it, with lists for tensors and null for missing numbers."""
    body = msgspec.to_builtins(message)
    field = "inputs" if isinstance(message, InferenceRequest) else "outputs"
    body[field] = [_tensor(tensor) for tensor in getattr(message, field)]
    return body


def _tensor(tensor: Tensor) -> dict[str, Any]:
    values = np.asarray(to_array(tensor)).ravel()
    data = [None if v != v else v for v in values.tolist()]
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "datatype": tensor.datatype,
        "data": data,
    }
