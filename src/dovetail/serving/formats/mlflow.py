"""MLflow model folders: `MLmodel` says which native flavour to load and what it takes.

What can be loaded without executing code is. The rest, pickles and `python_function`, is loaded
where the operator trusts its source.
"""

from pathlib import Path

from dovetail.serving.errors import BadModelError, UntrustedModelError
from dovetail.serving.formats import RISKY, Format, Needs, resolve
from dovetail.serving.formats.mlflow_flavours import FLAVOURS, data_file, flavour_of
from dovetail.serving.formats.mlflow_folder import Folder, read_folder
from dovetail.serving.formats.mlflow_pyfunc import load_pyfunc
from dovetail.serving.formats.sklearn_files import SUFFIXES
from dovetail.serving.predictor import Predictor

__all__ = ["check", "compiles", "load", "matches", "needs"]

_PYFUNC = "python_function"
_INSTEAD = (
    "log the model in a native form: ONNX, LightGBM, XGBoost, or scikit-learn with"
    " serialization_format='skops'"
)


def matches(path: Path) -> bool:
    """Whether it is a folder with an `MLmodel` file."""
    return (path / "MLmodel").is_file()


def compiles(path: Path) -> bool:
    """Whether the native flavour may have a compiled form."""
    reader, file = _reader(read_folder(path))
    return reader is not None and reader.compiles(file)


def needs(path: Path) -> Needs:
    """Return what compiling the native flavour needs."""
    reader, file = _reader(read_folder(path))
    found = getattr(reader, "needs", None)
    return found(file) if found is not None else Needs()


def load(path: Path, *, trusted: bool = False) -> Predictor:
    """Load the native flavour of a model folder; where there is none, its `python_function`.

    Args:
        path: the folder that holds `MLmodel`.
        trusted: whether it may execute code while it is loaded.

    Raises:
        BadModelError: `MLmodel` is damaged, names files that are not there, or has no flavour that
            can be loaded.
        UntrustedModelError: the model is stored only in forms that execute code when loaded, and
            is not trusted.
    """
    folder = read_folder(path)
    name = _checked(folder, trusted)
    if not name:
        return load_pyfunc(folder)
    return FLAVOURS[name](folder, data_file(folder, name), trusted)


def check(path: Path, *, trusted: bool = False) -> None:
    """Refuse what can be told without the library of the flavour.

    Raises:
        BadModelError: `MLmodel` or the flavour's file is damaged.
        UntrustedModelError: loading it could execute code, and it is not trusted.
    """
    folder = read_folder(path)
    _checked(folder, trusted)
    reader, file = _reader(folder)
    own = getattr(reader, "check", None)
    if own is not None:
        own(file, trusted=trusted)


def _checked(folder: Folder, trusted: bool) -> str:
    """Return the native flavour to load, empty for `python_function`; refuse what needs trust."""
    name = flavour_of(folder)
    file = data_file(folder, name) if name else folder.path
    named = ", ".join(sorted(folder.flavours))
    if not name and _PYFUNC not in folder.flavours:
        raise BadModelError(
            folder.path,
            f"its flavours are {named}, of which none can be loaded",
            fix=f"log it in one of: {', '.join(sorted(FLAVOURS))}",
        )
    if trusted or (name and file.suffix not in RISKY):
        return name
    why = f"its {name} flavour is the pickle {file.name!r}" if name else f"its flavours are {named}"
    raise UntrustedModelError(
        folder.path, f"{why}, and loading it could execute code", instead=_INSTEAD
    )


def _reader(folder: Folder) -> tuple[Format | None, Path]:
    """Return the format that reads the native flavour, and its file; None where there is none."""
    name = flavour_of(folder)
    if not name:
        return None, folder.path
    file = data_file(folder, name)
    return resolve("sklearn" if file.suffix in SUFFIXES else name), file
