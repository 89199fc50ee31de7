"""Values as vectors, by a function of the user's or by a model on any Open Inference server.

The model is asked in batches over its REST path; its first tensor of floats of shape [rows, size]
is the vectors.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.classical.rows import take
from dovetail.monitoring.view_vectors import Vectors, as_vectors

__all__ = ["Embed", "embedded", "url_of"]

Embed = str | Callable[[Sequence[Any]], Any]
"""A function from values to vectors, or the URL of a served model: `http://host/v2/models/NAME`."""
BATCH = 256
_TIMEOUT_S = 60.0
_FLOATS = ("FP16", "FP32", "FP64", "BF16")


def url_of(embed: Embed) -> str:
    """The URL of a served model; "" for a function.

    Raises:
        InvalidInputError: It is no address of a model.
    """
    if not isinstance(embed, str):
        return ""
    parts = urlsplit(embed)
    if parts.scheme not in ("http", "https") or "/models/" not in parts.path:
        raise InvalidInputError(
            f"'{embed}' is no address of a model", fix="give http://host:8080/v2/models/NAME"
        )
    return embed.rstrip("/").removesuffix("/infer")


def embedded(embed: Embed, values: Any, column: str) -> Vectors:
    """The vectors of some values, NaN where a value is missing.

    Args:
        embed: The function, or the model's URL.
        values: The column.
        column: Its name, for what goes wrong.

    Raises:
        InvalidInputError: There is no model, it does not answer, or not with a vector a row.
    """
    if not embed:
        raise InvalidInputError(
            f"column '{column}' was embedded by a function, which a reference cannot keep",
            fix=f"give it again: embed={{'{column}': function}}",
        )
    items = list(take(values, None))
    known = [i for i, v in enumerate(items) if v is not None]
    parts = [known[i : i + BATCH] for i in range(0, len(known), BATCH)]
    ask = embed if callable(embed) else _asker(url_of(embed), column)
    found = [_checked(ask([items[i] for i in part]), len(part), column) for part in parts]
    size = found[0].shape[1] if found else 1
    made = np.full((len(items), size), np.nan, np.float32)
    for part, vectors in zip(parts, found, strict=True):
        made[part] = vectors
    return made


def _checked(answer: Any, rows: int, column: str) -> Vectors:
    vectors = as_vectors(answer)
    if len(vectors) != rows:
        raise InvalidInputError(
            f"the model that embeds '{column}' gave {len(vectors)} vectors for {rows} values"
        )
    return vectors


def _asker(url: str, column: str) -> Callable[[Sequence[Any]], Any]:
    name = _input(url, column)

    def ask(values: Sequence[Any]) -> Any:
        body = {"inputs": [_tensor(name, values)]}
        answer = _call("POST", f"{url}/infer", column, body)
        for output in answer.get("outputs", []):
            if output.get("datatype") in _FLOATS:
                return np.asarray(output["data"], dtype=np.float32).reshape(len(values), -1)
        raise InvalidInputError(f"the model at {url} answers no tensor of floats")

    return ask


def _input(url: str, column: str) -> str:
    """The name of the model's input, as its metadata tells."""
    inputs = _call("GET", url, column).get("inputs") or [{"name": "input"}]
    return str(inputs[0].get("name", "input"))


def _tensor(name: str, values: Sequence[Any]) -> dict[str, Any]:
    if isinstance(values[0], str):
        return {"name": name, "datatype": "BYTES", "shape": [len(values)], "data": list(values)}
    block = np.asarray(values, dtype=np.float32)
    return {
        "name": name,
        "datatype": "FP32",
        "shape": list(block.shape),
        "data": block.ravel().tolist(),
    }


def _call(method: str, url: str, column: str, body: Any = None) -> dict[str, Any]:
    try:
        answer = httpx.request(method, url, json=body, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, json.JSONDecodeError, ValueError) as error:
        raise InvalidInputError(
            f"the model that embeds '{column}' does not answer at {url}",
            why=str(error) or type(error).__name__,
            fix="look whether it is served and ready",
        ) from error
    return found if isinstance(found, dict) else {}
