"""Tables from files, a column at a time: CSV and JSON lines here, Parquet and Arrow with PyArrow.

A comparison looks at one column after the other, so a table is a mapping that reads a column when
it is asked for it; a wide Parquet file never lies in memory whole.
"""

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.arrow_files import ArrowFile, open_ipc, open_parquet
from dovetail.monitoring.classical.samples import Coded
from dovetail.monitoring.columns import Values

__all__ = ["Column", "Table", "read_columns"]

Column = Values | Coded
_MISSING = frozenset({"", "NA", "NaN", "nan", "null", "None"})


class Table(Mapping[str, Column]):
    """The columns of a file.

    Args:
        types: What each comparable column holds, in the file's own words or "number" and "text".
        read: Reads one of them.
        nested: Columns of records, bytes or lists of texts, which have no distribution to compare.
    """

    def __init__(
        self,
        types: Mapping[str, str],
        read: Callable[[str], Column],
        nested: tuple[str, ...] = (),
    ) -> None:
        self.types, self.nested, self._read = dict(types), nested, read

    def __getitem__(self, name: str) -> Column:
        """The values of a column."""
        if name not in self.types:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        """The names, in the file's order."""
        return iter(self.types)

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self.types)

    def __contains__(self, name: object) -> bool:
        """Whether there is such a column, without reading it."""
        return name in self.types


def read_columns(path: Path) -> Table:
    """Open a table by its file's ending.

    Args:
        path: `.csv`, `.parquet`, `.arrow`, `.feather` or `.ipc`, `.jsonl` or `.ndjson`. In CSV an
            empty field, NA, NaN, null or None is missing, and a column all of whose other fields
            are numbers is numeric. Records of JSON lines may lack names; a record in a field, or a
            list that is not of numbers, counts as its text.

    Raises:
        InvalidInputError: There is no such file, it is none of them or broken, or it has no rows.
        MissingExtraError: PyArrow is not installed.
    """
    if not path.is_file():
        raise InvalidInputError(f"there is no file '{path}'")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInputError(
            f"'{path.name}' is no table that can be read", fix=f"give {', '.join(_READERS)}"
        )
    table, rows = reader(path)
    if not rows:
        raise InvalidInputError(f"'{path.name}' has no rows")
    if not table:
        raise InvalidInputError(f"'{path.name}' has no column that can be compared")
    return table


def _csv(path: Path) -> tuple[Table, int]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows = [row for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"'{path.name}' is not a CSV file", why=str(error)) from error
    wrong = next((i for i, row in enumerate(rows) if len(row) != len(header)), None)
    if wrong is not None:
        raise InvalidInputError(
            f"row {wrong + 1} of '{path.name}' has {len(rows[wrong])} fields, not {len(header)}"
        )
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InvalidInputError(f"'{path.name}' names the column '{twice}' twice")
    columns = zip(header, zip(*rows, strict=True), strict=False)
    return _held({name: _field(values) for name, values in columns}), len(rows)


def _held(columns: dict[str, Column]) -> Table:
    types = {n: "number" if isinstance(v, np.ndarray) else "text" for n, v in columns.items()}
    return Table(types, columns.__getitem__)


def _field(values: tuple[str, ...]) -> Values:
    known: list[str | None] = [None if value.strip() in _MISSING else value for value in values]
    if any(value and "_" in value for value in known):  # Python would read 1_000 as a number
        return known
    try:
        return np.array([np.nan if v is None else float(v) for v in known], dtype=np.float64)
    except ValueError:
        return known


def _json_lines(path: Path) -> tuple[Table, int]:
    columns: dict[str, list[Any]] = {}
    rows = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                record = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InvalidInputError(
                    f"line {number} of '{path.name}' is not a JSON object", why=str(error)
                ) from error
            for name, value in record.items():
                column = columns.setdefault(name, [])
                column += [None] * (rows - len(column))
                column.append(value)
            rows += 1
    for column in columns.values():
        column += [None] * (rows - len(column))
    return _held({name: _mixed(column) for name, column in columns.items()}), rows


def _mixed(values: list[Any]) -> Any:
    """Numbers where all known values are numbers or booleans, lists of numbers as they are."""
    if all(v is None or (isinstance(v, list) and _is_numbers(v)) for v in values):
        return values
    if all(v is None or isinstance(v, int | float) for v in values):
        return np.array([math.nan if v is None else float(v) for v in values], dtype=np.float64)
    return [
        v if v is None or isinstance(v, str) else msgspec.json.encode(v).decode() for v in values
    ]


def _is_numbers(value: list[Any]) -> bool:
    return bool(value) and all(
        _is_numbers(v) if isinstance(v, list) else isinstance(v, int | float) for v in value
    )


def _arrow(opened: ArrowFile) -> tuple[Table, int]:
    return Table(opened.types, opened.read, opened.nested), opened.rows


_READERS: dict[str, Callable[[Path], tuple[Table, int]]] = {
    ".csv": _csv,
    ".parquet": lambda path: _arrow(open_parquet(path)),
    ".arrow": lambda path: _arrow(open_ipc(path)),
    ".feather": lambda path: _arrow(open_ipc(path)),
    ".ipc": lambda path: _arrow(open_ipc(path)),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
