"""Requests and answers as Parquet files in a folder, each whole from the moment that it shows.

`FOLDER/<model>/<version>/<time>-<host>-<process>-<number>.parquet`, one schema a file. Rows gather
in memory until there are enough of them or they are old enough; then a file is written under a
hidden name, flushed to disk and renamed. Requests that failed have no answer, and so other columns:
they are below `FOLDER/_failed`, which readers of folders leave out by the underscore. What a
process that died left under hidden names is removed by the next one on the same host.
"""

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from dovetail.base.extras import require
from dovetail.serving.payload.columns import Key, Rows, rows_of
from dovetail.serving.payload.records import Record
from dovetail.serving.payload.settings import PayloadSink

__all__ = ["ParquetSink"]

_RECORDS, _BYTES = 1000, 16 << 20
_END = ".parquet"
_HIDDEN = f"{_END}.tmp"
_FAILED = "_failed"


@dataclass
class _Group:
    """Rows of one schema that wait to become a file."""

    born: float
    rows: list[Rows] = field(default_factory=list)
    size: int = 0


class ParquetSink:
    """A folder of Parquet files.

    Args:
        folder: made where it is missing.
        sink: when a file is closed, and what goes into it.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """

    most_records, most_bytes = _RECORDS, _BYTES
    events = 1

    def __init__(self, folder: Path, sink: PayloadSink) -> None:
        self._arrow = require("pyarrow", extra="serving-parquet", feature="a payload log in files")
        self._parquet = require(
            "pyarrow.parquet", extra="serving-parquet", feature="a payload log in files"
        )
        self._folder, self._sink = folder, sink
        self.idle_seconds: float | None = min(1.0, sink.file_seconds / 2)
        self._groups: dict[Key, _Group] = {}
        self._host = quote(socket.gethostname(), safe="").replace("-", "_")
        self._numbers = count()
        self._is_swept = False

    def take(self, records: Sequence[Record]) -> None:
        """Keep records; what is due is written first, so that a full disk loses none of them."""
        self.rest()
        for record in records:
            rows = rows_of(record, self._sink)
            group = self._groups.setdefault(rows.key, _Group(time.monotonic()))
            group.rows.append(rows)
            group.size += rows.size

    def rest(self) -> None:
        """Write the files that are old or large enough."""
        old = time.monotonic() - self._sink.file_seconds
        for key, group in list(self._groups.items()):
            if group.born <= old:
                self._finish(key, group)
        most = self._sink.file_mb << 20
        while sum(group.size for group in self._groups.values()) >= most:
            self._finish(*max(self._groups.items(), key=lambda item: item[1].size))

    def close(self) -> None:
        """Write everything."""
        for key, group in list(self._groups.items()):
            self._finish(key, group)

    def _finish(self, key: Key, group: _Group) -> None:
        model, version, _, failed = key
        start = self._folder / _FAILED if failed else self._folder
        folder = start / _segment(model) / _segment(version)
        folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{stamp}-{self._host}-{os.getpid()}-{next(self._numbers):06d}"
        hidden = folder / f".{name}{_HIDDEN}"
        try:
            with hidden.open("wb") as file:
                self._parquet.write_table(self._table(key, group), file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(folder / f"{name}{_END}")
        except BaseException:
            hidden.unlink(missing_ok=True)
            raise
        del self._groups[key]

    def _table(self, key: Key, group: _Group) -> Any:
        arrow, rows = self._arrow, group.rows
        counts = np.array([one.number for one in rows])

        def repeated(values: Sequence[Any], kind: Any) -> Any:
            whole = arrow.array(values, kind)
            return whole.take(arrow.array(np.repeat(np.arange(len(rows)), counts)))

        total = int(counts.sum())
        first = np.repeat(np.cumsum(counts) - counts, counts)
        fixed = {name: [one.fixed[name] for one in rows] for name in rows[0].fixed}
        columns = {
            "time": repeated(fixed["time"], arrow.timestamp("us", tz="UTC")),
            "id": repeated(fixed["id"], arrow.string()),
            "row": arrow.array((np.arange(total) - first).astype(np.int32)),
            "model": arrow.array([key[0]] * total, arrow.string()),
            "version": arrow.array([key[1]] * total, arrow.string()),
            "role": repeated(fixed["role"], arrow.string()),
            "headers": repeated(
                [list(one.items()) for one in fixed["headers"]],
                arrow.map_(arrow.string(), arrow.string()),
            ),
        }
        if key[3]:
            columns["error"] = repeated(fixed["error"], arrow.string())
        for name, kind in key[2]:
            columns[name] = self._column([one.columns[name] for one in rows], kind)
        return arrow.table(columns)

    def _column(self, arrays: list[Any], kind: str) -> Any:
        arrow = self._arrow
        offsets = None
        if kind.startswith("list of "):
            widths = np.concatenate([np.full(len(a), a.shape[1]) for a in arrays])
            offsets = arrow.array(np.concatenate([[0], np.cumsum(widths)]).astype(np.int32))
            arrays = [array.reshape(-1) for array in arrays]
        if kind.endswith("text"):
            values = arrow.array([_str(v) for array in arrays for v in array], arrow.string())
        else:
            whole = np.concatenate(arrays)
            # Half floats are in the format, but few readers take them.
            values = arrow.array(whole.astype(np.float32) if whole.dtype == np.float16 else whole)
        return values if offsets is None else arrow.ListArray.from_arrays(offsets, values)

    def _sweep(self) -> None:
        """Remove what processes of this host left half-written."""
        if self._is_swept:
            return
        self._is_swept = True
        hidden = f"*/*/.*{_HIDDEN}"
        for path in (*self._folder.glob(hidden), *(self._folder / _FAILED).glob(hidden)):
            parts = path.name.split("-")
            if len(parts) == 4 and parts[1] == self._host and not _lives(parts[2]):
                path.unlink(missing_ok=True)


def _segment(name: str) -> str:
    """Return a name as one segment of a path, whatever is in it."""
    return quote(name, safe="").replace(".", "%2E", 1) if name.startswith(".") else quote(name, "")


def _str(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _lives(process: str) -> bool:
    if not process.isdecimal() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
