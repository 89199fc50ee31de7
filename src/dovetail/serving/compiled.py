"""The compiled form of a model, and what runs it.

A form is plain data, so it can be made in one process, kept on disk and opened in another. The
libraries that made it are not needed to open it. What it is made of is in `forms`.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from dovetail.base.errors import IntegrityError
from dovetail.serving.forms import Blocks, Classes, Linear, MatrixInput, TableInput, Trees, Values
from dovetail.serving.forms.steps import SimpleStep
from dovetail.serving.tensors import Array

if TYPE_CHECKING:
    from dovetail.serving.signature import Signature

__all__ = ["INPUT", "OUTPUT", "CompiledForm", "CompiledPredictor"]

INPUT, OUTPUT = "input", "predict"
_FILE = "form.msgpack"
_DIGEST = hashlib.sha256().digest_size


class CompiledForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a request goes through: input, steps, core, head."""

    input: MatrixInput | TableInput
    """What the model takes, and how that becomes a matrix."""

    core: Linear | Trees
    """From the matrix to scores."""

    head: Values | Classes
    """From scores to outputs."""

    steps: tuple[SimpleStep | Blocks, ...] = ()
    """From a matrix to a matrix, in order."""

    def open(self) -> "CompiledPredictor":
        """Return what answers.

        Raises:
            BadModelError: onnxruntime does not take the graph.
        """
        return CompiledPredictor(self)

    def write(self, folder: Path) -> None:
        """Keep it in a folder, with its digest."""
        data = msgspec.msgpack.encode(self, enc_hook=_plain)
        (folder / _FILE).write_bytes(hashlib.sha256(data).digest() + data)

    @classmethod
    def read(cls, folder: Path) -> "CompiledForm":
        """Return what `write` kept.

        Raises:
            IntegrityError: it is not what was kept.
        """
        try:
            kept = (folder / _FILE).read_bytes()
            if hashlib.sha256(kept[_DIGEST:]).digest() == kept[:_DIGEST]:
                return msgspec.msgpack.decode(kept[_DIGEST:], type=cls)
        except (FileNotFoundError, msgspec.DecodeError):
            pass  # half of it was removed, or another version wrote it: make it anew
        raise IntegrityError(f"the compiled form in {str(folder)!r} was changed")


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python; estimators keep such among their categories."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value)} cannot be kept")


class CompiledPredictor:
    """Answers by the compiled form, as the original would.

    Args:
        form: what was compiled.
    """

    def __init__(self, form: CompiledForm) -> None:
        self.form = form
        self.platform = form.core.platform
        self.signature: Signature = form.input.signature
        self.outputs = form.head.outputs
        self._source = form.input.open()
        self._steps = tuple(step.open() for step in form.steps)
        self._core = form.core.open()
        self._head = form.head.open()

    def run(self, inputs: Mapping[str, Array], wanted: tuple[str, ...] = ()) -> dict[str, Array]:
        """Take a request through all of it."""
        matrix = self._source(inputs)
        for step in self._steps:
            matrix = step(matrix)
        return self._head(self._core(matrix), wanted)
