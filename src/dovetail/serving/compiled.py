"""The compiled form of a tree model: one ONNX graph and what must be known around it.

It is plain data, so it can be made in one process, kept on disk and opened in another. The
libraries that made it are not needed to open it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dovetail.base.errors import IntegrityError
from dovetail.serving.errors import InferenceFailedError
from dovetail.serving.formats.onnx import open_session
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.tensors import Array, TensorSpec

__all__ = ["INPUT", "OUTPUT", "CompiledForm", "CompiledPredictor"]

INPUT, OUTPUT = "input", "predict"
_HEAD, _GRAPH = "form.json", "model.onnx"


class CompiledForm(msgspec.Struct, frozen=True, kw_only=True):
    """A graph from `input` [rows, width] to `predict` [rows, classes], both FP64."""

    onnx: bytes
    """The serialised graph."""

    columns: tuple[str, ...]
    """Names of the features, in order."""

    width: int
    """How many features there are."""

    classes: int
    """How many values a row is answered with."""

    categories: tuple[int, ...] = ()
    """Features that are cut to whole numbers first."""

    def open(self) -> "CompiledPredictor":
        """Return what answers.

        Raises:
            BadModelError: onnxruntime does not take the graph.
        """
        return CompiledPredictor(self)

    def write(self, folder: Path) -> None:
        """Keep it in a folder, with a digest of the graph."""
        head = {**msgspec.structs.asdict(self), "onnx": hashlib.sha256(self.onnx).hexdigest()}
        (folder / _GRAPH).write_bytes(self.onnx)
        (folder / _HEAD).write_bytes(msgspec.json.encode(head))

    @classmethod
    def read(cls, folder: Path) -> "CompiledForm":
        """Return what `write` kept.

        Raises:
            IntegrityError: the graph is not the one that was kept.
        """
        head = msgspec.json.decode((folder / _HEAD).read_bytes(), type=dict[str, Any])
        graph = (folder / _GRAPH).read_bytes()
        if hashlib.sha256(graph).hexdigest() != head["onnx"]:
            raise IntegrityError(f"the compiled form in {str(folder)!r} was changed")
        return msgspec.convert({**head, "onnx": graph}, cls)


class CompiledPredictor:
    """Answers by the compiled form, as the original would.

    Args:
        form: what was compiled.
    """

    platform = "onnxruntime_onnx"

    def __init__(self, form: CompiledForm) -> None:
        self.form = form
        self.signature = MatrixSignature(INPUT, form.columns, form.width)
        self.outputs = (TensorSpec(OUTPUT, "FP64", (-1, form.classes)),)
        self._run = open_session(form.onnx).run
        self._categories = list(form.categories)
        self._names = [OUTPUT]

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Run the graph."""
        matrix = inputs[INPUT]
        if self._categories:
            matrix = matrix.copy()
            matrix[:, self._categories] = np.trunc(matrix[:, self._categories])
        try:
            return {OUTPUT: self._run(self._names, {INPUT: matrix})[0]}
        except Exception as error:
            # onnxruntime's exceptions are pybind classes that share no public base.
            raise InferenceFailedError("onnxruntime could not predict", why=str(error)) from error
