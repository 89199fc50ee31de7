"""MLServer's layout: a folder with `model-settings.json`, one per version of a model.

Facts from MLServer 1.7.1: `parameters.uri` is relative to the settings file; the class named as
`implementation` says what reads the model; versions of one model are folders whose settings have
the same name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dovetail.serving.copying import inside
from dovetail.serving.errors import BadModelError
from dovetail.serving.formats import FORMATS
from dovetail.serving.layouts.card import Batching, Card, Declared, Placed
from dovetail.serving.layouts.placing import place
from dovetail.serving.layouts.settings import check_name, read_object
from dovetail.serving.tensors import DATATYPES

__all__ = ["SETTINGS", "name_in", "read", "read_server"]

SETTINGS = "model-settings.json"
_RUNTIMES = {
    "mlserver_sklearn.SKLearnModel": "sklearn",
    "mlserver_xgboost.XGBoostModel": "xgboost",
    "mlserver_lightgbm.LightGBMModel": "lightgbm",
    "mlserver_catboost.CatboostModel": "catboost",
    "mlserver_mlflow.MLflowRuntime": "mlflow",
}
_FILES = (
    "model.onnx", "model.joblib", "model.pickle", "model.pkl", "model.skops", "model.json",
    "model.ubj", "model.bst", "model.txt", "model.cbm", "model.pt2", "model.pt",
)  # fmt: skip
_READ = {"name", "implementation", "platform", "inputs", "outputs", "max_batch_size", "parameters"}
_READ_PARAMETERS = {"uri", "version", "format"}
_SERVER_READ = {"load_models_at_startup", "model_repository_root"}


def read(folder: Path, root: Path, folders: tuple[Path, ...]) -> Placed:
    """Return the version that a folder describes.

    Args:
        folder: the folder that holds `model-settings.json`.
        root: of the repository.
        folders: where else files may lie.

    Raises:
        BadModelError: the settings cannot be read, or name something that is not served.
    """
    file = folder / SETTINGS
    settings = read_object(file)
    parameters = settings.get("parameters")
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise BadModelError(file, "its parameters are not an object")
    name = check_name(settings.get("name") or folder.name, file)
    version = check_name(str(parameters.get("version") or "1"), file)
    kind = _format(settings, parameters, file)
    card = Card(
        layout="mlserver",
        format=kind,
        platform=_text(settings, "platform", file),
        inputs=_tensors(settings, "inputs", file),
        outputs=_tensors(settings, "outputs", file),
        batching=_batching(settings, file),
    )
    source = _source(folder, parameters, file)
    if not inside(source, (root, *folders)):
        raise BadModelError(
            file,
            f"its uri {str(parameters.get('uri'))!r} leads out of the repository",
            fix="put the model inside it, or name its folder in the setting `folders` of [serving]",
        )
    return place(
        name, version, source, card, within=(root, *folders), ignored=_ignored(settings, parameters)
    )


def name_in(folder: Path) -> str:
    """Return the model's name, read from the settings alone; the folder's where they say none.

    Raises:
        BadModelError: the settings cannot be read.
    """
    return check_name(read_object(folder / SETTINGS).get("name") or folder.name, folder / SETTINGS)


def read_server(file: Path) -> tuple[Path | None, bool, tuple[str, ...]]:
    """Return what MLServer's `settings.json` means here.

    Args:
        file: the file.

    Returns:
        The folder that it names as the repository, if any; whether models are loaded at start;
        and the names of the settings that have no meaning here.

    Raises:
        BadModelError: it cannot be read.
    """
    settings = read_object(file)
    root = settings.get("model_repository_root")
    known = {*_SERVER_READ}
    return (
        file.parent / root if isinstance(root, str) and root not in (".", "./") else None,
        settings.get("load_models_at_startup") is not False,
        tuple(sorted(set(settings) - known)),
    )


def _format(settings: Mapping[str, Any], parameters: Mapping[str, Any], file: Path) -> str:
    said = settings.get("implementation") or ""
    if said in _RUNTIMES:
        return _RUNTIMES[said]
    if said in FORMATS:
        return str(said)
    if not said:
        hint = parameters.get("format")
        return hint if hint in FORMATS else ""
    raise BadModelError(
        file,
        f"its implementation {said!r} is a runtime of MLServer that has no counterpart here",
        fix=f"served are: {', '.join(sorted(_RUNTIMES))}, or by format: {', '.join(FORMATS)}",
    )


def _source(folder: Path, parameters: Mapping[str, Any], file: Path) -> Path:
    uri = parameters.get("uri")
    if uri is None:
        return next((folder / name for name in _FILES if (folder / name).is_file()), folder)
    if not isinstance(uri, str) or "\0" in uri:
        raise BadModelError(file, "its uri is not a path")
    scheme, mark, rest = uri.partition("://")
    if (mark and scheme != "file") or uri.startswith(("models:", "runs:")):
        raise BadModelError(
            file,
            f"its uri {uri!r} is not a path",
            fix="copy the model into the repository, or serve models:/NAME@ALIAS by itself",
        )
    source = folder / (rest if mark else uri)
    if source.is_dir():
        return next((source / name for name in _FILES if (source / name).is_file()), source)
    return source


def _tensors(settings: Mapping[str, Any], key: str, file: Path) -> tuple[Declared, ...]:
    listed = settings.get(key) or []
    try:
        found = tuple(
            Declared(
                name=check_name(tensor["name"], file),
                datatype=tensor["datatype"],
                shape=tuple(int(size) for size in tensor["shape"]),
            )
            for tensor in listed
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadModelError(
            file, f"its {key} are not tensors of name, datatype and shape: {error!r}"
        ) from error
    for tensor in found:
        if tensor.datatype not in DATATYPES:
            raise BadModelError(
                file,
                f"the datatype {tensor.datatype!r} of {tensor.name!r} is not known",
                fix=f"one of {', '.join(DATATYPES)}",
            )
    return found


def _batching(settings: Mapping[str, Any], file: Path) -> Batching:
    rows = settings.get("max_batch_size") or 0
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
        raise BadModelError(file, f"its max_batch_size {rows!r} is not a number of rows")
    return Batching(batch_rows=rows if rows > 1 else None)


def _text(settings: Mapping[str, Any], key: str, file: Path) -> str:
    value = settings.get(key) or ""
    if not isinstance(value, str):
        raise BadModelError(file, f"its {key} is not text")
    return value


def _ignored(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what has no meaning here; requests never wait for a batch, so `max_batch_time` too."""
    found = set(settings) - _READ
    found |= {f"parameters.{key}" for key in set(parameters) - _READ_PARAMETERS}
    if parameters.get("format") and settings.get("implementation"):
        found.add("parameters.format")
    found |= {
        f"{key}.parameters"
        for key in ("inputs", "outputs")
        if any(isinstance(t, dict) and t.get("parameters") for t in settings.get(key) or [])
    }
    return tuple(sorted(found))
