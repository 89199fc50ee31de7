"""Model formats, one module each, behind one seam.

To add a format: write `formats/<name>.py` with the three functions of `Format`, and name it in
`FORMATS` below. `matches` and `compiles` must be cheap and import nothing heavy; `load` gives a
`predictor.Predictor`. Formats whose files can execute code do not belong here.
"""

import importlib
from pathlib import Path
from typing import Protocol, cast

from dovetail.base.errors import UntrustedError
from dovetail.serving.errors import BadModelError
from dovetail.serving.predictor import Predictor

__all__ = ["FORMATS", "Format", "compiles", "detect", "load"]

FORMATS = {
    "mlflow": "dovetail.serving.formats.mlflow",
    "onnx": "dovetail.serving.formats.onnx",
    "lightgbm": "dovetail.serving.formats.lightgbm",
    "identity": "dovetail.serving.formats.identity",
}
"""Format name to module, in the order in which a path is tried; resolved on use."""


RISKY = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".dill"})


class Format(Protocol):
    """What a module named in `FORMATS` has."""

    def matches(self, path: Path) -> bool:
        """Whether the file or folder looks like this format."""

    def compiles(self, path: Path) -> bool:
        """Whether what `load` gives may be `predictor.Compilable`."""

    def load(self, path: Path) -> Predictor:
        """Load the file or folder.

        Raises:
            BadModelError: it is damaged or not supported.
            UntrustedError: loading it would execute code.
        """


def resolve(name: str) -> Format:
    """Return the format of a name in `FORMATS`."""
    return cast("Format", importlib.import_module(FORMATS[name]))


def detect(path: Path) -> str:
    """Return the name of the format that a file or folder is in.

    Raises:
        BadModelError: nothing is there, or no format recognises it.
        UntrustedError: it is a pickle.
    """
    if not path.exists():
        raise BadModelError(path, "it does not exist")
    for name in FORMATS:
        if resolve(name).matches(path):
            return name
    if path.suffix in RISKY:
        raise UntrustedError(
            f"model {str(path)!r} is not loaded",
            why="opening a pickle could execute code",
            fix="export the model to ONNX, or to LightGBM's own text format",
        )
    raise BadModelError(
        path, "its format is not recognised", fix=f"known formats: {', '.join(sorted(FORMATS))}"
    )


def compiles(path: Path) -> bool:
    """Whether a model may have a compiled form.

    Raises:
        BadModelError: nothing is there, or no format recognises it.
    """
    return resolve(detect(path)).compiles(path)


def load(path: Path) -> Predictor:
    """Load a model of whichever format it is in.

    Args:
        path: a file, or the folder of an MLflow model.

    Raises:
        BadModelError: it is missing, damaged or not supported.
        UntrustedError: loading it would execute code.
    """
    return resolve(detect(path)).load(path)
