"""A file of an artifact store, read in small ranges: a preview of 5 GB reads a few KB."""

from dataclasses import dataclass

from dovetail.base.artifacts import ArtifactStore

__all__ = ["Source"]


@dataclass
class Source:
    """One file.

    Attributes:
        store: where it lies.
        path: its path in the store.
        size: in bytes.
        taken: how many bytes were read so far.
    """

    store: ArtifactStore
    path: str
    size: int
    taken: int = 0

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def suffix(self) -> str:
        """What follows the last dot of the name, in lower case; empty without a dot."""
        stem, dot, suffix = self.name.rpartition(".")
        return suffix.lower() if dot and stem else ""

    def read(self, start: int, length: int) -> bytes:
        """Return bytes from `start` on; fewer than `length` only where the file ends."""
        end = min(start + length, self.size)
        if start >= end:
            return b""
        found = b"".join(self.store.open(self.path, start, end))
        self.taken += len(found)
        return found

    def head(self, length: int) -> bytes:
        """Return the first bytes."""
        return self.read(0, length)
