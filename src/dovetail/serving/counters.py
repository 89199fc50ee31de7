"""Counters that cost next to nothing, summed over the processes of one server.

Each series (a kind and its labels) is one block of whole numbers. In a server of one process a
block is a list. Where several workers answer, each keeps its blocks in a file that the others have
mapped as well, so whichever worker is asked for the metrics knows all of them, live: nothing is
sent, nothing lags, and a sum never goes back because two workers were read at different ages.
A worker that died and came again finds its file and counts on.

prometheus_client's own way for several processes rewrites a dictionary in a mapped file on each
count and must be chosen before its first import; this is some ten times cheaper.
"""

import mmap
import os
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from dovetail.base.telemetry import logger

__all__ = ["BOARD", "Block", "Board", "Labels"]

Labels = tuple[str, ...]
Key = tuple[str, Labels]

_FILE_BYTES = 64 << 20  # sparse: only what is used takes memory
_LIVE, _FREE = 1, 2
_HEAD = 3  # of a block in a file: state, length of its name, number of cells
_WORD = 8

log = logger("serving")


@dataclass(slots=True)
class Block:
    """The numbers of one series.

    Attributes:
        cells: the numbers; add to them while `lock` is held.
        lock: held while a thread adds.
        holders: how many hold the series; at none it goes.
        place: where the block begins in the worker's file, in words; None outside one.
    """

    cells: list[int] | memoryview
    lock: threading.Lock = field(default_factory=threading.Lock)
    holders: int = 1
    place: int | None = None


class Board:
    """All series of a process, and of the workers beside it."""

    def __init__(self) -> None:
        self._blocks: dict[Key, Block] = {}
        self._lock = threading.Lock()
        # Filled by finalizers, which run at any moment and so must not wait for the lock.
        self._left: deque[Key] = deque()
        self._file: _File | None = None
        self._folder: Path | None = None

    def share(self, folder: Path, worker: int) -> None:
        """Keep the counts of this process where its sibling workers see them.

        To be called before the first series is taken.

        Args:
            folder: of this server's run; the supervisor makes it empty at the start.
            worker: the number of this worker, which it keeps when it is started again.

        Raises:
            RuntimeError: something was counted already.
        """
        with self._lock:
            if self._blocks:
                raise RuntimeError("counters are shared before the first of them is taken")
            folder.mkdir(parents=True, exist_ok=True)
            self._folder, self._file = folder, _File(folder / f"{worker}.counters")

    def take(self, kind: str, labels: Labels, size: int, gauges: tuple[int, ...] = ()) -> Block:
        """Return the block of a series, made of zeros if it is new.

        Args:
            kind: what is counted.
            labels: of the series.
            size: how many numbers.
            gauges: which of them say how things are now, and begin at zero in a new process.
        """
        key = (kind, labels)
        with self._lock:
            self._let_go()
            block = self._blocks.get(key)
            if block is not None:
                block.holders += 1
                return block
            block = self._new(key, size)
            for index in gauges:
                block.cells[index] = 0
            self._blocks[key] = block
            return block

    def leave(self, kind: str, labels: Labels) -> None:
        """Hold a series no longer; the last who leaves takes it away. Never waits."""
        self._left.append((kind, labels))

    def totals(self, kind: str, largest: tuple[int, ...] = ()) -> dict[Labels, list[int]]:
        """Return the series of a kind, each number summed over the workers.

        Args:
            kind: what is counted.
            largest: which numbers are not sums: of these the largest is returned.
        """
        with self._lock:
            self._let_go()
            found = {k[1]: list(b.cells) for k, b in self._blocks.items() if k[0] == kind}
            folder, own = self._folder, self._file
        if folder is not None and own is not None:
            for path in folder.glob("*.counters"):
                if path != own.path:
                    _add(found, kind, path, largest)
        return found

    def total(self, kind: str, labels: Labels, largest: tuple[int, ...] = ()) -> list[int]:
        """Return one series as `totals` does; empty where there is none."""
        if self._folder is not None:
            return self.totals(kind, largest).get(labels, [])
        block = self._blocks.get((kind, labels))
        return [] if block is None else list(block.cells)

    def _new(self, key: Key, size: int) -> Block:
        if self._file is None:
            return Block([0] * size)
        placed = self._file.place(key, size)
        if placed is None:
            log.warning("more series than the workers can share; one counts for itself", key=key)
            return Block([0] * size)
        return Block(placed[1], place=placed[0])

    def _let_go(self) -> None:
        while self._left:
            key = self._left.popleft()
            block = self._blocks.get(key)
            if block is None:
                continue
            block.holders -= 1
            if block.holders <= 0:
                del self._blocks[key]
                if self._file is not None and block.place is not None:
                    self._file.free(block.place)


class _File:
    """The blocks of one worker in a mapped file.

    Args:
        path: of the file; what a worker of that number left there is counted on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(handle, _FILE_BYTES)
            self._words = memoryview(mmap.mmap(handle, _FILE_BYTES)).cast("q")
        finally:
            os.close(handle)
        self._known: dict[Key, tuple[int, int, int]] = {}
        self._end = 0
        for place, state, name, start, size in _walk(self._words):
            self._end = start + size
            if state == _LIVE:
                self._known[_key(name)] = place, start, size

    def place(self, key: Key, size: int) -> tuple[int, memoryview] | None:
        """Return where a block begins and its cells; None when the file is full."""
        known = self._known.pop(key, None)
        if known is not None and known[2] == size:
            return known[0], self._words[known[1] : known[1] + size]
        name = msgspec.json.encode([key[0], *key[1]])
        name += b" " * (-len(name) % _WORD)
        words = len(name) // _WORD
        place = self._free_place(words, size)
        start = place + _HEAD + words
        if start + size >= len(self._words):
            return None
        for index in range(start, start + size):
            self._words[index] = 0
        self._words.cast("B")[(place + _HEAD) * _WORD : start * _WORD] = name
        self._words[place + 1], self._words[place + 2] = words, size
        self._words[place] = _LIVE  # last, because others read along
        self._end = max(self._end, start + size)
        return place, self._words[start : start + size]

    def free(self, place: int) -> None:
        """Take a block away."""
        self._words[place] = _FREE

    def _free_place(self, words: int, size: int) -> int:
        for place, state, name, _, cells in _walk(self._words):
            if state == _FREE and cells == size and len(name) == words * _WORD:
                return place
        return self._end


def _walk(words: memoryview) -> Iterator[tuple[int, int, bytes, int, int]]:
    """Yield place, state, name, first cell and number of cells of each block."""
    place = 0
    while place + _HEAD < len(words) and words[place] in (_LIVE, _FREE):
        length, size = words[place + 1], words[place + 2]
        start = place + _HEAD + length
        name = words.cast("B")[(place + _HEAD) * _WORD : start * _WORD].tobytes()
        yield place, words[place], name, start, size
        place = start + size


def _key(name: bytes) -> Key:
    kind, *labels = msgspec.json.decode(name, type=list[str])
    return kind, tuple(labels)


def _add(found: dict[Labels, list[int]], kind: str, path: Path, largest: tuple[int, ...]) -> None:
    """Add the series of another worker's file."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < _FILE_BYTES:
            return  # it is being made
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            whole = memoryview(mapped)
            words = whole.cast("q")
            for _, state, name, start, size in _walk(words):
                key = _key(name) if state == _LIVE else None
                if key is None or key[0] != kind:
                    continue
                values = words[start : start + size].tolist()
                mine = found.get(key[1], [0] * size)
                both = enumerate(zip(mine, values, strict=False))
                found[key[1]] = [max(p) if i in largest else sum(p) for i, p in both]
            words.release()
            whole.release()


BOARD = Board()
"""The series of this process."""
