"""A fitted estimator behind the seam, with the outputs of MLServer's scikit-learn runtime.

`predict` is given by default, other methods where a request names them. An answer of one value per
row has the shape [rows, 1], as MLServer gives it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from dovetail.base.errors import DovetailError
from dovetail.serving.compiled import CompiledForm
from dovetail.serving.converters.conversion import Conversion
from dovetail.serving.converters.estimators import convert_estimator
from dovetail.serving.errors import BadTensorError, InferenceFailedError
from dovetail.serving.formats import sklearn_inputs
from dovetail.serving.formats.answers import as_tensor
from dovetail.serving.formats.sklearn_columns import (
    INPUT,
    Kind,
    is_fitted_on_names,
    signature_of,
)
from dovetail.serving.formats.sklearn_walk import stay_on_this_thread, use_one_thread
from dovetail.serving.signature import Signature
from dovetail.serving.table import Column, TableSignature
from dovetail.serving.tensors import DATATYPES, Array, TensorSpec, datatype_of

__all__ = ["METHODS", "SklearnPredictor"]

METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
)
"""Methods that can be asked for as outputs; the first that a model has is what it gives."""


class SklearnPredictor:
    """The original: a fitted estimator of scikit-learn, or of a library that follows it.

    Args:
        estimator: the estimator; it is made to use one thread.
        platform: `sklearn_<format of the file>`.
        schema: the columns as the model's author described them.
        example: rows that the author gave, as the tensors of a request; left out where they do not
            fit.
        default: the method that answers where a request names none.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        platform: str,
        schema: Sequence[Column] = (),
        example: Mapping[str, Array] | None = None,
        default: str = "",
    ) -> None:
        use_one_thread(estimator)
        self.estimator, self.platform = estimator, platform
        self.signature, kinds = signature_of(estimator, schema)
        self._read = _reader(estimator, self.signature, kinds)
        self._methods = {
            name: method for name in METHODS if callable(method := getattr(estimator, name, None))
        }
        self._default = (default if default in self._methods else next(iter(self._methods)),)
        self.example = self._bound(example)
        self.outputs = tuple(self._specs())

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Call the methods that are wanted.

        Raises:
            BadTensorError: the estimator refuses the values: an unknown category, a missing value.
            InferenceFailedError: it failed otherwise.
        """
        stay_on_this_thread()
        names = [name for name in wanted if name in self._methods] or self._default
        rows = len(next(iter(inputs.values())))
        if not rows:  # which scikit-learn refuses
            return {spec.name: _empty(spec) for spec in self.outputs if spec.name in names}
        try:
            table = self._read(inputs)
            return {name: _array(self._methods[name](table), rows) for name in names}
        except DovetailError:
            raise
        except ValueError as error:
            raise BadTensorError(
                "the model does not take these values", why=_first_line(error)
            ) from error
        except Exception as error:
            raise InferenceFailedError("the model failed", why=_first_line(error)) from error

    @cached_property
    def _conversion(self) -> Conversion:
        outputs = [spec.name for spec in self.outputs]
        return convert_estimator(self.estimator, self.signature, outputs)

    def compiled(self) -> CompiledForm:
        """Return the same model without scikit-learn."""
        return self._conversion.form

    def sample(self, rows: int) -> dict[str, Array]:
        """Return the author's example and rows where the model changes its mind."""
        return self._conversion.sample(rows, example=self.example)

    def _bound(self, example: Mapping[str, Array] | None) -> dict[str, Array] | None:
        if not example:
            return None
        try:
            return self.signature.bind(example)
        except BadTensorError:
            return None

    def _specs(self) -> Iterator[TensorSpec]:
        """Give the outputs as one row is answered; where it cannot be, as they mostly are."""
        row = self._one_row()
        for name in dict.fromkeys((*self._default, *self._methods)):
            spec = TensorSpec(name, "FP64", (-1, -1))
            with suppress(DovetailError), np.errstate(all="ignore"):
                answer = self.run(row, (name,))[name]
                spec = TensorSpec(name, datatype_of(answer), (-1, *answer.shape[1:]))
            yield spec

    def _one_row(self) -> dict[str, Array]:
        if self.example is not None:
            return {name: array[:1] for name, array in self.example.items()}
        if isinstance(self.signature, TableSignature):
            return {column.name: _typical(column) for column in self.signature.columns}
        return {INPUT: np.zeros((1, getattr(self.signature, "width", 1)))}


def _reader(estimator: Any, signature: Signature, kinds: Sequence[Kind]) -> sklearn_inputs.Reader:
    if not isinstance(signature, TableSignature):
        return sklearn_inputs.matrix
    if not hasattr(estimator, "n_features_in_") and signature.names == (INPUT,):
        return sklearn_inputs.texts
    if is_fitted_on_names(estimator):
        return sklearn_inputs.frames(signature, kinds)
    return sklearn_inputs.objects(signature, kinds)


def _typical(column: Column) -> Array:
    if column.content == "datetime":
        return np.zeros(1, "datetime64[ns]")
    value = column.categories[0] if column.categories else "" if column.is_text else 0
    return np.array([value], dtype=DATATYPES[column.datatype])


def _empty(spec: TensorSpec) -> Array:
    shape = (0, *(max(size, 1) for size in spec.shape[1:]))
    return np.empty(shape, DATATYPES[spec.datatype])


def _array(answer: Any, rows: int) -> Array:
    """Return an answer as an array [rows, ...] of a type that the protocol has."""
    if isinstance(answer, list) and answer and isinstance(answer[0], np.ndarray):
        if len({one.shape for one in answer}) > 1:
            raise InferenceFailedError(
                "the model's outputs cannot be one tensor", why="they have different classes"
            )
        answer = np.stack(answer, axis=1)
    array = as_tensor(answer)
    if len(array) != rows:
        raise InferenceFailedError(
            "the model's answer does not fit the request",
            why=f"it has the shape {list(array.shape)}, the request {rows} rows",
        )
    return array


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
