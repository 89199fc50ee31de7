"""The twin for tests: blobs in a dictionary."""

import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dovetail.base.artifacts.names import clean_path
from dovetail.base.artifacts.seam import CHUNK, ArtifactStore, Stat, Usage, Writer, absent, changed
from dovetail.base.errors import ConflictError, InvalidInputError

__all__ = ["MemoryStore"]


@dataclass(frozen=True)
class _Blob:
    body: bytes
    serial: int


class MemoryStore(ArtifactStore):
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[str, _Blob] = {}
        self._lock = threading.Lock()
        self._written = 0

    def create(self, path: str) -> Writer:
        """Begin to write a blob."""
        name = clean_path(path)
        if not name:
            raise InvalidInputError("an artifact needs a name")
        self._check_place(name)
        return _MemoryWriter(self, name)

    def open(
        self, path: str, start: int = 0, end: int | None = None, *, etag: str = ""
    ) -> Iterator[bytes]:
        """Yield a blob in chunks of at most 1 MiB."""
        blob = self._blobs.get(clean_path(path))
        if blob is None:
            raise absent(path)
        if etag and etag != str(blob.serial):
            raise changed(path)
        body = io.BytesIO(blob.body[start:end])
        return iter(lambda: body.read(CHUNK), b"")

    def stat(self, path: str) -> Stat:
        """Describe a blob or folder."""
        name = clean_path(path)
        blob = self._blobs.get(name)
        if blob is not None:
            return Stat(name, len(blob.body), False, float(blob.serial), str(blob.serial))
        if any(key.startswith(f"{name}/") for key in self._blobs) or not name:
            return Stat(name, 0, True, 0.0)
        raise absent(path)

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
            for key in self._below(name):
                del self._blobs[key]

    def usage(self, path: str = "") -> Usage:
        """Measure a blob or a folder."""
        with self._lock:
            sizes = [len(self._blobs[key].body) for key in self._below(clean_path(path))]
        return Usage(len(sizes), sum(sizes))

    def _below(self, name: str) -> Sequence[str]:
        keys = list(self._blobs)
        return [key for key in keys if not name or key == name or key.startswith(f"{name}/")]

    def _check_place(self, name: str) -> None:
        what, parents = f"artifact {name!r} cannot be stored", name.split("/")[:-1]
        for depth in range(len(parents)):
            above = "/".join(parents[: depth + 1])
            if above in self._blobs:
                raise ConflictError(what, why=f"{above!r} is a file")
        if any(key.startswith(f"{name}/") for key in self._blobs):
            raise ConflictError(what, why="a folder has that name")

    def keep(self, name: str, body: bytes) -> Stat:
        """Make a finished blob visible."""
        with self._lock:
            self._check_place(name)
            self._written += 1
            self._blobs[name] = _Blob(body, self._written)
        return self.stat(name)


class _MemoryWriter:
    def __init__(self, store: MemoryStore, name: str) -> None:
        self._store, self._name, self._chunks = store, name, list[bytes]()

    def write(self, chunks: Sequence[bytes]) -> None:
        self._chunks.extend(chunks)

    def commit(self) -> Stat:
        return self._store.keep(self._name, b"".join(self._chunks))

    def abort(self) -> None:
        self._chunks.clear()
