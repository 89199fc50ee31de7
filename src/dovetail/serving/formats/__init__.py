"""Model formats, one module each, behind one seam.

To add a format: write `formats/<name>.py` with the three functions of `Format`, and name it in
`FORMATS` below. `matches` and `compiles` must be cheap and import nothing heavy; `load` gives a
`predictor.Predictor`. One that compiles says by `needs(path)` which libraries decide that. A format
whose files can execute code loads only what is `trusted`, and else raises `UntrustedModelError`.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from dovetail.serving.errors import BadModelError, UntrustedModelError
from dovetail.serving.predictor import Predictor

__all__ = ["FORMATS", "Format", "Needs", "check", "compiles", "detect", "load", "needs"]

FORMATS = {
    "mlflow": "dovetail.serving.formats.mlflow",
    "onnx": "dovetail.serving.formats.onnx",
    "lightgbm": "dovetail.serving.formats.lightgbm",
    "xgboost": "dovetail.serving.formats.xgboost",
    "sklearn": "dovetail.serving.formats.sklearn",
    "torch": "dovetail.serving.formats.torch",
    "python": "dovetail.serving.formats.python",
    "catboost": "dovetail.serving.formats.catboost",
    "identity": "dovetail.serving.formats.identity",
}
"""Format name to module, in the order in which a path is tried; resolved on use."""

RISKY = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".dill"})
"""Suffixes of files that can execute code when they are opened."""


@dataclass(frozen=True)
class Needs:
    """What the process needs that compiles a model of a format.

    Args:
        libraries: distributions whose versions decide the compiled form.
        unused: modules that these import where they are installed, and that reading a model never
            needs; leaving them out saves much of the time.
    """

    libraries: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


class Format(Protocol):
    """What a module named in `FORMATS` has."""

    def matches(self, path: Path) -> bool:
        """Whether the file or folder looks like this format."""

    def compiles(self, path: Path) -> bool:
        """Whether what `load` gives may be `predictor.Compilable`."""

    def load(self, path: Path, *, trusted: bool = False) -> Predictor:
        """Load the file or folder.

        Args:
            path: what `matches`.
            trusted: whether the operator lets it execute code while it is loaded.

        Raises:
            BadModelError: it is damaged or not supported.
            UntrustedError: loading it would execute code, and it is not trusted.
        """


def resolve(name: str) -> Format:
    """Return the format of a name in `FORMATS`."""
    return cast("Format", importlib.import_module(FORMATS[name]))


def detect(path: Path) -> str:
    """Return the name of the format that a file or folder is in.

    Raises:
        BadModelError: nothing is there, or no format recognises it.
        UntrustedError: it is a pickle of a kind that no format reads.
    """
    if not path.exists():
        raise BadModelError(path, "it does not exist")
    for name in FORMATS:
        if resolve(name).matches(path):
            return name
    if path.suffix in RISKY:
        raise UntrustedModelError(
            path,
            "opening a pickle could execute code",
            instead="export the model to ONNX, or to LightGBM's own text format",
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


def needs(path: Path) -> Needs:
    """Return what compiling a model needs: its format's `needs(path)`, or nothing.

    Raises:
        BadModelError: nothing is there, or no format recognises it.
    """
    found = getattr(resolve(detect(path)), "needs", None)
    return found(path) if found is not None else Needs()


def check(path: Path, *, trusted: bool = False) -> None:
    """Refuse what clearly cannot be served, at little cost.

    A format may have a `check(path, trusted=)` without heavy libraries. One without, and whose
    models are compiled in a process of their own, is left to that process; the others are loaded.

    Raises:
        BadModelError: it is missing, damaged or not supported.
        UntrustedError: loading it would execute code, and it is not trusted.
    """
    found = resolve(detect(path))
    own = getattr(found, "check", None)
    if own is not None:
        own(path, trusted=trusted)
    elif not found.compiles(path):
        found.load(path, trusted=trusted)


def load(path: Path, *, trusted: bool = False) -> Predictor:
    """Load a model of whichever format it is in.

    Args:
        path: a file, or the folder of an MLflow model.
        trusted: whether the operator lets it execute code while it is loaded.

    Raises:
        BadModelError: it is missing, damaged or not supported.
        UntrustedError: loading it would execute code, and it is not trusted.
    """
    return resolve(detect(path)).load(path, trusted=trusted)
