"""MLflow's `python_function`: any model that MLflow can load, by MLflow itself, where trusted.

This is the way for models that have no native flavour here: a Python class of the user's own, a
library that is not read natively. It needs the installed `mlflow` and runs code from the folder.
"""

from collections.abc import Mapping
from typing import Any

from dovetail.base.extras import require
from dovetail.serving.errors import BadModelError, BadTensorError
from dovetail.serving.formats.answers import as_outputs, decoded, said
from dovetail.serving.formats.code import leave_no_bytecode
from dovetail.serving.formats.mlflow_folder import Folder
from dovetail.serving.formats.mlflow_schema import Schema
from dovetail.serving.parameters import ParameterSignature
from dovetail.serving.signature import AnySignature, NamedSignature, Signature
from dovetail.serving.table import TableSignature
from dovetail.serving.tensors import Array, TensorSpec

__all__ = ["PyfuncPredictor", "load_pyfunc"]

_EXTRA, _FEATURE = "serving-pyfunc", "a python_function model of MLflow"


class PyfuncPredictor:
    """The original: what `mlflow.pyfunc.load_model` gives.

    Args:
        model: the loaded model.
        schema: the signature of its `MLmodel`.
    """

    platform = "mlflow_pyfunc"

    def __init__(self, model: Any, schema: Schema) -> None:
        self._model, self._schema = model, schema
        self._pandas = require("pandas", extra=_EXTRA, feature=_FEATURE)
        base = _signature(schema)
        names = tuple(parameter.name for parameter in schema.parameters)
        self.signature: Signature = ParameterSignature(base, names) if names else base
        self.outputs = schema.outputs or (TensorSpec("predict", "FP64", (-1, -1)),)

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Call the model's `predict`.

        Raises:
            BadTensorError: MLflow says that the values do not fit the signature.
            Exception: the model's own, whatever it raises.
        """
        values: dict[str, Any] = {}
        if isinstance(self.signature, ParameterSignature):
            inputs, values = self.signature.split(inputs)
        data = self._data(inputs)
        more = {"params": values} if self._schema.parameters else {}
        try:
            answer = self._model.predict(data, **more)
        except Exception as error:
            if type(error).__name__ != "MlflowException":
                raise  # the model's own, which is logged where it was called
            what = "the request does not fit the model"
            raise BadTensorError(what, why=said(error)) from error
        return as_outputs(answer, tuple(spec.name for spec in self.outputs))

    def _data(self, inputs: Mapping[str, Array]) -> Any:
        if self._schema.columns:
            if self._schema.is_named:
                return self._pandas.DataFrame(dict(inputs), copy=False)
            return self._pandas.DataFrame(dict(enumerate(inputs.values())), copy=False)
        arrays = {name: decoded(array) for name, array in inputs.items()}
        if len(arrays) == 1 and not (self._schema.tensors and self._schema.is_named):
            return next(iter(arrays.values()))
        if self._schema.tensors or any(array.ndim > 2 for array in arrays.values()):
            return arrays
        try:
            columns = {name: array.reshape(len(array)) for name, array in arrays.items()}
        except ValueError:
            return arrays
        return self._pandas.DataFrame(columns, copy=False)


def load_pyfunc(folder: Folder) -> PyfuncPredictor:
    """Load a model through MLflow. It executes code from the folder: call it for trusted ones only.

    Args:
        folder: the model's folder.

    Raises:
        BadModelError: MLflow could not load it.
    """
    leave_no_bytecode()
    pyfunc = require("mlflow.pyfunc", extra=_EXTRA, feature=_FEATURE)
    try:
        model = pyfunc.load_model(str(folder.path))
    except ModuleNotFoundError as error:
        raise BadModelError(
            folder.path, f"it needs the library {error.name!r}", fix=f"pip install {error.name}"
        ) from error
    except Exception as error:
        # Whatever the libraries and the code in the folder raise.
        raise BadModelError(folder.path, said(error)) from error
    return PyfuncPredictor(model, folder.schema)


def _signature(schema: Schema) -> Signature:
    if schema.columns:
        return TableSignature(schema.columns)
    if schema.tensors:
        return NamedSignature(schema.tensors)
    return AnySignature((TensorSpec("input", "FP64", (-1, -1)),))
