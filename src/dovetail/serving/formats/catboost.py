"""CatBoost's own models, `.cbm`, and their compiled form where all features are numbers.

The original answers through CatBoost. `predict` has the labels of a classifier, as MLServer's
CatBoost runtime gives them, and the values of a regression; `predict_proba` comes for those that
ask. A model with categories or texts takes named columns.
"""

import struct
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dovetail.base.extras import require
from dovetail.serving.compiled import INPUT
from dovetail.serving.converters.catboost import convert_document
from dovetail.serving.converters.conversion import Conversion, Converted
from dovetail.serving.errors import BadModelError, InferenceFailedError, NotConvertibleError
from dovetail.serving.formats import Needs
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.table import Column, TableSignature
from dovetail.serving.tensors import Array, TensorSpec, datatype_of

__all__ = ["CatboostPredictor", "check", "compiles", "load", "matches", "needs"]

_FILES = ("model.cbm", "model.bin")
_MAGIC, _HEAD = b"CBM1", 8
_CLASSIFIERS = {"CrossEntropy", "Logloss", "MultiClass", "MultiClassOneVsAll"}
PREDICT, PROBABILITIES = "predict", "predict_proba"


class CatboostPredictor(Converted):
    """The original.

    Args:
        model: a loaded `catboost.CatBoostClassifier` or `CatBoostRegressor`.
        loss: name of its loss.
        columns: names of the features; by default the model's own.
        example: rows that the model's author gave, part of the sample for comparing.
    """

    platform = "catboost_cbm"

    def __init__(
        self,
        model: Any,
        loss: str,
        *,
        columns: Sequence[str] = (),
        example: Array | None = None,
    ) -> None:
        self._model, self._loss, self._example = model, loss, example
        own = tuple(str(name) for name in model.feature_names_)
        names = tuple(columns) if len(columns) == len(own) else own
        texts = {*model.get_cat_feature_indices(), *model.get_text_feature_indices()}
        self.signature: MatrixSignature | TableSignature = MatrixSignature(INPUT, names, len(names))
        if texts:
            self.signature = TableSignature(
                tuple(
                    Column(name, "BYTES" if index in texts else "FP64")
                    for index, name in enumerate(names)
                )
            )
        self._methods = (PREDICT, PROBABILITIES) if loss in _CLASSIFIERS else (PREDICT,)
        row = {name: np.array(["" if i in texts else 0.0]) for i, name in enumerate(names)}
        self._row = row if texts else {INPUT: np.zeros((1, len(names)))}
        found = self.run(self._row, self._methods)
        self.outputs = tuple(
            TensorSpec(name, datatype_of(answer), (-1, answer.shape[1]))
            for name, answer in found.items()
        )

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Predict with one thread."""
        asked = [name for name in self._methods if name in wanted] or [PREDICT]
        rows = len(next(iter(inputs.values())))
        if not rows:
            return {name: answer[:0] for name, answer in self.run(self._row, wanted).items()}
        table = inputs[INPUT] if isinstance(self.signature, MatrixSignature) else _table(inputs)
        try:
            return {name: self._answer(name, table, rows) for name in asked}
        except Exception as error:
            raise InferenceFailedError("CatBoost could not predict", why=str(error)) from error

    def _answer(self, name: str, table: Any, rows: int) -> Array:
        found = np.asarray(getattr(self._model, name)(table, thread_count=1))
        if found.dtype.kind in "OSU":
            found = found.astype(str).astype(object)
        return found.reshape(rows, -1)

    def _convert(self) -> Conversion:
        if not isinstance(self.signature, MatrixSignature):
            raise NotConvertibleError("CatBoost's categories and texts have no compiled form")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.json"
            self._model.save_model(str(file), format="json")
            document = msgspec.json.decode(file.read_bytes())
        return convert_document(document, self.signature, self._loss, self._model.classes_)


def matches(path: Path) -> bool:
    """Whether it begins as such a model does, or is a folder with one under a usual name."""
    file = _file(path)
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def compiles(path: Path) -> bool:
    """Whether it may have a compiled form: always."""
    del path
    return True


def needs(path: Path) -> Needs:
    """Return what compiling needs."""
    del path
    return Needs(("catboost",))


def check(path: Path, *, trusted: bool = False) -> None:
    """Refuse a truncated file without CatBoost.

    Raises:
        BadModelError: it is shorter than it says.
    """
    del trusted
    file = _file(path)
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    due = struct.unpack("<4xI", head)[0] if len(head) == _HEAD else 0
    if not due or file.stat().st_size < _HEAD + due:
        raise BadModelError(file, f"it is truncated: {due} bytes are due")


def load(
    path: Path,
    *,
    trusted: bool = False,
    columns: Sequence[str] = (),
    example: Array | None = None,
) -> CatboostPredictor:
    """Load a model.

    Args:
        path: the file, or a folder with `model.cbm` or `model.bin`.
        trusted: of no matter, the file cannot execute code.
        columns: names of the features, when the model's own are not to be used.
        example: rows for comparing the compiled form.

    Raises:
        BadModelError: the file is truncated or damaged.
    """
    check(path, trusted=trusted)
    catboost = require("catboost", extra="serving-catboost", feature="a CatBoost model")
    file = str(_file(path))
    try:
        loss = str(catboost.CatBoost().load_model(file).get_all_params()["loss_function"])
        loss = loss.partition(":")[0]
        kind = catboost.CatBoostClassifier if loss in _CLASSIFIERS else catboost.CatBoostRegressor
        model = kind().load_model(file)
    except Exception as error:
        raise BadModelError(file, str(error).strip().splitlines()[0]) from error
    return CatboostPredictor(model, loss, columns=columns, example=example)


def _table(columns: Mapping[str, Array]) -> list[list[Any]]:
    """Return rows of values; a missing category is the text that CatBoost takes for it."""
    lists = [
        ["nan" if value is None else value for value in column.tolist()]
        for column in columns.values()
    ]
    return [list(row) for row in zip(*lists, strict=True)]


def _file(path: Path) -> Path:
    if path.is_dir():
        return next((path / name for name in _FILES if (path / name).is_file()), path)
    return path
