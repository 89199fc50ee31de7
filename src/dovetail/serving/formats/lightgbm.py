"""LightGBM's native text models, and their compiled form.

The original answers through `lightgbm.Booster`. Its output is MLServer's: one tensor `predict`,
FP64, [rows, 1] or [rows, classes], so that one client serves both servers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dovetail.base.extras import require
from dovetail.serving.compiled import INPUT, OUTPUT
from dovetail.serving.converters.conversion import Conversion, Converted
from dovetail.serving.converters.lightgbm import convert_dump
from dovetail.serving.errors import BadModelError, InferenceFailedError
from dovetail.serving.formats import Needs
from dovetail.serving.formats.lightgbm_text import check_text
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.tensors import Array, TensorSpec

__all__ = ["LightgbmPredictor", "check", "compiles", "load", "matches", "needs"]

_SUFFIXES = {".bst", ".lgb", ".txt", ".lightgbm"}
_FILES = ("model.bst", "model.lgb", "model.txt")


class LightgbmPredictor(Converted):
    """The original: a booster.

    Args:
        booster: a `lightgbm.Booster`.
        columns: names of the features; by default the booster's own.
        example: rows that the model's author gave, part of the sample for comparing.
    """

    platform = "lightgbm_text"

    def __init__(
        self, booster: Any, *, columns: Sequence[str] = (), example: Array | None = None
    ) -> None:
        width = booster.num_feature()
        names = tuple(columns) if len(columns) == width else tuple(booster.feature_name())
        self.signature = MatrixSignature(INPUT, names, width)
        self.classes = booster.num_model_per_iteration()
        self.outputs = (TensorSpec(OUTPUT, "FP64", (-1, self.classes)),)
        self._booster, self._example = booster, example

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Predict with one thread."""
        matrix = inputs[INPUT]
        if not len(matrix):  # LightGBM refuses zero rows
            return {OUTPUT: np.empty((0, self.classes))}
        try:
            answer = self._booster.predict(matrix, num_threads=1)
        except Exception as error:
            raise InferenceFailedError("LightGBM could not predict", why=str(error)) from error
        return {OUTPUT: np.asarray(answer, np.float64).reshape(len(matrix), self.classes)}

    def _convert(self) -> Conversion:
        return convert_dump(self._booster.dump_model(), self.signature)


def matches(path: Path) -> bool:
    """Whether it is a text model, or a folder with one under a usual name."""
    file = _file(path)
    if file.suffix not in _SUFFIXES or not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.read(5).rstrip() == b"tree"


def compiles(path: Path) -> bool:
    """Whether it may have a compiled form: always."""
    del path
    return True


def needs(path: Path) -> Needs:
    """Return what compiling needs."""
    del path
    return Needs(("lightgbm",), ("sklearn", "pandas", "dask"))


def load(
    path: Path,
    *,
    trusted: bool = False,
    columns: Sequence[str] = (),
    example: Array | None = None,
) -> LightgbmPredictor:
    """Load a text model.

    Args:
        path: the file, or a folder with `model.bst`, `model.lgb` or `model.txt`.
        trusted: of no matter, text cannot execute code.
        columns: names of the features, when the booster's own are not to be used.
        example: rows for comparing the compiled form.

    Raises:
        BadModelError: the text is truncated or inconsistent.
    """
    del trusted
    lightgbm = require("lightgbm", extra="serving-lightgbm", feature="a LightGBM model")
    file = _file(path)
    text = _text(file)
    try:
        booster = lightgbm.Booster(model_str=text)
    except Exception as error:
        raise BadModelError(file, str(error)) from error
    return LightgbmPredictor(booster, columns=columns, example=example)


def check(path: Path, *, trusted: bool = False) -> None:
    """Look for damage without LightGBM, whose memory a server that compiles never needs.

    Raises:
        BadModelError: the text is truncated or inconsistent.
    """
    del trusted
    _text(_file(path))


def _text(file: Path) -> str:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadModelError(file, f"it is not LightGBM's text format: {error}") from error
    check_text(text, file)
    return text


def _file(path: Path) -> Path:
    if path.is_dir():
        return next((path / name for name in _FILES if (path / name).is_file()), path)
    return path
