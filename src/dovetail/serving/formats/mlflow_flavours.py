"""Which flavours of MLflow models are read natively, and how.

A native flavour is the model as its own library saves it, which is faster to load than through
MLflow, needs no MLflow, and mostly cannot execute code. `python_function`, MLflow's wrapper around
all of them, is asked only where no native flavour will do.
"""

from collections.abc import Callable
from pathlib import Path

from dovetail.serving.formats import lightgbm, onnx, resolve, sklearn
from dovetail.serving.formats.code import make_importable
from dovetail.serving.formats.mlflow_folder import Folder
from dovetail.serving.formats.sklearn_files import SUFFIXES, open_estimator
from dovetail.serving.predictor import Predictor

__all__ = ["FLAVOURS", "data_file", "flavour_of"]

_KEYS = {"sklearn": ("pickled_model", "data")}


def data_file(folder: Folder, flavour: str) -> Path:
    """Return the data file of a native flavour.

    Raises:
        BadModelError: it is not named, missing, or lies outside the folder.
    """
    return folder.file(flavour, *_KEYS.get(flavour, ("data",)))


def _names(folder: Folder) -> tuple[str, ...]:
    schema = folder.schema
    return tuple(column.name for column in schema.columns) if schema.is_named else ()


def _onnx(folder: Folder, file: Path, trusted: bool) -> Predictor:
    del trusted
    return onnx.OnnxPredictor(onnx.open_session(file), columns=_names(folder), source=file)


def _lightgbm(folder: Folder, file: Path, trusted: bool) -> Predictor:
    if file.suffix in SUFFIXES:
        return _sklearn(folder, file, trusted)
    return lightgbm.load(file, columns=_names(folder), example=folder.matrix())


def _booster(name: str) -> Callable[[Folder, Path, bool], Predictor]:
    def load(folder: Folder, file: Path, trusted: bool) -> Predictor:
        if file.suffix in SUFFIXES:
            return _sklearn(folder, file, trusted)
        module = resolve(name)
        return module.load(  # type: ignore[call-arg]
            file, trusted=trusted, columns=_names(folder), example=folder.matrix()
        )

    return load


def _sklearn(folder: Folder, file: Path, trusted: bool) -> Predictor:
    code = folder.flavours.get("python_function", {}).get("code")
    if trusted and isinstance(code, str):
        make_importable(folder.path / code)
    estimator = open_estimator(file, trusted=trusted)
    default = folder.flavours.get("python_function", {}).get("predict_fn", "predict")
    return sklearn.make(
        estimator,
        file,
        schema=folder.schema.columns if folder.schema.is_named else (),
        example=folder.example(),
        default=str(default),
    )


FLAVOURS: dict[str, Callable[[Folder, Path, bool], Predictor]] = {
    "onnx": _onnx,
    "xgboost": _booster("xgboost"),
    "lightgbm": _lightgbm,
    "catboost": _booster("catboost"),
    "sklearn": _sklearn,
}
"""Native flavours; the first that a model has is taken."""


def flavour_of(folder: Folder) -> str:
    """Return the native flavour that is read of a model; empty where it has none."""
    return next((name for name in FLAVOURS if name in folder.flavours), "")
