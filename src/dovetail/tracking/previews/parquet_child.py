"""The child process of `parquet`: reads the schema and the first rows, within limits.

It talks over its standard input and output only: `R start length` asks for bytes, `J` gives what
was found.
"""

import contextlib
import sys
from typing import Any

import msgspec

from dovetail.base.extras import require
from dovetail.tracking.previews.parquet import ASK, DONE, WORD, Answer
from dovetail.tracking.previews.tables import COLUMNS, ROWS, cell

__all__ = ["Ranges", "main"]

MEMORY = 1 << 30
CPU_SECONDS = 10
FOOTER = 16 << 20


class Ranges:
    """A file for pyarrow whose bytes the parent process has.

    Args:
        size: of the file.
    """

    closed = False

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0

    def read(self, length: int = -1) -> bytes:
        """Return bytes from where the file stands."""
        left = self._size - self._at
        wanted = left if length is None or length < 0 else min(length, left)
        if wanted <= 0:
            return b""
        sys.stdout.buffer.write(ASK + WORD.pack(self._at, wanted))
        sys.stdout.buffer.flush()
        given, _ = WORD.unpack(sys.stdin.buffer.read(WORD.size))
        data = sys.stdin.buffer.read(given)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Stand somewhere else."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """Return where the file stands."""
        return self._at

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can stand anywhere."""
        return True

    def writable(self) -> bool:
        """Tell that it cannot be written."""
        return False

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def main() -> None:
    """Read one file and tell the parent."""
    _limit()
    found = msgspec.json.encode(_read(Ranges(int(sys.argv[1]))))
    sys.stdout.buffer.write(DONE + WORD.pack(0, len(found)) + found)
    sys.stdout.buffer.flush()


def _limit() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _read(file: Ranges) -> Answer:
    parquet: Any = require("pyarrow.parquet", extra="data", feature="reading Parquet")
    require("pyarrow", extra="data", feature="reading Parquet").set_cpu_count(1)
    opened = parquet.ParquetFile(
        file,
        pre_buffer=False,
        buffer_size=1 << 16,
        thrift_string_size_limit=FOOTER,
        thrift_container_size_limit=1 << 20,
    )
    schema = opened.schema_arrow
    names = list(schema.names)
    rows: list[list[str | None]] = []
    problem = ""
    try:
        rows = _rows(opened, names[:COLUMNS])
    except (OSError, ValueError, MemoryError) as error:
        problem = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return Answer(
        names=names,
        types=[str(kind)[:80] for kind in schema.types],
        total=opened.metadata.num_rows,
        rows=rows,
        problem=problem,
    )


def _rows(opened: Any, names: list[str]) -> list[list[str | None]]:
    if not opened.metadata.num_row_groups:
        return []
    batches = opened.iter_batches(batch_size=ROWS, row_groups=[0], columns=names, use_threads=False)
    first = next(iter(batches), None)
    if first is None:
        return []
    columns = [[cell(_plain(value)) for value in column] for column in first.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    found = value.as_py()
    return found.hex() if isinstance(found, bytes) else found


if __name__ == "__main__":
    main()
