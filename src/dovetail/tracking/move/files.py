"""The files of artifacts in a source: behind its proxy, or in folders that the user has named.

What a store records as the place of its artifacts is not trusted: a crafted `artifact_uri` could
name any file of this machine, and what is imported is served to everybody. A place is therefore
read only if it is behind the source's own server, inside the source's own folder, or inside a root
given with `--source-artifacts`. Links that lead out of their root are not followed.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx

from dovetail.base.artifacts import ArtifactStore, open_store
from dovetail.base.errors import DovetailError, InvalidInputError
from dovetail.tracking.move.texts import is_broken
from dovetail.tracking.paths import is_local, proxied_path
from dovetail.wire.http import NotFound, Unreachable, WireError
from dovetail.wire.mlflow import Client

__all__ = ["File", "Files", "FolderFiles", "ProxyFiles", "StoreFiles", "Unreadable"]


CHUNK = 1 << 20


class Unreadable(DovetailError):
    """Artifacts are where this move cannot or must not read."""

    code = "tracking-artifacts-unreadable"


@dataclass(frozen=True)
class File:
    """One file of a tree of artifacts.

    Attributes:
        path: below the tree's URI.
        size: bytes, where they are known.
        place: what the finder needs to open it.
    """

    path: str
    size: int
    place: str


class Files(Protocol):
    """Finds and opens the files below an artifact URI."""

    def find(self, uri: str, hint: str) -> Iterator[File | str]:
        """Yield the files below a URI, and in words what is passed over.

        Args:
            uri: as the source records it.
            hint: the tree's usual path below an artifact root, for stores that were moved.

        Raises:
            Unreadable: they cannot be read from here.
        """

    def open(self, file: File) -> Iterator[bytes]:
        """Yield the bytes of a file."""


class ProxyFiles:
    """Files behind the artifact proxy of an MLflow server; what lies elsewhere goes to `others`.

    Args:
        client: the server.
        others: for places that are not behind the proxy.
    """

    def __init__(self, client: Client, others: Files) -> None:
        self._client, self._others = client, others

    def find(self, uri: str, hint: str) -> Iterator[File | str]:
        """Yield the files below a URI."""
        base = proxied_path(uri)
        if base is None:
            yield from self._others.find(uri, hint)
            return
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                entries = self._client.list_artifacts(f"{base}/{folder}".rstrip("/"))
            except NotFound:
                continue
            except WireError as error:
                raise Unreadable(f"{uri} cannot be listed", why=str(error)) from error
            for entry in entries:
                name = f"{folder}/{entry.path}" if folder else entry.path
                if entry.is_dir:
                    pending.append(name)
                else:
                    yield File(name, entry.file_size or 0, f"{base}/{name}")

    def open(self, file: File) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        if file.place.startswith(("/", "\0")):
            return self._others.open(file)
        return self._stream(file)

    def _stream(self, file: File) -> Iterator[bytes]:
        try:
            yield from self._client.iter_artifact(file.place)
        except httpx.TransportError as error:
            raise Unreachable(f"{file.place} ended in the middle: {error}") from error


class StoreFiles:
    """Files of our own artifact store."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def find(self, uri: str, hint: str) -> Iterator[File | str]:
        """Yield the files below a URI."""
        base = proxied_path(uri)
        if base is None:
            raise Unreadable(
                f"{uri} is not behind this server", fix="copy those files yourself; they stay there"
            )
        for path, size in _walk_store(self._store, base):
            yield File(path.removeprefix(f"{base}/"), size, path)

    def open(self, file: File) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        return self._store.open(file.place)


def _walk_store(store: ArtifactStore, base: str) -> Iterator[tuple[str, int]]:
    pending = [base]
    while pending:
        for entry in store.list(pending.pop()):
            if entry.is_dir:
                pending.append(entry.path)
            else:
                yield entry.path, entry.size


class FolderFiles:
    """Files in folders of this machine, and in whatever stores `open_store` knows.

    Args:
        roots: where reading is allowed; folders, or URLs of other stores.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self._folders = [_folder(root).resolve() for root in roots if is_local(root)]
        self._urls = [root.rstrip("/") for root in roots if not is_local(root)]
        self._stores: dict[str, ArtifactStore] = {}

    def find(self, uri: str, hint: str) -> Iterator[File | str]:
        """Yield the files below a URI."""
        if not is_local(uri) and proxied_path(uri) is None:
            yield from self._find_far(uri)
            return
        folder = self._locate(uri, hint)
        if folder is not None:
            yield from self._walk(folder)

    def open(self, file: File) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        if file.place.startswith("\0"):
            root, _, path = file.place[1:].partition("\0")
            return self._stores[root].open(path)
        return _read(file.place)

    def _find_far(self, uri: str) -> Iterator[File]:
        root = next((r for r in self._urls if uri == r or uri.startswith(f"{r}/")), None)
        if root is None:
            raise Unreadable(
                f"{uri} is on another machine",
                fix="allow reading it with --source-artifacts, or keep it with --no-artifacts",
            )
        try:
            store = self._stores.setdefault(root, open_store(root))
            base = uri.removeprefix(root).strip("/")
            for path, size in _walk_store(store, base):
                yield File(path.removeprefix(f"{base}/"), size, f"\0{root}\0{path}")
        except DovetailError as error:
            raise Unreadable(f"{uri} cannot be read", why=str(error)) from error

    def _locate(self, uri: str, hint: str) -> Path | None:
        """Return the folder of a URI if it may be read; None if there is nothing to read."""
        behind = proxied_path(uri)
        if behind is None:
            recorded = _folder(uri)
            if self._is_allowed(recorded) and recorded.is_dir():
                return recorded.resolve()
        below = hint if behind is None else behind
        for root in self._folders:
            found = root / below
            if found.is_dir() and self._is_allowed(found):
                return found.resolve()
        if self._folders and (behind is not None or self._is_moved(uri, below)):
            return None  # nothing was stored there
        raise Unreadable(
            f"{uri} is not inside a folder that may be read",
            fix="give its artifact folder with --source-artifacts, or keep it with --no-artifacts",
        )

    def _is_moved(self, uri: str, below: str) -> bool:
        """Tell whether a place is gone whose experiment lies in a root."""
        recorded = _folder(uri)
        beside = any((root / below.split("/")[0]).is_dir() for root in self._folders)
        return self._is_allowed(recorded) or (beside and not recorded.exists())

    def _is_allowed(self, folder: Path) -> bool:
        resolved = folder.resolve()
        return any(resolved.is_relative_to(root) for root in self._folders)

    def _walk(self, base: Path) -> Iterator[File | str]:
        pending = [base]
        while pending:
            with os.scandir(pending.pop()) as entries:
                for entry in sorted(entries, key=lambda e: e.name):
                    path = Path(entry.path)
                    if entry.is_symlink() and not self._is_allowed(path):
                        yield f"{path} is a link that leads out of its folder"
                        continue
                    if is_broken(entry.name):
                        yield f"{entry.name!r} in {path.parent} is not a name in UTF-8"
                        continue
                    info = path.stat() if path.exists() else path.lstat()
                    if stat.S_ISDIR(info.st_mode) and not entry.is_symlink():
                        pending.append(path)
                    elif stat.S_ISREG(info.st_mode):
                        name = path.relative_to(base).as_posix()
                        yield File(name, info.st_size, str(path.resolve()))
                    else:
                        yield f"{path} is neither a file nor a folder"


def _folder(uri: str) -> Path:
    """Return the folder that a local path or a `file:` URI names."""
    if not uri:
        raise Unreadable("no place of artifacts is recorded")
    if uri.startswith("file:"):
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost"):
            raise Unreadable(f"{uri} is on another machine")
        uri = unquote(parts.path)
    if "\0" in uri:
        raise InvalidInputError("a path has a NUL character")
    return Path(uri).absolute()


def _read(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
