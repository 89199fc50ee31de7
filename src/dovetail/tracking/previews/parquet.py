"""Parquet: the schema and the first rows, read by a process of its own with limits.

A column of a few KB can inflate to gigabytes, and the reader is a large library in C++. So it runs
in a child process that may take so much memory and time and no more. The child has no file to
open: it asks for ranges of bytes over its pipe, and this side answers them out of the store, up to
a budget.
"""

import importlib.util
import os
import struct
import subprocess
import sys
import threading
from typing import IO

import msgspec

from dovetail.tracking.previews.source import Source
from dovetail.tracking.previews.tables import table_preview
from dovetail.tracking.previews.values import Preview

__all__ = ["Answer", "preview"]

BUDGET = 16 << 20
SECONDS = 15.0
ASK, DONE = b"R", b"J"
WORD = struct.Struct("<QQ")
_places = threading.BoundedSemaphore(2)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the child read.

    Attributes:
        names: of the columns.
        types: of the columns.
        total: how many rows there are.
        rows: the first rows, as text; empty where they could not be read.
        problem: why not.
    """

    names: list[str]
    types: list[str]
    total: int
    rows: list[list[str | None]]
    problem: str = ""


def preview(source: Source) -> Preview:
    """Return the preview of a Parquet file."""
    if importlib.util.find_spec("pyarrow") is None:
        note = "To see Parquet files here, install pyarrow beside this server: pip install pyarrow"
        return Preview(kind="none", notes=[note])
    with _places:
        found = _read(source)
    if found is None:
        note = "The file cannot be read as Parquet within the limits of a preview."
        return Preview(kind="none", notes=[note])
    notes = [f"The rows cannot be shown: {found.problem}"] if found.problem else []
    return table_preview(found.names, found.rows, total=found.total, types=found.types, notes=notes)


def _read(source: Source) -> Answer | None:
    command = [sys.executable, "-m", "dovetail.tracking.previews.parquet_child", str(source.size)]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
    }
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    timer = threading.Timer(SECONDS, child.kill)
    timer.start()
    try:
        return _answer(source, child.stdin, child.stdout)
    except (OSError, EOFError, msgspec.DecodeError, msgspec.ValidationError):
        return None
    finally:
        timer.cancel()
        child.kill()
        child.communicate()


def _answer(source: Source, to: IO[bytes], from_: IO[bytes]) -> Answer:
    """Serve ranges until the child says what it found.

    Raises:
        EOFError: the child ended without, or wants more than a preview may read.
    """
    while True:
        kind = _exactly(from_, 1)
        first, length = WORD.unpack(_exactly(from_, WORD.size))
        if kind == DONE:
            return msgspec.json.decode(_exactly(from_, min(length, BUDGET)), type=Answer)
        if source.taken + min(length, source.size) > BUDGET:
            raise EOFError
        data = source.read(first, length)
        to.write(WORD.pack(len(data), 0) + data)
        to.flush()


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
