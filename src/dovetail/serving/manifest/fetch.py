"""Brings a model from a bucket to a folder: what a pod does before its server starts."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from dovetail.base.artifacts import ArtifactStore, open_store
from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.base.ids import new_id

__all__ = ["fetch_model"]

MOST_FILES = 10_000


def fetch_model(uri: str, folder: Path) -> Path:
    """Copy a file or folder of a bucket into a folder, under its own name.

    Args:
        uri: `s3://BUCKET/PATH`.
        folder: made if it is not there; what lies there under the name is replaced.

    Returns:
        What was written.

    Raises:
        InvalidInputError: the URI is none of a bucket, or the folder has too many files.
        NotFoundError: nothing is there.
        UnavailableError: the bucket cannot be used.
    """
    root, _, name = uri.rstrip("/").rpartition("/")
    if not re.match(r"s3://[^/]+/+[^/]", uri):
        raise InvalidInputError(f"{uri!r} is nothing to fetch", fix="give s3://BUCKET/PATH")
    store = open_store(root)
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f".{new_id()}"
    try:
        if not _copy(store, name, staging):
            raise NotFoundError(f"{uri!r} is not there", why="no object has this key or prefix")
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(staging, target)
    finally:
        _remove(staging)
    return target


def _copy(store: ArtifactStore, name: str, target: Path) -> int:
    """Copy a blob, or all blobs below a folder; return how many."""
    if not store.stat(name).is_dir:
        _blob(store, name, target)
        return 1
    count = 0
    for path in _below(store, name):
        count += 1
        if count > MOST_FILES:
            raise InvalidInputError(f"{name!r} has more than {MOST_FILES} files")
        place = target / path.removeprefix(f"{name}/")
        place.parent.mkdir(parents=True, exist_ok=True)
        _blob(store, path, place)
    return count


def _below(store: ArtifactStore, folder: str) -> Iterator[str]:
    for entry in store.list(folder):
        if entry.is_dir:
            yield from _below(store, entry.path)
        else:
            yield entry.path


def _blob(store: ArtifactStore, path: str, target: Path) -> None:
    with target.open("wb") as out:
        for chunk in store.open(path):
            out.write(chunk)


def _remove(staging: Path) -> None:
    if staging.is_dir():
        shutil.rmtree(staging)
    else:
        staging.unlink(missing_ok=True)
