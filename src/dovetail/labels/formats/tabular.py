"""CSV, TSV and Parquet: a task a row, a field a column.

A column of a text file becomes numbers only where every cell is written as such a number is, so
that "007", "1.10" and telephone numbers stay what they are. Cells that our exports kept from
running as formulas are taken back to what they were.
"""

import csv
import io
import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.labels.formats.flat import infuse

__all__ = ["read_parquet", "read_table"]

Task = dict[str, Any]
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_LONGEST = 64 << 20  # characters in a cell


def read_table(text: str, name: str, separator: str = "") -> list[Task]:
    """Read a table whose first line names the columns.

    Args:
        text: the file.
        name: for messages.
        separator: "" to tell from the first line: a comma, or a semicolon where there are more.

    Raises:
        InvalidInputError: the columns have no names, or a row has another number of cells.
    """
    first = text.partition("\n")[0]
    if not separator:
        separator = ";" if first.count(";") > first.count(",") else ","
    csv.field_size_limit(_LONGEST)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        columns = _columns(next(lines, []), name)
        rows = []
        for row in lines:
            if not row:
                continue
            if len(row) != len(columns):
                raise _uneven(name, lines.line_num, len(row), columns, separator)
            rows.append([infuse(cell) for cell in row])
    except csv.Error as error:
        raise InvalidInputError(
            f"{name}, line {lines.line_num}: the table cannot be read",
            why=str(error),
            fix='put cells with line breaks or quotes in quotes, and write "" for each " in them',
        ) from error
    values = [_typed([row[index] for row in rows]) for index in range(len(columns))]
    return [
        {"data": {column: cells[at] for column, cells in zip(columns, values, strict=True)}}
        for at in range(len(rows))
    ]


def _columns(header: list[str], name: str) -> list[str]:
    columns = [infuse(column).strip() for column in header]
    for number, column in enumerate(columns, 1):
        if not column:
            raise InvalidInputError(
                f"{name}, line 1, column {number} has no name",
                why="the first line names the columns",
                fix="name it, or remove the column",
            )
        if column in columns[: number - 1]:
            raise InvalidInputError(
                f"{name}, line 1, column {number}: there are two columns {column!r}",
                fix="give one of them another name",
            )
    return columns


def _uneven(
    name: str, line: int, cells: int, columns: list[str], separator: str
) -> InvalidInputError:
    last = columns[min(cells, len(columns)) - 1]
    return InvalidInputError(
        f"{name}, line {line}: {cells} cells, and the header has {len(columns)} columns",
        why=f"the last cell that has a column is in {last!r}",
        fix=f'put texts with {separator!r} in quotes: "a{separator} b"',
    )


def _typed(cells: list[str]) -> list[Any]:
    filled = [cell for cell in cells if cell != ""]
    if not filled:
        return cells
    if all(_WHOLE.fullmatch(cell) for cell in filled):
        return [int(cell) if cell else cell for cell in cells]
    if all(_is_number(cell) for cell in filled):
        return [float(cell) if cell else cell for cell in cells]
    return cells


def _is_number(cell: str) -> bool:
    if _WHOLE.fullmatch(cell):
        return True
    try:
        return repr(float(cell)) == cell and math.isfinite(float(cell))
    except ValueError:
        return False


def read_parquet(file: BinaryIO, name: str) -> list[Task]:
    """Read a Parquet file; times become ISO 8601 texts, what is not a number becomes null.

    Raises:
        InvalidInputError: it is none, or a column holds bytes.
        MissingExtraError: polars is not installed.
    """
    polars = require("polars", extra="labels", feature="reading Parquet files of tasks")
    try:
        frame = polars.read_parquet(file)
    except (polars.exceptions.PolarsError, OSError) as error:
        why = str(error).splitlines()[0]
        raise InvalidInputError(f"{name} cannot be read as Parquet", why=why) from error
    for column, kind in frame.schema.items():
        if kind == polars.Binary:
            raise InvalidInputError(
                f"{name}: the column {column!r} holds bytes",
                why="a task's data is text and numbers",
                fix="save the bytes as files in a folder and import that, or store their addresses",
            )
    return [{"data": _plain(row)} for row in frame.iter_rows(named=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    return value
