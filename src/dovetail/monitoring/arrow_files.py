"""Columns of Parquet and Arrow files, read one at a time with PyArrow."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dovetail.base import extras
from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.classical.samples import Coded

_EXTRA = "data"


@dataclass(frozen=True)
class ArrowFile:
    """An opened file.

    Attributes:
        rows: How many it has.
        types: The comparable columns and their Arrow types.
        nested: Columns of records, bytes or lists of texts, which have no distribution to compare.
        read: Reads a column: numbers as float64 with NaN, times as seconds, texts as codes, lists
            of numbers (vectors, and images as lists of lists) as an array or as lists.
    """

    rows: int
    types: dict[str, str]
    nested: tuple[str, ...]
    read: Callable[[str], Any]


def open_parquet(path: Path) -> ArrowFile:
    """Open a Parquet file.

    Raises:
        InvalidInputError: It is none.
        MissingExtraError: PyArrow is not installed.
    """
    arrow = extras.require("pyarrow", extra=_EXTRA, feature="reading Parquet files")
    parquet = extras.require("pyarrow.parquet", extra=_EXTRA, feature="reading Parquet files")
    try:
        file = parquet.ParquetFile(path)
    except (arrow.ArrowInvalid, OSError) as error:
        raise InvalidInputError(f"'{path.name}' is not a Parquet file", why=str(error)) from error
    types = {field.name: field.type for field in file.schema_arrow}

    def read(name: str) -> Any:
        # A whole column as its dictionary costs a fraction of its texts.
        texts = [name] if _is_text(arrow, types[name]) else None
        try:
            return parquet.read_table(path, columns=[name], read_dictionary=texts).column(0)
        except (arrow.ArrowInvalid, OSError) as error:
            raise InvalidInputError(
                f"column '{name}' of '{path.name}' cannot be read", why=str(error)
            ) from error

    return _opened(arrow, types, file.metadata.num_rows, read)


def open_ipc(path: Path) -> ArrowFile:
    """Open an Arrow file or stream; Feather is one too. It is mapped, not read.

    Raises:
        InvalidInputError: It is none.
        MissingExtraError: PyArrow is not installed.
    """
    arrow = extras.require("pyarrow", extra=_EXTRA, feature="reading Arrow files")
    ipc = extras.require("pyarrow.ipc", extra=_EXTRA, feature="reading Arrow files")
    try:
        try:
            table = ipc.open_file(arrow.memory_map(str(path))).read_all()
        except arrow.ArrowInvalid:
            table = ipc.open_stream(arrow.memory_map(str(path))).read_all()
    except (arrow.ArrowInvalid, OSError) as error:
        raise InvalidInputError(f"'{path.name}' is not an Arrow file", why=str(error)) from error
    types = {field.name: field.type for field in table.schema}
    return _opened(arrow, types, table.num_rows, table.column)


def _opened(arrow: Any, types: dict[str, Any], rows: int, read: Callable[[str], Any]) -> ArrowFile:
    kept = {name: kind for name, kind in types.items() if _is_comparable(arrow, kind)}
    return ArrowFile(
        rows=rows,
        types={name: _word(arrow, kind) for name, kind in kept.items()},
        nested=tuple(name for name in types if name not in kept),
        read=lambda name: _values(arrow, read(name)),
    )


def _is_text(arrow: Any, kind: Any) -> bool:
    t = arrow.types
    view = getattr(t, "is_string_view", lambda _: False)
    return bool(t.is_string(kind) or t.is_large_string(kind) or view(kind))


def _is_list(arrow: Any, kind: Any) -> bool:
    t = arrow.types
    return bool(t.is_list(kind) or t.is_large_list(kind) or t.is_fixed_size_list(kind))


def _is_number(arrow: Any, kind: Any) -> bool:
    t = arrow.types
    return bool(t.is_integer(kind) or t.is_floating(kind) or t.is_decimal(kind))


def _is_comparable(arrow: Any, kind: Any) -> bool:
    t = arrow.types
    if t.is_dictionary(kind):
        return _is_comparable(arrow, kind.value_type)
    if _is_list(arrow, kind):
        return _is_list(arrow, kind.value_type) or _is_number(arrow, kind.value_type)
    simple = t.is_boolean(kind) or t.is_temporal(kind) or t.is_null(kind)
    return bool(simple or _is_text(arrow, kind) or _is_number(arrow, kind))


def _word(arrow: Any, kind: Any) -> str:
    """The type as people compare it: a dictionary of texts is text."""
    return _word(arrow, kind.value_type) if arrow.types.is_dictionary(kind) else str(kind)


def _values(arrow: Any, column: Any) -> Any:
    kind = column.type
    t = arrow.types
    if _is_list(arrow, kind):
        return _lists(arrow, column)
    if t.is_dictionary(kind) and not _is_text(arrow, kind.value_type):
        column = column.cast(kind.value_type)
        kind = column.type
    if t.is_null(kind):
        return np.full(len(column), np.nan)
    if t.is_dictionary(kind) or _is_text(arrow, kind):
        return _coded(arrow, column)
    if t.is_boolean(kind):
        return np.asarray(column.cast(arrow.int8()).cast(arrow.float64()).to_numpy())
    if t.is_timestamp(kind):
        scale = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
        return np.asarray(column.cast(arrow.int64()).cast(arrow.float64(), safe=False)) / scale
    if t.is_date(kind):
        return np.asarray(column.cast(arrow.date32()).cast(arrow.int32()).cast(arrow.float64()))
    if t.is_temporal(kind):
        column = column.cast(arrow.int32() if kind.bit_width == 32 else arrow.int64())
    return np.asarray(column.cast(arrow.float64(), safe=False).to_numpy())


def _lists(arrow: Any, column: Any) -> Any:
    """Vectors of one size as an array [rows, size], anything else as lists."""
    rows = len(column)
    if not rows or column.null_count or _is_list(arrow, column.type.value_type):
        return column.to_pylist()
    sizes = arrow.compute.unique(arrow.compute.list_value_length(column))
    flat = column.combine_chunks().flatten()
    if len(sizes) == 1 and not flat.null_count:
        return flat.cast(arrow.float64(), safe=False).to_numpy().reshape(rows, -1)
    return column.to_pylist()


def _coded(arrow: Any, column: Any) -> Coded:
    if not arrow.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, arrow.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else arrow.array([], column.type)
    codes = whole.indices.cast(arrow.int64()).fill_null(-1).to_numpy()
    levels = whole.dictionary.to_pylist()
    if None in levels:  # a null may also be a level of the dictionary
        gone = levels.index(None)
        codes = np.where(codes == gone, -1, codes)
        levels[gone] = ""
    return Coded(codes, levels)
