"""XGBoost's own models, `.json` and `.ubj`, and their compiled form.

The original answers through `xgboost.Booster`, and as MLServer's XGBoost runtime does: `predict`
has the labels of a classifier that scikit-learn's wrapper saved, and what the objective gives
otherwise; `predict_proba` comes for those that ask. Neither file can execute code.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dovetail.base.extras import require
from dovetail.serving.compiled import INPUT
from dovetail.serving.converters.conversion import Conversion, Converted
from dovetail.serving.converters.xgboost import check_document, convert_document, read_head
from dovetail.serving.errors import BadModelError, InferenceFailedError
from dovetail.serving.formats import Needs
from dovetail.serving.formats.ubjson import read_ubjson
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.tensors import Array, TensorSpec

__all__ = ["XgboostPredictor", "check", "compiles", "load", "matches", "needs"]

_SUFFIXES = {".json", ".ubj", ".bst", ".xgb"}
_FILES = ("model.bst", "model.json", "model.ubj", "model.xgb")
_READ = 512
_WORDS = (b"learner", b"version")
PREDICT, PROBABILITIES = "predict", "predict_proba"


class XgboostPredictor(Converted):
    """The original: a booster.

    Args:
        booster: a `xgboost.Booster`.
        document: the model's document.
        platform: what runs it.
        columns: names of the features; by default the booster's own.
        example: rows that the model's author gave, part of the sample for comparing.
    """

    def __init__(
        self,
        booster: Any,
        document: Any,
        platform: str,
        *,
        columns: Sequence[str] = (),
        example: Array | None = None,
    ) -> None:
        head = read_head(document)
        names = tuple(columns) if len(columns) == head.features else head.names
        self.platform = platform
        self.signature = MatrixSignature(INPUT, names, head.features, "FP32")
        self._booster, self._document, self._example = booster, document, example
        self._head = head
        self.outputs = self._specs()

    def _specs(self) -> tuple[TensorSpec, ...]:
        values = self._values(np.zeros((1, self.signature.width), np.float32))
        width = values.shape[1]
        if not self._head.is_classifier:
            return (TensorSpec(PREDICT, "FP32", (-1, width)),)
        label = TensorSpec(PREDICT, "INT64", (-1, 1))
        return (label, TensorSpec(PROBABILITIES, "FP32", (-1, max(width, 2))))

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Predict with one thread."""
        values = self._values(inputs[INPUT])
        if not self._head.is_classifier:
            return {PREDICT: values}
        if values.shape[1] == 1:
            values = np.hstack([np.float32(1.0) - values, values])
            label = values[:, 1:] > 0.5
        else:
            label = values.argmax(axis=1).reshape(-1, 1)
        outputs = {PREDICT: label.astype(np.int64), PROBABILITIES: values}
        return {name: outputs[name] for name in wanted or (PREDICT,) if name in outputs}

    def _values(self, matrix: Array) -> Array:
        if not len(matrix):
            return np.empty((0, self.outputs[-1].shape[1]), np.float32)
        try:
            found = self._predict(matrix)
        except Exception as error:
            raise InferenceFailedError("XGBoost could not predict", why=str(error)) from error
        return np.asarray(found, np.float32).reshape(len(matrix), -1)

    def _predict(self, matrix: Array) -> Any:
        if self._head.is_linear:  # it has no prediction in place
            xgboost = require("xgboost", extra="serving-xgboost", feature="an XGBoost model")
            return self._booster.predict(xgboost.DMatrix(matrix), validate_features=False)
        return self._booster.inplace_predict(
            matrix, iteration_range=(0, self._head.rounds), validate_features=False
        )

    def _convert(self) -> Conversion:
        return convert_document(self._document, self.signature)


def matches(path: Path) -> bool:
    """Whether it is a document with a learner, or a folder with one under a usual name."""
    file = _file(path)
    if file.suffix not in _SUFFIXES or not file.is_file():
        return False
    with file.open("rb") as stream:
        head = stream.read(_READ)
    return head.lstrip()[:1] == b"{" and any(word in head for word in _WORDS)


def compiles(path: Path) -> bool:
    """Whether it may have a compiled form: always."""
    del path
    return True


def needs(path: Path) -> Needs:
    """Return what compiling needs."""
    del path
    return Needs(("xgboost-cpu", "xgboost"), ("sklearn", "pandas", "dask"))


def load(
    path: Path,
    *,
    trusted: bool = False,
    columns: Sequence[str] = (),
    example: Array | None = None,
) -> XgboostPredictor:
    """Load a model.

    Args:
        path: the file, or a folder with `model.bst`, `model.json`, `model.ubj` or `model.xgb`.
        trusted: of no matter, the file cannot execute code.
        columns: names of the features, when the booster's own are not to be used.
        example: rows for comparing the compiled form.

    Raises:
        BadModelError: the file is truncated or inconsistent.
    """
    del trusted
    xgboost = require("xgboost", extra="serving-xgboost", feature="an XGBoost model")
    file = _file(path)
    data = file.read_bytes()
    is_text = _is_text(data)
    document = _document(file, data, is_text)
    booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
    try:
        booster.load_model(bytearray(data))
    except Exception as error:
        raise BadModelError(file, str(error).strip().splitlines()[0]) from error
    platform = "xgboost_json" if is_text else "xgboost_ubj"
    return XgboostPredictor(booster, document, platform, columns=columns, example=example)


def check(path: Path, *, trusted: bool = False) -> None:
    """Look for damage without XGBoost, whose memory a server that compiles never needs.

    Raises:
        BadModelError: the file is truncated or inconsistent.
    """
    del trusted
    file = _file(path)
    data = file.read_bytes()
    _document(file, data, _is_text(data))


def _is_text(data: bytes) -> bool:
    """Whether it is JSON: in the binary form a length marker follows the brace."""
    return data.lstrip()[1:].lstrip()[:1] in (b'"', b"}")


def _document(file: Path, data: bytes, is_text: bool) -> Any:
    """Return the document, checked: native code trusts the indices of its trees."""
    try:
        document = msgspec.json.decode(data) if is_text else read_ubjson(data)
        check_document(document)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadModelError(file, f"it is damaged: {what}") from error
    return document


def _file(path: Path) -> Path:
    if path.is_dir():
        return next((path / name for name in _FILES if (path / name).is_file()), path)
    return path
