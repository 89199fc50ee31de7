"""Copying a model's files to where the server keeps them, and nothing else with them.

A link may lead anywhere and a pipe never ends, so a folder that someone else fills is not copied
blindly: links must stay inside a boundary, only plain files are read, and there is a limit.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from dovetail.serving.errors import BadModelError

__all__ = ["copy_model", "inside"]

_MOST_FILES = 10_000


def copy_model(source: Path, target: Path, *, within: Path | None = None) -> None:
    """Copy a file, or a folder with all that is below it.

    Args:
        source: what to copy.
        target: the path of the copy; must not exist.
        within: the folder that no link may leave; by default the source's own folder.

    Raises:
        BadModelError: it does not exist, cannot be read, is no plain file or folder, holds a link
            that leads out, or has over 10,000 files.
    """
    boundary = (within or (source if source.is_dir() else source.parent)).resolve()
    try:
        if source.is_dir():
            for file in _files(source, boundary):
                copy = target / file.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
            target.mkdir(exist_ok=True)
        elif source.exists():
            _check(source, source, boundary)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        else:
            raise BadModelError(source, "it does not exist")
    except BadModelError:
        raise
    except OSError as error:
        where = error.filename or source
        raise BadModelError(
            source, f"{str(where)!r} cannot be read: {error.strerror or error}"
        ) from error
    except ValueError as error:  # a NUL in a name
        raise BadModelError(source, str(error)) from error


def inside(path: Path, folders: tuple[Path, ...]) -> bool:
    """Whether a path, all links followed, lies in one of the folders."""
    found = path.resolve()
    return any(found.is_relative_to(folder.resolve()) for folder in folders)


def _files(folder: Path, boundary: Path) -> Iterator[Path]:
    count = 0
    waiting = [folder]
    seen = {folder.resolve()}
    while waiting:
        for entry in sorted(os.scandir(waiting.pop()), key=lambda e: e.name):
            path = Path(entry.path)
            count += 1
            if count > _MOST_FILES:
                raise BadModelError(folder, f"it has more than {_MOST_FILES} files")
            if entry.is_symlink():
                _check_link(folder, path, boundary)
            if entry.is_dir():
                if path.resolve() in seen:
                    continue  # a link to a folder that is copied already, or to one above
                seen.add(path.resolve())
                waiting.append(path)
            else:
                _check(folder, path, boundary)
                yield path


def _check(model: Path, path: Path, boundary: Path) -> None:
    if path.is_symlink():
        _check_link(model, path, boundary)
    if not stat.S_ISREG(path.stat().st_mode):
        raise BadModelError(model, f"{path.name!r} is not a plain file")


def _check_link(model: Path, path: Path, boundary: Path) -> None:
    if not path.resolve().is_relative_to(boundary):
        raise BadModelError(model, f"{path.name!r} is a link that leads out of {str(boundary)!r}")
