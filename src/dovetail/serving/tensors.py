"""Tensors as the Open Inference Protocol names them, and numpy's side of each name.

Every other module of this room speaks of tensors through `TensorSpec` and these two tables.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["DATATYPES", "Array", "TensorSpec", "datatype_of"]

Array = np.ndarray[Any, np.dtype[Any]]

DATATYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
_NAMES = {dtype: name for name, dtype in DATATYPES.items()}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a model says of one of its tensors.

    Args:
        name: the tensor's name.
        datatype: the protocol's name of the element type, for example "FP32".
        shape: sizes by axis; -1 where any size fits.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]

    def describe(self) -> dict[str, Any]:
        """Return the protocol's JSON object for the model's metadata."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


def datatype_of(array: Array) -> str:
    """Return the protocol's name of an array's element type; text and bytes are BYTES."""
    return _NAMES.get(array.dtype, "BYTES")
