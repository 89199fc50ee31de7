"""An object of a user's own class behind the seam.

What `predict` is given follows its annotation: a mapping of arrays by default, one array for
`np.ndarray`, a DataFrame for `pandas.DataFrame`. Keyword-only arguments are parameters of the
request. Calls come one at a time unless the class says that it can do several at once.
"""

import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.serving.errors import BadTensorError, InferenceFailedError
from dovetail.serving.formats.answers import as_outputs, decoded
from dovetail.serving.parameters import ParameterSignature
from dovetail.serving.signature import AnySignature, NamedSignature, Signature
from dovetail.serving.table import Column, TableSignature
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec

__all__ = ["PythonPredictor"]

Shaper = Callable[[dict[str, Array]], Any]

_NEVER_GIVEN = frozenset(
    {"list", "List", "tuple", "Sequence", "Iterable", "set", "str", "bytes", "int", "float"}
    | {"bool", "Series", "Tensor"}
)
"""What `predict` may say that it takes, and would work on wrongly: a dict is iterable too."""


class PythonPredictor:
    """The original: an object with `predict`.

    Args:
        model: the object. Its class may say `inputs` and `outputs` (names to types), `by_rows`
            (requests may be joined) and `is_concurrent` (several calls at once).

    Raises:
        InvalidInputError: `inputs` or `outputs` are not what they should be.
    """

    platform = "python_class"

    def __init__(self, model: Any) -> None:
        self._predict = model.predict
        arguments = inspect.signature(model.predict).parameters.values()
        keywords = tuple(a.name for a in arguments if a.kind is a.KEYWORD_ONLY)
        declared = getattr(model, "inputs", None)
        base = _signature(declared)
        by_rows = bool(getattr(model, "by_rows", False)) and not keywords
        self.signature: Signature = base if by_rows else ParameterSignature(base, keywords)
        self._declared = tuple(_specs(getattr(model, "outputs", None), "outputs"))
        self.outputs = self._declared or (TensorSpec("predict", "FP64", (-1, -1)),)
        self._names = tuple(spec.name for spec in self.outputs)
        first = next((a for a in arguments if a.kind is not a.KEYWORD_ONLY), None)
        self._shape = _shaper(None if first is None else first.annotation)
        self._turn: AbstractContextManager[Any] = (
            nullcontext() if getattr(model, "is_concurrent", False) else threading.Lock()
        )

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Call `predict`.

        Raises:
            InferenceFailedError: the answer is no tensor, or not what `outputs` says.
            Exception: the class's own, whatever it raises.
        """
        values: dict[str, Any] = {}
        if isinstance(self.signature, ParameterSignature):
            inputs, values = self.signature.split(inputs)
        given = self._shape({name: decoded(array) for name, array in inputs.items()})
        with self._turn:
            answer = self._predict(given, **values)
        outputs = as_outputs(answer, self._names)
        return self._checked(outputs) if self._declared else outputs

    def _checked(self, outputs: dict[str, Array]) -> dict[str, Array]:
        missing = [name for name in self._names if name not in outputs]
        if missing:
            raise InferenceFailedError(
                "the model's answer is not what its `outputs` say",
                why=f"missing: {', '.join(missing)}; it has: {', '.join(outputs)}",
            )
        return {spec.name: _cast(outputs[spec.name], spec) for spec in self._declared}


def _signature(declared: Any) -> Signature:
    if declared is None:
        return AnySignature((TensorSpec("input", "FP64", (-1, -1)),))
    if hasattr(declared, "bind"):
        signature: Signature = declared
        return signature
    if isinstance(declared, Mapping) and declared and all(map(_is_name, declared.values())):
        return TableSignature(tuple(Column(name, kind) for name, kind in declared.items()))
    return NamedSignature(tuple(_specs(declared, "inputs")))


def _specs(declared: Any, what: str) -> list[TensorSpec]:
    """Read `{"x": "FP64"}` or `{"x": ("FP32", (-1, 28, 28))}`."""
    if declared is None:
        return []
    try:
        found = []
        for name, said in declared.items():
            kind, shape = (said, (-1, -1)) if isinstance(said, str) else said
            if not _is_name(kind):
                raise ValueError(f"{kind!r} is none of {', '.join(DATATYPES)}")
            found.append(TensorSpec(str(name), kind, tuple(int(size) for size in shape)))
        return found
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidInputError(
            f"its `{what}` are not understood",
            why=str(error),
            fix='write {"x": "FP64"} or {"x": ("FP32", (-1, 28, 28))}',
        ) from error


def _is_name(kind: object) -> bool:
    return isinstance(kind, str) and kind in DATATYPES


def _shaper(annotation: Any) -> Shaper:
    """Return what makes of the tensors what `predict` is annotated to take."""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    kind = name.partition("[")[0].rpartition(".")[2]
    if kind == "DataFrame":
        return _frame
    if kind in ("ndarray", "NDArray", "Array"):
        return _one
    if kind in _NEVER_GIVEN:
        raise InvalidInputError(
            f"its `predict` takes {kind}",
            why="a request brings tensors by name",
            fix="annotate the argument dict[str, np.ndarray], np.ndarray or pandas.DataFrame",
        )
    return dict


def _one(tensors: dict[str, Array]) -> Array:
    if len(tensors) == 1:
        return next(iter(tensors.values()))
    try:
        return np.column_stack([array.reshape(len(array)) for array in tensors.values()])
    except ValueError as error:
        raise BadTensorError(
            "the model takes one tensor", why=f"the request has {', '.join(tensors)}"
        ) from error


def _frame(tensors: dict[str, Array]) -> Any:
    pandas = require("pandas", extra="serving-sklearn", feature="a model that takes a DataFrame")
    try:
        columns = {name: array.reshape(len(array)) for name, array in tensors.items()}
        return pandas.DataFrame(columns, copy=False)
    except ValueError as error:
        raise BadTensorError(
            "the model takes a table, one tensor [rows] or [rows, 1] per column", why=str(error)
        ) from error


def _cast(array: Array, spec: TensorSpec) -> Array:
    due = DATATYPES[spec.datatype]
    if array.dtype == due:
        return array
    if array.dtype.kind in "fiub" and due.kind in "fiub":
        return array.astype(due)
    raise InferenceFailedError(
        "the model's answer is not what its `outputs` say",
        why=f"{spec.name!r} is of numpy's type {array.dtype}, {spec.datatype} is due",
    )
