"""Blobs as files below a folder.

A blob is written beside the others, in `.staging`, synced, then renamed into place: a crash at any
moment leaves the old blob or the new one, and at most a file in `.staging` that `sweep` removes.
"""

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dovetail.base.artifacts.names import STAGING, clean_path
from dovetail.base.artifacts.reading import FileChunks, etag_of, write_all
from dovetail.base.artifacts.seam import ArtifactStore, Stat, Usage, Writer, absent
from dovetail.base.errors import ConflictError, InvalidInputError, UnavailableError
from dovetail.base.ids import new_id

__all__ = ["LocalStore", "storing"]

ABANDONED = 24 * 3600  # seconds without a write after which an unfinished upload is removed
_TAKEN = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNFIT = (errno.ENAMETOOLONG, errno.EFBIG, errno.EINVAL)


class LocalStore(ArtifactStore):
    """Blobs as files below a folder.

    Args:
        root: the folder; made when the first blob is stored.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        self.staging = self.root / STAGING

    def locate(self, path: str) -> Path:
        """Return the file of a blob.

        Raises:
            InvalidInputError: it would not lie below the root.
        """
        target = self.root / clean_path(path)
        if not self._is_inside(target) or _is_endless(target):
            raise InvalidInputError(
                f"artifact path {path!r} is not allowed", why="a link leads out of the store"
            )
        return target

    def _is_inside(self, target: Path) -> bool:
        root, real = os.path.realpath(self.root), os.path.realpath(target)
        return real == root or real.startswith(root.rstrip("/") + "/")

    def create(self, path: str) -> Writer:
        """Begin to write a blob beside the others."""
        target = self.locate(path)
        if target == self.root:
            raise InvalidInputError("an artifact needs a name")
        self.check_place(target)
        with storing(path):
            return _LocalWriter(self, target)

    def check_place(self, target: Path) -> None:
        """Refuse a blob in whose place a folder lies, or a file in place of its folder.

        Raises:
            ConflictError: either is so.
        """
        name = target.relative_to(self.root).as_posix()
        if target.is_dir():
            raise ConflictError(f"artifact {name!r} cannot be stored", why="a folder has that name")
        for parent in target.parents:
            if parent == self.root:
                return
            try:
                kind = parent.stat().st_mode  # one look: another upload may be making the folder
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    raise
                continue
            if stat.S_ISDIR(kind):
                return
            above = parent.relative_to(self.root).as_posix()
            raise ConflictError(f"artifact {name!r} cannot be stored", why=f"{above!r} is a file")

    def publish(self, temporary: Path, target: Path) -> Stat:
        """Rename a finished file of `.staging` into place, durably."""
        with storing(target.relative_to(self.root).as_posix()):
            _make_folders(target.parent)
            temporary.replace(target)
            _sync_folder(target.parent)
        return self._describe(target, target.stat())

    def open(
        self, path: str, start: int = 0, end: int | None = None, *, etag: str = ""
    ) -> Iterator[bytes]:
        """Yield a blob in chunks of at most 1 MiB."""
        return FileChunks(self.locate(path), path, start, end, etag=etag)

    def stat(self, path: str) -> Stat:
        """Describe a file or folder."""
        target = self.locate(path)
        try:
            return self._describe(target, target.stat())
        except (FileNotFoundError, NotADirectoryError):
            raise absent(path) from None

    def list(self, path: str = "") -> list[Stat]:
        """List the direct children of a folder; links that lead out of the store are left out."""
        found = []
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.locate(path)) as all_:
            for entry in all_:
                child = Path(entry.path)
                if child == self.staging or (entry.is_symlink() and not self._is_inside(child)):
                    continue
                with suppress(OSError):  # a broken or endless link, or gone since
                    found.append(self._describe(child, entry.stat()))
        return sorted(found, key=lambda one: one.path)

    def delete(self, path: str) -> None:
        """Remove a file or a folder; of a link only the link."""
        target = self.locate(path)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            with suppress(FileNotFoundError, NotADirectoryError):
                target.unlink()

    def usage(self, path: str = "") -> Usage:
        """Measure a file or a folder without following links."""
        target = self.locate(path)
        if target.is_file():
            return Usage(1, target.stat().st_size)
        files = size = 0
        waiting = [str(target)]
        while waiting:
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as all_:
                for entry in all_:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.path != str(self.staging):
                            waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        files, size = files + 1, size + entry.stat(follow_symlinks=False).st_size
        return Usage(files, size)

    def sweep(self, older: float = ABANDONED) -> int:
        """Remove what a crash or a client that never came back left in `.staging`.

        Args:
            older: seconds without a write after which an upload counts as abandoned.

        Returns:
            How many were removed.
        """
        removed, limit = 0, time.time() - older
        with suppress(FileNotFoundError):
            for entry in list(os.scandir(self.staging)):
                if entry.name.startswith(".") or _newest(entry) > limit:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink(missing_ok=True)
                removed += 1
        return removed

    def _describe(self, target: Path, info: os.stat_result) -> Stat:
        relative = target.relative_to(self.root).as_posix()
        name = "" if relative == "." else relative
        if stat.S_ISDIR(info.st_mode):
            return Stat(name, 0, True, info.st_mtime)
        return Stat(name, info.st_size, False, info.st_mtime, etag_of(info))


class _LocalWriter:
    def __init__(self, store: LocalStore, target: Path) -> None:
        self._store, self._target = store, target
        store.staging.mkdir(parents=True, exist_ok=True)
        self._temporary = store.staging / new_id()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self._temporary, flags, 0o666)

    def write(self, chunks: Sequence[bytes]) -> None:
        with storing(self._target.name):
            write_all(self._file, chunks)

    def commit(self) -> Stat:
        with storing(self._target.name):
            os.fsync(self._file)
        self._close()
        return self._store.publish(self._temporary, self._target)

    def abort(self) -> None:
        self._close()
        self._temporary.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@contextmanager
def storing(name: str) -> Iterator[None]:
    """Say what an error of the operating system means for the blob that is stored."""
    try:
        yield
    except OSError as error:
        what, why = f"artifact {name!r} cannot be stored", error.strerror or str(error)
        if error.errno in _TAKEN:
            raise ConflictError(what, why=f"something else lies there: {why}") from error
        if error.errno in _UNFIT:
            raise InvalidInputError(what, why=why) from error
        if error.errno in _FULL:
            raise UnavailableError(what, why="the disk is full", fix="make room") from error
        raise


def _is_endless(target: Path) -> bool:
    """Tell whether a link on the way leads to itself."""
    try:
        target.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _newest(entry: "os.DirEntry[str]") -> float:
    """Return when something was last written in or below an entry."""
    with suppress(FileNotFoundError):
        newest = entry.stat(follow_symlinks=False).st_mtime
        if entry.is_dir(follow_symlinks=False):
            below = (child.stat(follow_symlinks=False) for child in os.scandir(entry.path))
            newest = max([newest, *(one.st_mtime for one in below)])
        return newest
    return 0.0


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it, each durably."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
