"""The columns of a request in the shape that a fitted estimator takes: once per request, cheaply.

A DataFrame whose columns are all floats is made around one matrix, which takes a tenth of the time
that one array per column takes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dovetail.base.extras import require
from dovetail.serving.formats.sklearn_columns import INPUT, Kind
from dovetail.serving.table import TableSignature
from dovetail.serving.tensors import Array

__all__ = ["Reader", "frames", "matrix", "objects", "texts"]

Reader = Callable[[Mapping[str, Array]], Any]


def matrix(inputs: Mapping[str, Array]) -> Array:
    """Return the one matrix."""
    return inputs[INPUT]


def texts(inputs: Mapping[str, Array]) -> list[Any]:
    """Return the one column of text as a list."""
    return list(inputs[INPUT].tolist())


def objects(table: TableSignature, kinds: Sequence[Kind]) -> Reader:
    """Return a reader that makes one array of objects [rows, columns], for text among numbers."""
    missing = _missing(table, kinds)

    def read(inputs: Mapping[str, Array]) -> Array:
        rows = len(next(iter(inputs.values())))
        whole = np.empty((rows, len(table.names)), dtype=object)
        for index, name in enumerate(table.names):
            whole[:, index] = _filled(inputs[name], missing.get(name))
        return whole

    return read


def frames(table: TableSignature, kinds: Sequence[Kind]) -> Reader:
    """Return a reader that makes a DataFrame.

    Args:
        table: the signature, whose columns are the DataFrame's.
        kinds: what the columns hold.
    """
    pandas = require("pandas", extra="serving-sklearn", feature="a model of named columns")
    index = pandas.Index(table.names)
    missing = _missing(table, kinds)
    dtypes = {
        name: pandas.CategoricalDtype(list(kind.categories))
        for name, kind in zip(table.names, kinds, strict=True)
        if kind.is_categorical
    }
    width = len(table.names)

    def read(inputs: Mapping[str, Array]) -> Any:
        arrays = list(inputs.values())
        if not dtypes and all(array.dtype == np.float64 for array in arrays):
            whole = np.empty((width, len(arrays[0])))
            for row, array in enumerate(arrays):
                whole[row] = array
            return pandas.DataFrame(whole.T, columns=index, copy=False)
        columns = {
            name: _filled(array, missing.get(name)) if array.dtype.kind == "O" else array
            for name, array in inputs.items()
        }
        for name, dtype in dtypes.items():
            codes = dtype.categories.get_indexer(columns[name])  # -1, missing, where it is unknown
            columns[name] = pandas.Categorical.from_codes(codes, dtype=dtype)
        return pandas.DataFrame(columns, copy=False)

    return read


def _missing(table: TableSignature, kinds: Sequence[Kind]) -> dict[str, float]:
    """Return what stands for a missing text, by column; columns where it is None are left out."""
    return {
        column.name: kind.missing
        for column, kind in zip(table.columns, kinds, strict=True)
        if kind.missing is not None
    }


def _filled(array: Array, missing: float | None) -> Array:
    """Put what the model calls missing in place of None."""
    if missing is None or array.dtype.kind != "O":
        return array
    values = array.tolist()
    if None not in values:
        return array
    filled = np.empty(len(values), dtype=object)
    filled[:] = [missing if value is None else value for value in values]
    return filled
