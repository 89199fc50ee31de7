"""A folder of models without any configuration: files by their names, and MLflow model folders."""

from pathlib import Path

from dovetail.base.errors import DovetailError
from dovetail.serving import formats
from dovetail.serving.layouts.card import Card, Placed
from dovetail.serving.layouts.placing import place
from dovetail.serving.layouts.settings import check_name

__all__ = ["is_file", "is_folder", "read"]


def is_file(file: Path) -> bool:
    """Whether a file looks like a model, also one that may not be loaded."""
    return file.suffix in formats.RISKY or _is_known(file)


def is_folder(folder: Path) -> bool:
    """Whether a folder is one model as a whole: MLflow's, or one with a single model file."""
    return (folder / "MLmodel").is_file() or _is_known(folder)


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
