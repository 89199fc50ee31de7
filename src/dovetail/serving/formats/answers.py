"""What Python code is given, and what it answers in whatever shape, as tensors.

Models of users' own, and those behind MLflow's `python_function`, return arrays, DataFrames, lists
or mappings. One value per row has the shape [rows, 1], as MLServer gives it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dovetail.serving.errors import InferenceFailedError
from dovetail.serving.tensors import DATATYPES, Array

__all__ = ["as_outputs", "as_tensor", "decoded", "said"]

_LONGEST = 300
_KNOWN = frozenset(DATATYPES.values())


def as_outputs(answer: Any, names: Sequence[str] = ("predict",)) -> dict[str, Array]:
    """Return an answer as named tensors.

    Args:
        answer: an array, a DataFrame or mapping of columns, or a list.
        names: of the outputs, used where the answer names none.

    Raises:
        InferenceFailedError: it cannot be tensors.
    """
    if isinstance(answer, Mapping):
        return {str(name): as_tensor(values) for name, values in answer.items()}
    if hasattr(answer, "columns") and hasattr(answer, "to_numpy"):
        if len(answer.columns) == 1 and len(names) == 1:
            return {names[0]: as_tensor(answer.iloc[:, 0])}
        return {str(name): as_tensor(answer[name]) for name in answer.columns}
    if isinstance(answer, tuple) and len(answer) == len(names) > 1:
        return {name: as_tensor(one) for name, one in zip(names, answer, strict=True)}
    return {(names[0] if len(names) == 1 else "predict"): as_tensor(answer)}


def as_tensor(values: Any) -> Array:
    """Return one output as an array of a type that the protocol has.

    Args:
        values: an array, a Series, a list, or one value.

    Raises:
        InferenceFailedError: its rows differ in length, or it is of a type that has no tensor.
    """
    for method in ("detach", "toarray", "to_numpy", "numpy"):
        if hasattr(values, method):
            values = getattr(values, method)()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InferenceFailedError(
            "the model's answer is no tensor", why="its rows differ in length"
        ) from error
    if array.dtype.kind in "mM":
        array = array.astype(str)
    if array.dtype.kind in "SUV":
        array = array.astype(object)
    elif array.dtype.kind == "O":
        array = _plain(array)
    if array.dtype.newbyteorder("=") not in _KNOWN:
        raise InferenceFailedError(
            "the model's answer is no tensor", why=f"it is of numpy's type {array.dtype}"
        )
    return array.reshape(-1, 1) if array.ndim < 2 else array


def _plain(array: Array) -> Array:
    """Return objects that are all numbers as numbers; all else is text."""
    kinds = {type(value) for value in array.ravel().tolist()}
    if kinds <= {float, int, type(None)} and kinds & {float, int}:
        return array.astype(np.float64 if kinds & {float, type(None)} else np.int64)
    if kinds == {bool}:
        return array.astype(np.bool_)
    if not kinds <= {str, bytes, type(None)}:
        raise InferenceFailedError(
            "the model's answer is no tensor",
            why=f"it holds {', '.join(sorted(kind.__name__ for kind in kinds))}",
        )
    return array


def said(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says, never its traceback."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:_LONGEST]}" if lines else type(error).__name__


def decoded(array: Array) -> Array:
    """Return text as `str`; bytes that are no text stay bytes."""
    if array.dtype.kind != "O":
        return array
    text = np.empty(array.size, dtype=object)
    try:
        text[:] = [v.decode() if type(v) is bytes else v for v in array.ravel().tolist()]
    except UnicodeDecodeError:
        return array
    return text.reshape(array.shape)
