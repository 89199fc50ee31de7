"""What the pieces ask of a place for blobs, and what it answers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dovetail.base.errors import ConflictError, NotFoundError

__all__ = ["CHUNK", "ArtifactStore", "Stat", "Usage", "Writer", "absent", "changed"]

CHUNK = 1 << 20


@dataclass(frozen=True)
class Stat:
    """One entry of a store.

    Attributes:
        path: relative POSIX path.
        size: bytes; 0 for a folder.
        is_dir: whether other entries lie below it.
        modified: seconds since the Unix epoch.
        etag: changes whenever the blob does; empty for a folder.
    """

    path: str
    size: int
    is_dir: bool
    modified: float
    etag: str = ""


class Usage(NamedTuple):
    """What lies below a folder.

    Attributes:
        files: how many blobs.
        bytes: how large they are together.
    """

    files: int
    bytes: int


class Writer(Protocol):
    """A blob that is being written; nobody sees it before `commit`."""

    def write(self, chunks: Sequence[bytes]) -> None:
        """Add bytes."""

    def commit(self) -> Stat:
        """Make the blob durable and visible, replacing what was there."""

    def abort(self) -> None:
        """Throw away what was written; nothing happens after `commit`."""


class ArtifactStore(Protocol):
    """What the pieces ask of a place for blobs."""

    def create(self, path: str) -> Writer:
        """Begin to write a blob, from any thread but one at a time."""

    def open(
        self, path: str, start: int = 0, end: int | None = None, *, etag: str = ""
    ) -> Iterator[bytes]:
        """Yield the bytes from `start` up to, not including, `end`, in chunks of at most 1 MiB.

        Raises:
            NotFoundError: there is no such blob.
            ConflictError: an `etag` is given and the blob is another by now.
        """

    def stat(self, path: str) -> Stat:
        """Describe one entry, or raise NotFoundError."""

    def list(self, path: str = "") -> list[Stat]:
        """List the direct children of a folder, sorted by path; empty if there is none."""

    def delete(self, path: str) -> None:
        """Remove a blob or a folder with all below it; absent is fine."""

    def usage(self, path: str = "") -> Usage:
        """Measure a blob, or all blobs below a folder; absent is nothing."""

    def put(self, path: str, chunks: Iterable[bytes]) -> Stat:
        """Store a blob durably, replacing what was there."""
        writer = self.create(path)
        try:
            for chunk in chunks:
                writer.write((chunk,))
            return writer.commit()
        finally:
            writer.abort()


def absent(path: str) -> NotFoundError:
    """Return the error that there is no such artifact."""
    return NotFoundError(f"artifact {path!r} does not exist")


def changed(path: str) -> ConflictError:
    """Return the error that an artifact was replaced meanwhile."""
    return ConflictError(f"artifact {path!r} was replaced meanwhile", fix="ask again")
