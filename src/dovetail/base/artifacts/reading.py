"""Bytes of files, in and out, without a copy more than needed."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from dovetail.base.artifacts.seam import CHUNK, absent, changed

__all__ = ["FileChunks", "etag_of", "write_all"]

AT_ONCE = 512  # buffers that every system takes in one call


def etag_of(info: os.stat_result) -> str:
    """Return a name of the state of a file; files are replaced, never changed in place."""
    return f"{info.st_mtime_ns:x}-{info.st_ino:x}-{info.st_size:x}"


class FileChunks(Iterator[bytes]):
    """The bytes of a part of a file; the file is held open until the end or `close`.

    Args:
        target: the file.
        name: what messages call it.
        start: the first byte.
        end: the byte after the last, or None.
        etag: what the file must still be.
    """

    def __init__(
        self, target: Path, name: str, start: int, end: int | None, *, etag: str = ""
    ) -> None:
        self._file = -1
        try:
            self._file = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            raise absent(name) from None
        info = os.fstat(self._file)
        if not stat.S_ISREG(info.st_mode):
            raise absent(name)
        if etag and etag != etag_of(info):
            raise changed(name)
        self._at = start
        self._end = info.st_size if end is None else min(end, info.st_size)

    def __next__(self) -> bytes:
        """Return the next chunk."""
        want = min(CHUNK, self._end - self._at)
        chunk = os.pread(self._file, want, self._at) if want > 0 and self._file >= 0 else b""
        if not chunk:
            self.close()
            raise StopIteration
        self._at += len(chunk)
        return chunk

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()


def write_all(file: int, chunks: Sequence[bytes], at: int | None = None) -> int:
    """Write chunks one after the other, at the end or at an offset; return how many bytes."""
    written = 0
    for first in range(0, len(chunks), AT_ONCE):
        waiting = [memoryview(chunk) for chunk in chunks[first : first + AT_ONCE] if chunk]
        while waiting:
            if at is None:
                done = os.writev(file, waiting)
            else:
                done = os.pwritev(file, waiting, at + written)
            written += done
            while waiting and done >= len(waiting[0]):
                done -= len(waiting.pop(0))
            if done:
                waiting[0] = waiting[0][done:]
    return written
