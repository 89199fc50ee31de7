"""What is new in Parquet files and Delta tables: files not read before, or written again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dovetail.base import extras
from dovetail.base.errors import UnavailableError
from dovetail.monitoring.sources.rows import Column
from dovetail.monitoring.sources.settings import Table

__all__ = ["read_files"]

_EXTRA, _FEATURE = "data", "reading tables of Parquet files"
_ROWS = 5000
_DELTA = "delta+"


@dataclass(frozen=True)
class _File:
    path: str
    mark: str
    more: Mapping[str, Any]


def read_files(table: Table, cursor: bytes) -> Iterator[tuple[dict[str, Column], bytes]]:
    """Read the rows of files that are new since a cursor.

    Args:
        table: Which columns to read.
        cursor: From the last reading; empty for none.

    Yields:
        Columns of some rows, and the cursor to go on from once they are stored.

    Raises:
        UnavailableError: The place or a file in it cannot be read.
        MissingExtraError: PyArrow or deltalake is not installed.
    """
    arrow = extras.require("pyarrow", extra=_EXTRA, feature=_FEATURE)
    known = msgspec.json.decode(cursor or b"{}", type=dict[str, str])
    try:
        system, files = _delta(table) if table.url.startswith(_DELTA) else _folder(table)
        gone = set(known) - {one.path for one in files}
        known = {path: mark for path, mark in known.items() if path not in gone}
        for one in files:
            if known.get(one.path) == one.mark:
                continue
            for columns in _rows(system, one, table):
                yield columns, msgspec.json.encode(known)
            known[one.path] = one.mark
            yield {}, msgspec.json.encode(known)
    except (arrow.ArrowException, OSError) as error:
        raise UnavailableError(
            f"the table {table.name} cannot be read",
            why=str(error),
            fix="look whether the place is right and may be read; it is tried again",
        ) from error


def _folder(table: Table) -> tuple[Any, list[_File]]:
    fs = extras.require("pyarrow.fs", extra=_EXTRA, feature=_FEATURE)
    place = table.url if "://" in table.url else Path(table.url).absolute().as_uri()
    system, path = fs.FileSystem.from_uri(place)
    (info,) = system.get_file_info([path])
    if info.type == fs.FileType.NotFound:
        raise OSError(f"there is nothing at {path}")
    found = [info]
    if info.type == fs.FileType.Directory:
        found = system.get_file_info(fs.FileSelector(path, recursive=True))
    files = [
        _File(one.path, f"{one.size} {one.mtime_ns}", {})
        for one in sorted(found, key=lambda one: (one.mtime_ns or 0, one.path))
        if one.type == fs.FileType.File
        and (one is info or one.extension == "parquet")
        and not one.base_name.startswith((".", "_"))
    ]
    return system, files


def _delta(table: Table) -> tuple[Any, list[_File]]:
    """The files of a Delta table now; those of a later version are new by their names."""
    delta = extras.require("deltalake", extra=_EXTRA, feature="reading Delta tables")
    fs = extras.require("pyarrow.fs", extra=_EXTRA, feature=_FEATURE)
    arrow = extras.require("pyarrow", extra=_EXTRA, feature=_FEATURE)
    place = table.url.removeprefix(_DELTA)
    try:
        actions = arrow.table(delta.DeltaTable(place).get_add_actions(flatten=True)).to_pylist()
    except Exception as error:  # its errors share no base but Exception
        raise OSError(str(error)) from error
    base = place if "://" in place else Path(place).absolute().as_uri()
    system, root = fs.FileSystem.from_uri(base)
    files = [
        _File(
            f"{root}/{action['path']}",
            str(action["size_bytes"]),
            {
                name.removeprefix("partition."): value
                for name, value in action.items()
                if name.startswith("partition.")
            },
        )
        for action in sorted(actions, key=lambda a: (str(a.get("modification_time")), a["path"]))
    ]
    return system, files


def _rows(system: Any, one: _File, table: Table) -> Iterator[dict[str, Column]]:
    parquet = extras.require("pyarrow.parquet", extra=_EXTRA, feature=_FEATURE)
    with system.open_input_file(one.path) as source, parquet.ParquetFile(source) as file:
        names = [f.name for f in file.schema_arrow if not _is_nested(f.type)]
        if table.features is not None:
            names = [name for name in names if name in {*table.named, *table.features}]
        for batch in file.iter_batches(batch_size=_ROWS, columns=names):
            columns: dict[str, Column] = batch.to_pydict()
            for name, value in one.more.items():
                columns.setdefault(name, [value] * batch.num_rows)
            yield columns


def _is_nested(kind: Any) -> bool:
    types = extras.require("pyarrow.types", extra=_EXTRA, feature=_FEATURE)
    binary = types.is_binary(kind) or types.is_large_binary(kind)
    return bool(types.is_nested(kind) or binary or types.is_fixed_size_binary(kind))
