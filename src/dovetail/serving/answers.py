"""The body of an inference answer: JSON, or JSON followed by the tensors asked for as bytes.

On the hot path: orjson writes numpy arrays without making Python objects of their elements.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from dovetail.serving.arrays import json_values, raw_bytes
from dovetail.serving.tensors import Array, datatype_of
from dovetail.wire.open_inference import InferenceRequest

__all__ = ["Answer", "write_answer"]

Answer = tuple[bytes, int | None]
"""The body, and the length of its JSON part where tensors follow it."""


def write_answer(
    head: dict[str, Any], outputs: Mapping[str, Array], asked: InferenceRequest
) -> Answer:
    """Write an answer.

    Args:
        head: `model_name`, `model_version` and perhaps `id`.
        outputs: the tensors to give.
        asked: the request, which says what goes as bytes.
    """
    tensors: list[dict[str, Any]] = []
    raws: list[bytes] = []
    is_finite = True
    binary = bool(asked.outputs or asked.parameters)
    for name, array in outputs.items():
        tensor: dict[str, Any] = {
            "name": name,
            "shape": list(array.shape),
            "datatype": datatype_of(array),
        }
        if binary and asked.wants_binary(name):
            raws.append(raw_bytes(array))
            tensor["parameters"] = {"binary_data_size": len(raws[-1])}
        else:
            data = tensor["data"] = json_values(array)
            if array.dtype.kind == "f":
                is_finite = is_finite and bool(np.isfinite(data).all())
        tensors.append(tensor)
    head["outputs"] = tensors
    body = orjson.dumps(head, option=orjson.OPT_SERIALIZE_NUMPY) if is_finite else _with_nan(head)
    return (b"".join((body, *raws)), len(body)) if raws else (body, None)


def _with_nan(head: dict[str, Any]) -> bytes:
    """Write NaN and Infinity bare, as Triton does: null would lose which of them it was."""
    return json.dumps(head, default=lambda array: array.tolist(), separators=(",", ":")).encode()
