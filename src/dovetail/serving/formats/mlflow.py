"""MLflow model folders: `MLmodel` says which native flavour to load and what it takes.

Only flavours whose files cannot execute code are loaded. `python_function` is MLflow's wrapper
around all of them, and for a model saved only as pickle it is pickle, so it is never followed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dovetail.base.errors import UntrustedError
from dovetail.base.extras import require
from dovetail.serving.errors import BadModelError
from dovetail.serving.formats import Needs, lightgbm, onnx
from dovetail.serving.predictor import Predictor
from dovetail.serving.tensors import Array

__all__ = ["FLAVOURS", "compiles", "load", "matches", "needs"]

_LARGEST = 4 << 20
_BOOSTER = "of scikit-learn's wrappers of LightGBM, log `model.booster_`"
_CODE = {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".cloudpickle"}


def _lightgbm(file: Path, columns: tuple[str, ...], example: Array | None) -> Predictor:
    return lightgbm.load(file, columns=columns, example=example)


def _onnx(file: Path, columns: tuple[str, ...], example: Array | None) -> Predictor:
    del example
    return onnx.OnnxPredictor(onnx.open_session(file), columns=columns, source=file)


FLAVOURS: dict[str, Callable[[Path, tuple[str, ...], Array | None], Predictor]] = {
    "onnx": _onnx,
    "lightgbm": _lightgbm,
}
"""Native flavours that load without executing code, the first present one wins."""


def matches(path: Path) -> bool:
    """Whether it is a folder with an `MLmodel` file."""
    return (path / "MLmodel").is_file()


def compiles(path: Path) -> bool:
    """Whether the native flavour may have a compiled form."""
    flavours = _read(path).get("flavors")
    return isinstance(flavours, dict) and "onnx" not in flavours and "lightgbm" in flavours


def needs(path: Path) -> Needs:
    """Return what compiling the native flavour needs."""
    return lightgbm.needs(path) if compiles(path) else Needs()


def load(path: Path, *, trusted: bool = False) -> Predictor:
    """Load the native flavour of a model folder.

    Args:
        path: the folder that holds `MLmodel`.
        trusted: whether it may execute code while it is loaded; no flavour that is read here does.

    Raises:
        BadModelError: `MLmodel` is damaged or names files that are not there.
        UntrustedError: the model is stored only in forms that execute code when loaded.
    """
    del trusted
    description = _read(path)
    flavours = description.get("flavors")
    if not isinstance(flavours, dict):
        raise BadModelError(path, "its MLmodel names no flavors")
    for name, load_flavour in FLAVOURS.items():
        if name in flavours:
            file = _data_file(path, flavours[name])
            if file.suffix in _CODE:
                raise _untrusted(path, f"its {name} flavour is the pickle {file.name!r}")
            if file.suffix == ".skops":
                raise BadModelError(
                    path,
                    f"its {name} flavour is skops, which is not read",
                    fix=_BOOSTER,
                )
            return load_flavour(file, _columns(description), _example(path, description))
    raise _untrusted(path, f"its flavours are {', '.join(sorted(flavours))}")


def _untrusted(path: Path, why: str) -> UntrustedError:
    return UntrustedError(
        f"model {str(path)!r} is not loaded",
        why=f"{why}, and loading one could execute code",
        fix=f"log the model in a native flavour: {', '.join(sorted(FLAVOURS))}; {_BOOSTER}",
    )


def _read(path: Path) -> Mapping[str, Any]:
    yaml = require("yaml", extra="serving", feature="an MLflow model")
    file = path / "MLmodel"
    if file.stat().st_size > _LARGEST:
        raise BadModelError(path, "its MLmodel is over 4 MiB")
    try:
        description = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadModelError(path, f"its MLmodel is not YAML: {error}") from error
    if not isinstance(description, dict):
        raise BadModelError(path, "its MLmodel is not a mapping")
    return description


def _data_file(path: Path, flavour: object) -> Path:
    data = flavour.get("data") if isinstance(flavour, dict) else None
    if not isinstance(data, str):
        raise BadModelError(path, "its MLmodel does not name the data file")
    file = (path / data).resolve()
    if not file.is_relative_to(path.resolve()):
        raise BadModelError(path, f"its data file {data!r} lies outside the folder")
    if not file.is_file():
        raise BadModelError(path, f"its data file {data!r} is missing")
    return file


def _columns(description: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the signature's columns; none for tensor signatures."""
    try:
        inputs = msgspec.json.decode(description["signature"]["inputs"])
        return tuple(str(column["name"]) for column in inputs if column["type"] != "tensor")
    except (KeyError, TypeError, msgspec.DecodeError):
        return ()


def _example(path: Path, description: Mapping[str, Any]) -> Array | None:
    """Return the author's example rows where they are plain numbers."""
    info = description.get("saved_input_example_info")
    name = info.get("artifact_path") if isinstance(info, dict) else None
    if not isinstance(name, str):
        return None
    file = (path / name).resolve()
    if not file.is_relative_to(path.resolve()) or not file.is_file():
        return None
    try:
        document = msgspec.json.decode(file.read_bytes())
        if isinstance(document, dict):
            document = document.get("data", document.get("inputs"))
        example = np.array(document, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return example if example.ndim == 2 else None
