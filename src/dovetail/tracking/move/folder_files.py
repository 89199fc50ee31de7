"""Reading the small files of an `mlruns` folder that may come from anybody.

YAML is read by the safe loader, files are bounded, and links are not followed: whatever a folder
contains, reading it runs nothing and leaves it nowhere.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dovetail.base.errors import IntegrityError
from dovetail.base.extras import require

__all__ = ["folders", "meta", "number", "read_lines", "text", "texts"]

META = "meta.yaml"
MOST = 16 << 20
LINE = 4096
DEEPEST = 30


def folders(place: Path) -> list[Path]:
    """Return the folders in a folder, without links, by name."""
    if not _is_folder(place):
        return []
    with os.scandir(place) as entries:
        return sorted(Path(e.path) for e in entries if e.is_dir(follow_symlinks=False))


def _is_folder(place: Path) -> bool:
    return not place.is_symlink() and place.is_dir()


def _open(path: Path, most: int | None = MOST) -> int:
    """Open a regular file that is no link."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode) or (most is not None and info.st_size > most):
        os.close(handle)
        raise IntegrityError(f"{path} is no plain file, or is too large")
    return handle


def text(path: Path) -> str:
    """Return the text of a small file.

    Raises:
        IntegrityError: it is no file, is too large, or is not UTF-8.
    """
    try:
        with os.fdopen(_open(path), encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path} cannot be read", why=str(error)) from error


def texts(place: Path) -> Iterator[tuple[str, str]]:
    """Yield key and text of every file below a folder; keys may have slashes."""
    for path in files_below(place):
        yield path.relative_to(place).as_posix(), text(path)


def files_below(place: Path) -> Iterator[Path]:
    """Yield the files below a folder, without links."""
    pending = [place] if _is_folder(place) else []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file of any size.

    Raises:
        IntegrityError: it is no text file of short lines.
    """
    try:
        with os.fdopen(_open(path, None), encoding="utf-8") as file:
            while line := file.readline(LINE):
                if len(line) == LINE:
                    raise IntegrityError(f"{path} has a line that is too long")
                if line.strip():
                    yield line
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path} cannot be read", why=str(error)) from error


def meta(place: Path) -> dict[str, Any]:
    """Return what the `meta.yaml` of a folder says.

    Raises:
        IntegrityError: there is none, or it is not a mapping of names.
    """
    yaml = require("yaml", extra="tracking", feature="reading an mlruns folder")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    path = place / META
    said = text(path)
    try:
        _check_growth(yaml.parse(said, Loader=loader), path)
        found = yaml.load(said, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{path} is not YAML", why=str(error).splitlines()[0]) from error
    if not isinstance(found, dict):
        raise IntegrityError(f"{path} is not a mapping of names to values")
    return {str(key): value for key, value in found.items()}


def _check_growth(events: Iterator[Any], path: Path) -> None:
    """Refuse what grows: the loader in C recurses until the process ends, and aliases multiply."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > DEEPEST or kind == "AliasEvent":
            raise IntegrityError(f"{path} is nested too deeply, or has aliases")


def number(value: Any, default: int = 0) -> int:
    """Return a number that a file may have left out."""
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        return default
