"""Artifact stores: named blobs behind one small seam.

A store keeps blobs under relative POSIX paths. Paths come from the network, so every store refuses
those that leave its root. A blob appears whole or not at all.
"""

import io
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.base.ids import new_id

__all__ = ["ArtifactStore", "LocalStore", "MemoryStore", "Stat", "clean_path", "open_store"]

CHUNK = 1 << 20


@dataclass(frozen=True)
class Stat:
    """One entry of a store.

    Attributes:
        path: relative POSIX path.
        size: bytes; 0 for a folder.
        is_dir: whether other entries lie below it.
        modified: seconds since the Unix epoch.
    """

    path: str
    size: int
    is_dir: bool
    modified: float


class ArtifactStore(Protocol):
    """What the pieces ask of a place for blobs."""

    def put(self, path: str, chunks: Iterable[bytes]) -> Stat:
        """Store a blob durably, replacing what was there."""

    def open(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` up to, not including, `end`."""

    def stat(self, path: str) -> Stat:
        """Describe one entry, or raise NotFoundError."""

    def list(self, path: str = "") -> list[Stat]:
        """List the direct children of a folder, sorted by path; empty if there is none."""

    def delete(self, path: str) -> None:
        """Remove a blob or a folder with all below it; absent is fine."""


def clean_path(path: str) -> str:
    """Return a relative POSIX path in canonical form.

    Raises:
        InvalidInputError: the path is absolute, climbs with `..`, or has a backslash, a control
            character, a drive or a percent-encoded separator.
    """
    parts = PurePosixPath(path).parts
    lowered = path.lower()
    if (
        path.startswith("/")
        or "\\" in path
        or ".." in parts
        or any(ord(c) < 32 or ord(c) == 127 for c in path)
        or "%2f" in lowered
        or "%5c" in lowered
        or "%2e" in lowered
        or (parts and ":" in parts[0] and len(parts[0]) == 2)
    ):
        raise InvalidInputError(
            f"artifact path {path!r} is not allowed",
            why="it must be relative and stay below its root",
        )
    return "/".join(part for part in parts if part != ".")


class LocalStore:
    """Blobs as files below a folder.

    Args:
        root: the folder; made when the first blob is stored.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()

    def _locate(self, path: str) -> Path:
        target = self.root / clean_path(path)
        if not target.resolve().is_relative_to(self.root.resolve()):
            raise InvalidInputError(
                f"artifact path {path!r} is not allowed", why="a link leads out of the store"
            )
        return target

    def put(self, path: str, chunks: Iterable[bytes]) -> Stat:
        """Store a blob: written beside, synced, then renamed into place."""
        target = self._locate(path)
        if target == self.root:
            raise InvalidInputError("an artifact needs a name")
        staging = self.root / ".staging"
        staging.mkdir(parents=True, exist_ok=True)
        temporary = staging / new_id()
        try:
            with temporary.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(target)
            _sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
        return self.stat(path)

    def open(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield a blob in chunks of at most 1 MiB."""
        target = self._locate(path)
        if not target.is_file():
            raise NotFoundError(f"artifact {path!r} does not exist")
        return _chunks(target, start, end)

    def stat(self, path: str) -> Stat:
        """Describe a file or folder."""
        target = self._locate(path)
        if not target.exists():
            raise NotFoundError(f"artifact {path!r} does not exist")
        return self._describe(target)

    def list(self, path: str = "") -> list[Stat]:
        """List the direct children of a folder."""
        target = self._locate(path)
        if not target.is_dir():
            return []
        children = (child for child in target.iterdir() if child.name != ".staging")
        return [self._describe(child) for child in sorted(children)]

    def delete(self, path: str) -> None:
        """Remove a file or a folder."""
        target = self._locate(path)
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def _describe(self, target: Path) -> Stat:
        info = target.stat()
        is_dir = target.is_dir()
        relative = target.relative_to(self.root).as_posix()
        size = 0 if is_dir else info.st_size
        return Stat("" if relative == "." else relative, size, is_dir, info.st_mtime)


def _chunks(target: Path, start: int, end: int | None) -> Iterator[bytes]:
    with target.open("rb") as file:
        file.seek(start)
        left = None if end is None else max(0, end - start)
        while left is None or left > 0:
            chunk = file.read(CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                return
            if left is not None:
                left -= len(chunk)
            yield chunk


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class MemoryStore:
    """The twin for tests: blobs in a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def put(self, path: str, chunks: Iterable[bytes]) -> Stat:
        """Store a blob."""
        name = clean_path(path)
        if not name:
            raise InvalidInputError("an artifact needs a name")
        body = b"".join(chunks)
        with self._lock:
            self._blobs[name] = (body, float(len(self._blobs)))
        return self.stat(path)

    def open(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield a blob in chunks of at most 1 MiB."""
        name = clean_path(path)
        if name not in self._blobs:
            raise NotFoundError(f"artifact {path!r} does not exist")
        body = io.BytesIO(self._blobs[name][0][start:end])
        return iter(lambda: body.read(CHUNK), b"")

    def stat(self, path: str) -> Stat:
        """Describe a blob or folder."""
        name = clean_path(path)
        if name in self._blobs:
            body, modified = self._blobs[name]
            return Stat(name, len(body), False, modified)
        if any(key.startswith(f"{name}/") for key in self._blobs) or not name:
            return Stat(name, 0, True, 0.0)
        raise NotFoundError(f"artifact {path!r} does not exist")

    def list(self, path: str = "") -> list[Stat]:
        """List the direct children of a folder."""
        name = clean_path(path)
        prefix = f"{name}/" if name else ""
        below = (key[len(prefix) :] for key in self._blobs if key.startswith(prefix))
        return [self.stat(prefix + child) for child in sorted({k.split("/")[0] for k in below})]

    def delete(self, path: str) -> None:
        """Remove a blob or a folder."""
        name = clean_path(path)
        with self._lock:
            for key in list(self._blobs):
                if key == name or key.startswith(f"{name}/") or not name:
                    del self._blobs[key]


def open_store(url: str) -> ArtifactStore:
    """Open the store that a URL names.

    Args:
        url: a folder, as a path or `file://` URL, or `memory:`.

    Raises:
        InvalidInputError: the scheme is not supported.
    """
    if url == "memory:":
        return MemoryStore()
    if url.startswith("file://"):
        return LocalStore(Path(url.removeprefix("file://")))
    if "://" in url:
        scheme = url.split("://", 1)[0]
        raise InvalidInputError(
            f"artifact store {url!r} cannot be opened",
            why=f"the scheme {scheme!r} is not supported",
            fix="give a folder",
        )
    return LocalStore(Path(url))
