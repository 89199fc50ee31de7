"""MLflow's model signatures: columns, tensors and parameters, as `MLmodel` keeps them in JSON.

Types follow MLflow's own table. A column of lists or objects has no tensor type; it travels as
text, each cell as JSON, which is how MLServer's clients send it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from dovetail.serving.table import Column
from dovetail.serving.tensors import DATATYPES, TensorSpec, datatype_of

__all__ = ["Parameter", "Schema", "read_schema"]

_COLUMNS = {
    "double": ("FP64", ""),
    "float": ("FP32", ""),
    "long": ("INT64", ""),
    "integer": ("INT32", ""),
    "boolean": ("BOOL", ""),
    "string": ("BYTES", ""),
    "datetime": ("BYTES", "datetime"),
    "binary": ("BYTES", "binary"),
}
_NESTED = ("BYTES", "json")


@dataclass(frozen=True)
class Parameter:
    """A parameter that a request may set.

    Args:
        name: the parameter's name.
        datatype: MLflow's name of its type.
        default: what it is otherwise.
    """

    name: str
    datatype: str
    default: Any


@dataclass(frozen=True)
class Schema:
    """What the author of a model said that it takes and gives.

    Args:
        columns: of the input, where it is a table.
        tensors: of the input, where it is tensors.
        outputs: names and types, where they are known.
        parameters: what a request may set.
        is_named: whether the columns, or the tensors, have names of their own.
    """

    columns: tuple[Column, ...] = ()
    tensors: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    is_named: bool = True


def read_schema(signature: object) -> Schema:
    """Read the entry `signature` of an `MLmodel`.

    Args:
        signature: a mapping of `inputs`, `outputs` and `params` to JSON text; anything else says
            nothing.

    Raises:
        ValueError: it is damaged.
    """
    if not isinstance(signature, Mapping):
        return Schema()
    try:
        inputs = _entries(signature.get("inputs"))
        tensors = [entry for entry in inputs if entry["type"] == "tensor"]
        outputs = _entries(signature.get("outputs"))
        return Schema(
            columns=() if tensors else tuple(_column(i, e) for i, e in enumerate(inputs)),
            tensors=tuple(_tensor(i, e, "input") for i, e in enumerate(tensors)),
            outputs=tuple(_output(i, e, len(outputs)) for i, e in enumerate(outputs)),
            parameters=tuple(
                Parameter(str(e["name"]), str(e.get("type", e.get("dtype"))), e.get("default"))
                for e in _entries(signature.get("params"))
            ),
            is_named=all(entry.get("name") is not None for entry in inputs),
        )
    except (KeyError, TypeError, AttributeError, msgspec.DecodeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _entries(text: object) -> Sequence[Mapping[str, Any]]:
    return [] if text is None else msgspec.json.decode(str(text), type=list[dict[str, Any]])


def _column(index: int, entry: Mapping[str, Any]) -> Column:
    datatype, content = _COLUMNS.get(str(entry["type"]), _NESTED)
    required = entry.get("required", not entry.get("optional", False))
    name = entry.get("name")
    return Column(
        str(index) if name is None else str(name), datatype, bool(required), content=content
    )


def _tensor(index: int, entry: Mapping[str, Any], prefix: str) -> TensorSpec:
    spec = entry["tensor-spec"]
    dtype = (
        np.dtype("O") if spec["dtype"] in ("str", "object", "bytes") else np.dtype(spec["dtype"])
    )
    name = entry.get("name")
    if name is None:
        name = prefix if index == 0 else f"{prefix}-{index}"
    datatype = datatype_of(np.empty(0, dtype))
    return TensorSpec(str(name), datatype, tuple(int(size) for size in spec["shape"]))


def _output(index: int, entry: Mapping[str, Any], count: int) -> TensorSpec:
    prefix = "predict" if count == 1 else "output"
    if entry["type"] == "tensor":
        return _tensor(index, entry, prefix)
    datatype, _ = _COLUMNS.get(str(entry["type"]), _NESTED)
    name = entry.get("name")
    if name is None:
        name = prefix if count == 1 else f"{prefix}-{index}"
    assert datatype in DATATYPES
    return TensorSpec(str(name), datatype, (-1, 1))
