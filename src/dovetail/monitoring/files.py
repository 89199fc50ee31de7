"""Tables from files, as columns: CSV with the standard library, Parquet with PyArrow."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from dovetail.base import extras
from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.monitoring.columns import Values, typed

_MISSING = frozenset({"", "NA", "NaN", "nan", "null", "None"})


def read_columns(path: Path) -> dict[str, Values]:
    """Read a table by its file's ending.

    Args:
        path: A `.csv` or `.parquet` file. In CSV an empty field, NA, NaN, null or None is missing,
            and a column all of whose other fields are numbers is numeric.

    Raises:
        NotFoundError: There is no such file.
        InvalidInputError: It is neither, or has no rows.
        MissingExtraError: PyArrow is not installed.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no file '{path}'")
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise InvalidInputError(
            f"'{path.name}' is neither CSV nor Parquet", fix="give a .csv or .parquet file"
        )
    columns = _csv(path) if ending == ".csv" else _parquet(path)
    if not columns or len(next(iter(columns.values()))) == 0:
        raise InvalidInputError(f"'{path.name}' has no rows")
    return columns


def _csv(path: Path) -> dict[str, Values]:
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
    return {name: _field([row[j] for row in rows]) for j, name in enumerate(header)}


def _field(values: list[str]) -> Values:
    known: list[str | None] = [None if value.strip() in _MISSING else value for value in values]
    try:
        return np.array([np.nan if v is None else float(v) for v in known], dtype=np.float64)
    except ValueError:
        return known


def _parquet(path: Path) -> dict[str, Values]:
    arrow = extras.require("pyarrow", extra="data", feature="reading Parquet files")
    parquet = extras.require("pyarrow.parquet", extra="data", feature="reading Parquet files")
    try:
        table = parquet.read_table(path)
    except arrow.ArrowInvalid as error:
        raise InvalidInputError(f"'{path.name}' is not a Parquet file", why=str(error)) from error
    found = {name: _arrow_column(arrow, table.column(name)) for name in table.column_names}
    return {name: values for name, values in found.items() if values is not None}


def _arrow_column(arrow: Any, column: Any) -> Values | None:
    """One column; None for nested ones, which have no distribution to compare."""
    kind = column.type
    types = arrow.types
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return typed(column.cast(arrow.float64(), safe=False).to_numpy())
    if types.is_boolean(kind):
        return typed(column.cast(arrow.int8()).cast(arrow.float64()).to_numpy())
    if types.is_temporal(kind):
        return typed([v.timestamp() if hasattr(v, "timestamp") else v and v.toordinal()
                      for v in column.to_pylist()])  # fmt: skip
    if types.is_string(kind) or types.is_large_string(kind):
        return typed(column.to_pylist())
    return None
