"""Uploads in parts, which arrive in any order and at the same time.

On the file system the parts of an upload go straight to their place in one file, which `complete`
renames. The size of a part is not announced, so the first part but the last tells it; a part that
does not fit the grid, or comes a second time, lies in a file of its own and is copied on
`complete`, in the kernel and, where the file system can, without moving a byte.
"""

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from dovetail.base.artifacts.local import LocalStore, storing
from dovetail.base.artifacts.reading import write_all
from dovetail.base.artifacts.seam import Stat
from dovetail.base.errors import ConflictError, InvalidInputError, NotFoundError
from dovetail.base.ids import new_id

__all__ = ["MOST_PARTS", "LocalParts", "Part", "PartWriter", "Parts"]

MOST_PARTS = 10_000
_ID = re.compile(r"[0-9a-zA-Z-]{1,64}")
_DATA, _SIZE, _ABOUT = "data", "size", "about"


class Part(NamedTuple):
    """A part of which the client says that it has arrived.

    Attributes:
        number: from 1.
        etag: what the answer to the part called it.
    """

    number: int
    etag: str


class Parts(Protocol):
    """What a store offers that takes a blob in parts."""

    def begin(self, path: str, count: int) -> str:
        """Begin an upload and return its id."""

    def complete(self, path: str, upload: str, parts: Sequence[Part]) -> Stat:
        """Put the parts together and make the blob visible.

        Raises:
            NotFoundError: there is no such upload of this path.
            InvalidInputError: a part is missing, or is not what the client says.
        """

    def abort(self, path: str, upload: str) -> None:
        """Throw an upload away; an absent one is fine."""

    def sweep(self) -> int:
        """Throw away uploads that were given up, and return how many."""


class _About(msgspec.Struct, frozen=True):
    """What an upload is for."""

    path: str
    count: int


class _Arrived(msgspec.Struct, frozen=True):
    """A part that is there whole: in `data` at an offset, or in a file of its own."""

    etag: str
    size: int
    file: str
    offset: int


class PartWriter(Protocol):
    """A part that is arriving; it counts from `commit` on."""

    def write(self, chunks: Sequence[bytes]) -> None:
        """Add bytes."""

    def commit(self) -> str:
        """Keep the part and return its etag."""

    def abort(self) -> None:
        """Forget the part; nothing happens after `commit`."""


class LocalParts:
    """Uploads in parts into a local store.

    Args:
        store: where they become blobs.
    """

    def __init__(self, store: LocalStore) -> None:
        self.store = store

    def begin(self, path: str, count: int) -> str:
        """Begin an upload of so many parts and return its id."""
        if not 0 <= count <= MOST_PARTS:
            raise InvalidInputError(
                f"an upload cannot have {count} parts", why=f"at most {MOST_PARTS} are allowed"
            )
        target = self.store.locate(path)
        self.store.check_place(target)
        upload = new_id()
        folder = self._folder(upload)
        with storing(path):
            folder.mkdir(parents=True)
            name = target.relative_to(self.store.root).as_posix()
            (folder / _ABOUT).write_bytes(msgspec.json.encode(_About(name, count)))
            (folder / _DATA).touch()
        return upload

    def write(self, path: str, upload: str, number: int, size: int | None) -> PartWriter:
        """Begin to write a part.

        Args:
            path: what the upload is for.
            upload: its id.
            number: of the part, from 1.
            size: bytes of the part, if they are announced.
        """
        folder, about = self._find(path, upload)
        if not 1 <= number <= about.count:
            raise InvalidInputError(f"upload {upload!r} has no part {number}")
        offset = None if size is None else _place(folder, number, size, about.count)
        with storing(path):
            return _LocalPart(folder, number, offset)

    def complete(self, path: str, upload: str, parts: Sequence[Part]) -> Stat:
        """Put the parts together and make the blob visible."""
        folder, about = self._find(path, upload)
        arrived = _checked(folder, about, parts)
        taken = folder.with_name(f"done-{upload}")
        try:  # from here on no part can arrive any more, and nobody else completes it
            folder.rename(taken)
        except FileNotFoundError:
            raise _unknown(upload) from None
        try:
            with storing(path):
                whole = _assembled(taken, arrived)
            return self.store.publish(whole, self.store.locate(path))
        finally:
            shutil.rmtree(taken, ignore_errors=True)

    def abort(self, path: str, upload: str) -> None:
        """Throw an upload away."""
        with suppress(NotFoundError):
            folder, _ = self._find(path, upload)
            gone = folder.with_name(f"gone-{upload}")
            with suppress(FileNotFoundError):
                folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def secret(self) -> bytes:
        """Return random bytes that everybody who serves this folder shares, and nobody else."""
        key = self.store.staging / ".key"
        if not key.exists():
            self.store.staging.mkdir(parents=True, exist_ok=True)
            fresh = key.with_name(f".{new_id()}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, os.urandom(32))
            finally:
                os.close(handle)
            with suppress(FileExistsError):
                key.hardlink_to(fresh)
            fresh.unlink()
        return key.read_bytes()

    def sweep(self) -> int:
        """Remove uploads that were given up."""
        return self.store.sweep()

    def _folder(self, upload: str) -> Path:
        if not _ID.fullmatch(upload):
            raise _unknown(upload)
        return self.store.staging / f"parts-{upload}"

    def _find(self, path: str, upload: str) -> tuple[Path, _About]:
        folder = self._folder(upload)
        try:
            about = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=_About)
        except FileNotFoundError:
            raise _unknown(upload) from None
        if self.store.root / about.path != self.store.locate(path):
            raise _unknown(upload)
        return folder, about


def _unknown(upload: str) -> NotFoundError:
    return NotFoundError(
        f"upload {upload[:64]!r} does not exist", why="it was completed, aborted or has expired"
    )


def _place(folder: Path, number: int, size: int, count: int) -> int | None:
    """Return where in `data` a part belongs; None if it must lie in a file of its own."""
    if number < count:
        with suppress(FileExistsError):  # a link is made whole or not at all
            (folder / _SIZE).symlink_to(str(size))
    try:
        grid = int(os.readlink(folder / _SIZE))
    except FileNotFoundError:
        return None if count > 1 else 0
    fits = size == grid or (number == count and size <= grid)
    return (number - 1) * grid if fits else None


class _LocalPart:
    def __init__(self, folder: Path, number: int, offset: int | None) -> None:
        self._folder, self._number, self._etag, self._size = folder, number, new_id(), 0
        if offset is not None:
            try:  # only the first attempt may write in place: a second could mix with it
                (folder / f"at-{number}").touch(exist_ok=False)
            except FileExistsError:
                offset = None
        self._offset = offset
        self._name = _DATA if offset is not None else f"own-{self._etag}"
        flags = os.O_WRONLY | os.O_CLOEXEC | (0 if offset is not None else os.O_CREAT)
        self._file = os.open(folder / self._name, flags, 0o666)

    def write(self, chunks: Sequence[bytes]) -> None:
        with storing(f"part {self._number}"):
            at = None if self._offset is None else self._offset + self._size
            self._size += write_all(self._file, chunks, at)

    def commit(self) -> str:
        with storing(f"part {self._number}"):
            os.fdatasync(self._file)
        self._close()
        record = _Arrived(self._etag, self._size, self._name, self._offset or 0)
        written = self._folder / f"new-{self._etag}"
        try:
            written.write_bytes(msgspec.json.encode(record))
            written.replace(self._folder / f"part-{self._number}")
        except FileNotFoundError:
            raise ConflictError("the upload ended before its part was there") from None
        return self._etag

    def abort(self) -> None:
        if self._file >= 0 and self._offset is None:
            (self._folder / self._name).unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _checked(folder: Path, about: _About, parts: Sequence[Part]) -> list[_Arrived]:
    """Return what has arrived, in order, if it is what the client says."""
    if [part.number for part in parts] != list(range(1, about.count + 1)):
        raise InvalidInputError(
            f"the parts of {about.path!r} are not complete",
            why=f"they must be numbered from 1 to {about.count}, in order",
        )
    arrived = []
    for part in parts:
        try:
            record = (folder / f"part-{part.number}").read_bytes()
        except FileNotFoundError:
            raise InvalidInputError(
                f"part {part.number} of {about.path!r} has not arrived"
            ) from None
        arrived.append(msgspec.json.decode(record, type=_Arrived))
        if part.etag.strip('"') != arrived[-1].etag:
            raise InvalidInputError(
                f"part {part.number} of {about.path!r} is not the one that arrived last",
                why=f"its ETag is {arrived[-1].etag!r}, not {part.etag!r}",
            )
    return arrived


def _assembled(folder: Path, arrived: list[_Arrived]) -> Path:
    """Return a synced file with all parts, in order."""
    at, straight = 0, True
    for number, part in enumerate(arrived, 1):
        in_place = part.file == _DATA and part.offset == at
        unclaimed = part.file != _DATA and not (folder / f"at-{number}").exists()
        last = number == len(arrived)
        straight = straight and (in_place or (unclaimed and last))
        at += part.size
    whole = folder / (_DATA if straight else "whole")
    at = 0
    with whole.open("r+b" if straight else "xb") as into:
        for part in arrived:
            if not straight or part.file != _DATA:
                _copy(folder / part.file, part.offset, part.size, into.fileno(), at)
            at += part.size
        into.truncate(at)
        os.fsync(into.fileno())
    return whole


def _copy(source: Path, start: int, size: int, into: int, at: int) -> None:
    with source.open("rb") as file:
        while size > 0:
            if hasattr(os, "copy_file_range"):
                done = os.copy_file_range(file.fileno(), into, size, start, at)
            else:  # not Linux
                done = write_all(into, [os.pread(file.fileno(), min(size, 1 << 20), start)], at)
            if done == 0:
                raise ConflictError(f"{source.name} is shorter than what arrived")
            start, at, size = start + done, at + done, size - done
