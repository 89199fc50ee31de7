"""The journal of a run: a folder that outlives the process which writes it.

    <spool>/<key>/
        lock                    held by whoever delivers the journal
        progress.json           what the server has acknowledged
        0000000001-4711.jsonl   records, in segments; a segment that was acknowledged is removed
        files/                  copies of files to upload
        refused.txt             why the server will never take it, if so

Writing is one append to a file, so a record is safe from the death of its process at once. A
process that was forked writes segments of its own. Only the holder of the lock reads and removes.
"""

import fcntl
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from dovetail.base.ids import new_id
from dovetail.tracking.client.records import End, Record, decode, encode

__all__ = ["Journal", "Progress", "journals"]

SEGMENT_BYTES = 16 << 20
READ_BYTES = 1 << 20  # more than any record
REFUSED = "refused.txt"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the delivery of a journal came.

    Attributes:
        uri: the server.
        asked: whether the run may have been created already.
        run_id: the run, once it is known.
        artifact_uri: where its files go.
        offsets: for each segment how many bytes are done.
        end: the end of the run, which is told last.
    """

    uri: str = ""
    asked: bool = False
    run_id: str | None = None
    artifact_uri: str = ""
    offsets: dict[str, int] = {}
    end: End | None = None


class Journal:
    """The records of one run.

    Args:
        folder: where they are; made with the first record.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._segment: int | None = None
        self._written, self._pid = 0, 0
        self._lock: IO[bytes] | None = None

    @property
    def key(self) -> str:
        """The run's name before the server gave it one."""
        return self.folder.name

    # Writing

    def append(self, record: Record) -> None:
        """Keep a record.

        Raises:
            OSError: the disk is full, or the folder is gone.
        """
        line = encode(record)
        if self._pid != os.getpid() or self._written > SEGMENT_BYTES:
            self._next_segment()
        assert self._segment is not None
        os.write(self._segment, line)
        self._written += len(line)

    def _next_segment(self) -> None:
        pid = os.getpid()
        if self._segment is not None and self._pid == pid:
            os.close(self._segment)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{next(self._numbers):010d}-{pid}.jsonl"
        self._segment = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._written, self._pid = 0, pid

    def copy(self, file: Path) -> str:
        """Keep a copy of a file and return its name."""
        name = new_id()
        target = self.folder / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        return name

    def keep(self, content: bytes) -> str:
        """Keep some bytes as a file and return its name."""
        name = new_id()
        target = self.folder / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return name

    # Delivering

    def claim(self) -> bool:
        """Take the right to deliver; False if a living process has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        """Give the right to deliver back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def progress(self) -> Progress:
        """Return how far the delivery came."""
        try:
            text = (self.folder / "progress.json").read_bytes()
        except FileNotFoundError:
            return Progress()
        return msgspec.json.decode(text, type=Progress)

    def save(self, progress: Progress) -> None:
        """Remember how far the delivery came."""
        staged = self.folder / "progress.json.new"
        staged.write_bytes(msgspec.json.encode(progress))
        staged.replace(self.folder / "progress.json")

    def segments(self) -> list[str]:
        """Return the names of the segments, oldest first."""
        return sorted(path.name for path in self.folder.glob("*.jsonl"))

    def read(self, segment: str, offset: int) -> Iterator[tuple[Record, int]]:
        """Yield records of a segment with the offset after each; a torn last line is left out."""
        with (self.folder / segment).open("rb") as file:
            file.seek(offset)
            for line in file.read(READ_BYTES).splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    return
                offset += len(line)
                yield decode(line), offset

    def file(self, name: str) -> Path:
        """Return the copy of a file."""
        return self.folder / "files" / name

    def drop(self, segment: str) -> None:
        """Remove a segment that was delivered."""
        (self.folder / segment).unlink(missing_ok=True)

    def is_growing(self, segment: str) -> bool:
        """Whether its process may still write to a segment."""
        number, _, pid = segment.removesuffix(".jsonl").partition("-")
        later = (s for s in self.segments() if s.endswith(f"-{pid}.jsonl") and s[:10] > number)
        return next(later, None) is None and _is_alive(int(pid))

    def last_written(self) -> int:
        """Return when something was last kept, in milliseconds since 1970."""
        return int(max(path.stat().st_mtime for path in self.folder.iterdir()) * 1000)

    def refuse(self, why: str) -> None:
        """Set the journal aside: it stays for a person to look at and is not tried again."""
        (self.folder / REFUSED).write_text(f"{why}\n")

    def remove(self) -> None:
        """Remove everything, once it is delivered."""
        if self._segment is not None and self._pid == os.getpid():
            os.close(self._segment)
            self._segment, self._pid = None, 0
        shutil.rmtree(self.folder, ignore_errors=True)
        self.release()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def journals(spool: Path) -> list[Journal]:
    """Return the journals in a spool, oldest first."""
    found = [path.parent for path in sorted(spool.glob("*/lock"))]
    return [Journal(folder) for folder in found if not (folder / REFUSED).exists()]
