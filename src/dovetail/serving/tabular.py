"""Rows as people hold them in Python, as the tensors of a request."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from dovetail.serving.errors import BadTensorError
from dovetail.serving.tensors import DATATYPES, Array

__all__ = ["tensors_of"]

_TYPES = frozenset(DATATYPES.values())


def tensors_of(rows: Any, columns: Collection[str]) -> dict[str, Array]:
    """Return rows as tensors: one per column of a table, else one matrix named `input`.

    Args:
        rows: a matrix, a DataFrame of pandas or Polars, or a mapping of columns.
        columns: that the model knows; of a DataFrame only these are taken, if it knows any.

    Raises:
        BadTensorError: a column is of a type that has no tensor.

    Example:
        >>> tensors_of({"wind": [0.5, None], "carrier": ["UA", None]}, ())
        {'wind': array([0.5, nan]), 'carrier': array(['UA', None], dtype=object)}
    """
    if isinstance(rows, Mapping):
        return {str(name): _column(str(name), values) for name, values in rows.items()}
    if hasattr(rows, "columns") and hasattr(rows, "to_numpy"):
        names = [name for name in rows.columns if not columns or str(name) in columns]
        if columns and names:
            return {str(name): _column(str(name), rows[name]) for name in names}
        return {"input": np.asarray(rows.to_numpy())}
    return {"input": np.asarray(rows)}


def _column(name: str, values: Any) -> Array:
    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if array.dtype.kind in "mM":
        missing, array = np.isnat(array), array.astype(str).astype(object)
        array[missing] = None
    elif array.dtype.kind in "SU":
        array = array.astype(object)
    elif array.dtype.kind == "O":
        array = _objects(array)
    if array.dtype.newbyteorder("=") not in _TYPES:
        raise BadTensorError(f"column {name!r} is of numpy's type {array.dtype}")
    return array


def _objects(array: Array) -> Array:
    """Return numbers with missing ones as FP64, and text with None where it is missing."""
    flat = [None if _is_missing(value) else value for value in array.ravel().tolist()]
    kinds = {type(value) for value in flat if value is not None}
    if kinds and kinds <= {int, float, bool}:
        due = np.bool_ if kinds == {bool} and None not in flat else np.float64
        return np.array(flat, dtype=due).reshape(array.shape)
    found = np.empty(array.size, dtype=object)
    found[:] = flat
    return found.reshape(array.shape)


def _is_missing(value: object) -> bool:
    """Whether it is None, NaN, NaT or pandas' NA: what does not equal itself, or cannot say."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):
        return True
