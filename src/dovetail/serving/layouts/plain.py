"""A folder of models without any configuration: files by their names, and MLflow model folders."""

from pathlib import Path

from dovetail.base.errors import DovetailError
from dovetail.serving import formats
from dovetail.serving.layouts import mlserver, triton
from dovetail.serving.layouts.card import Card, Placed
from dovetail.serving.layouts.placing import place
from dovetail.serving.layouts.settings import check_name

__all__ = ["holds_several", "is_file", "is_folder", "read"]


def is_file(file: Path) -> bool:
    """Whether a file looks like a model, also one that may not be loaded."""
    return file.suffix in formats.RISKY or _is_known(file)


def is_folder(folder: Path) -> bool:
    """Whether a folder is one model as a whole: MLflow's, or one with a single model file."""
    return (folder / "MLmodel").is_file() or _is_known(folder)


def holds_several(folder: Path) -> bool:
    """Whether a folder that could be one model holds others beside it, and names none its own.

    A format finds its file in a folder (`one.onnx`), whatever else is there. Where one is called
    `model`, the folder is that model and the rest belongs to it.
    """
    if (folder / "MLmodel").is_file():
        return False
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if any(entry.stem == "model" and entry.is_file() and is_file(entry) for entry in entries):
        return False
    models = {entry.stem for entry in entries if _is_one(entry)}
    return len(models) > 1


def _is_one(entry: Path) -> bool:
    if not entry.is_dir():
        return is_file(entry)
    return (entry / mlserver.SETTINGS).exists() or triton.is_model(entry) or _is_known(entry)


def read(path: Path, root: Path, folders: tuple[Path, ...] = ()) -> Placed:
    """Return the model in a file or folder, named after it.

    Raises:
        BadModelError: the name cannot be used.
    """
    name = check_name(path.name if path.is_dir() else path.stem, path)
    return place(name, "1", path, Card(layout="plain"), within=(root, *folders))


def _is_known(path: Path) -> bool:
    try:
        formats.detect(path)
    except (DovetailError, OSError, ValueError):
        return False
    return True
