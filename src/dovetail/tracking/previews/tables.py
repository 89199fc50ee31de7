"""Tables: CSV, TSV, JSON as `mlflow.log_table` writes it, JSON lines.

Only the beginning of the file is read. A cell is text to be looked at and nothing else: a formula
of a spreadsheet or a tag of HTML is shown as it stands.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dovetail.tracking.previews.source import Source
from dovetail.tracking.previews.texts import decoded
from dovetail.tracking.previews.values import Column, Preview, Table

__all__ = ["cell", "delimited", "json_lines", "json_table", "table_preview"]

WINDOW = 256 << 10
ROWS, COLUMNS, CELL = 100, 50, 200
_DELIMITERS = ",;\t|"
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_COLUMNS = re.compile(r'\s*\{\s*"columns"\s*:\s*')
_INDEX = re.compile(r'\s*,\s*"index"\s*:\s*')
_DATA = re.compile(r'\s*,\s*"data"\s*:\s*\[\s*')
_COMMA = re.compile(r"\s*,\s*")
_decoder = json.JSONDecoder()


def cell(value: Any) -> str | None:
    """Return a value as a cell shows it; None where there is none."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict | list | bool):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return text if len(text) <= CELL else text[:CELL] + "…"


def table_preview(
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    total: int | None,
    types: Sequence[str] | None = None,
    notes: Iterable[str] = (),
) -> Preview:
    """Return the preview of a table's beginning.

    Args:
        names: of all columns.
        rows: the first rows.
        total: how many rows there are, if that is known.
        types: of the columns; guessed from the cells if None.
        notes: what else to say.
    """
    shown = [[cell(value) for value in row[:COLUMNS]] for row in rows[:ROWS]]
    said = list(notes)
    if len(names) > COLUMNS:
        said.append(f"{COLUMNS} of {len(names):,} columns are shown.")
    if total is None:
        said.append(f"The first {len(shown):,} rows are shown; the file was not read further.")
    elif total > len(shown):
        said.append(f"The first {len(shown):,} of {total:,} rows are shown.")
    kinds = types or [_kind([row[i] for row in shown if i < len(row)]) for i in range(len(names))]
    columns = [
        Column(cell(name) or "", kind)
        for name, kind in zip(names[:COLUMNS], kinds[:COLUMNS], strict=False)
    ]
    padded = [row + [None] * (len(columns) - len(row)) for row in shown]
    table = Table(columns=columns, rows=padded, total=total, width=len(names))
    return Preview(kind="table", table=table, notes=said)


def _kind(cells: Sequence[str | None]) -> str:
    given = [one for one in cells if one not in (None, "")]
    if not given:
        return "empty"
    for kind, fits in (("integer", _INTEGER.fullmatch), ("number", _is_number)):
        if all(fits(one or "") for one in given):
            return kind
    if all((one or "").lower() in ("true", "false") for one in given):
        return "boolean"
    return "date" if all(_DATE.fullmatch(one or "") for one in given) else "text"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def delimited(source: Source) -> Preview | None:
    """Return the preview of a CSV or TSV file; None if it cannot be read as one."""
    data = source.head(WINDOW)
    is_whole = len(data) == source.size
    if not is_whole:
        cut = data.rfind(b"\n")
        if cut < 0:
            return None
        data = data[: cut + 1]
    text, is_clean = decoded(data)
    mark = "\t" if source.suffix == "tsv" else _delimiter(text)
    limit = None if is_whole else ROWS + 1
    try:
        read = list(_first(csv.reader(io.StringIO(text, newline=""), delimiter=mark), limit))
    except csv.Error:
        return None
    if not read:
        return None
    notes = [] if is_clean else ["Some bytes are not valid UTF-8; they show as \ufffd."]
    total = len(read) - 1 if is_whole else None
    return table_preview(read[0], read[1 : ROWS + 1], total=total, notes=notes)


def _first(rows: Iterable[list[str]], limit: int | None) -> Iterator[list[str]]:
    for number, row in enumerate(rows):
        if limit is not None and number >= limit:
            return
        yield row


def _delimiter(text: str) -> str:
    head = text.split("\n", 1)[0]
    return max(_DELIMITERS, key=lambda mark: (head.count(mark), -_DELIMITERS.index(mark)))


def json_table(text: str, *, is_whole: bool) -> Preview | None:
    """Return a table that JSON text holds or begins; None if it holds none.

    Args:
        text: a document, or its beginning.
        is_whole: whether it is all of it.
    """
    try:
        found = _split(text) or _records(text)
    except (ValueError, RecursionError):
        return None
    if found is None:
        return None
    names, rows, is_complete = found
    total = len(rows) if is_complete and is_whole else None
    return table_preview(names, rows, total=total)


def _split(text: str) -> tuple[list[str], list[list[Any]], bool] | None:
    """Read `{"columns": [...], "data": [[...], ...]}`, the form of `mlflow.log_table`."""
    start = _COLUMNS.match(text)
    if start is None:
        return None
    names, at = _decoder.raw_decode(text, start.end())
    index = _INDEX.match(text, at)
    if index is not None:
        _, at = _decoder.raw_decode(text, index.end())
    data = _DATA.match(text, at)
    if data is None or not isinstance(names, list):
        return None
    rows, is_complete = _values(text, data.end())
    if not all(isinstance(row, list) for row in rows):
        return None
    return [str(name) for name in names], rows, is_complete


def _records(text: str) -> tuple[list[str], list[list[Any]], bool] | None:
    """Read `[{...}, ...]` whose members are flat enough to be rows."""
    start = re.match(r"\s*\[\s*(?=\{)", text)
    if start is None:
        return None
    return _rows_of(*_values(text, start.end()))


def _rows_of(
    records: list[Any], is_complete: bool
) -> tuple[list[str], list[list[Any]], bool] | None:
    if not records or not all(isinstance(one, dict) for one in records):
        return None
    names = list(dict.fromkeys(key for one in records[: ROWS + 1] for key in one))
    return names, [[one.get(name) for name in names] for one in records], is_complete


def _values(text: str, at: int) -> tuple[list[Any], bool]:
    """Return the values of a list from its inside on, and whether it was read to its end."""
    found: list[Any] = []
    while not text.startswith("]", at):
        try:
            value, at = _decoder.raw_decode(text, at)
        except ValueError:
            return found, False
        found.append(value)
        comma = _COMMA.match(text, at)
        if comma is None:
            rest = text[at : at + 64].lstrip()
            return found, rest.startswith("]")
        at = comma.end()
    return found, True


def json_lines(source: Source) -> Preview | None:
    """Return the preview of a file with a JSON object on each line; None if it is none."""
    data = source.head(WINDOW)
    is_whole = len(data) == source.size
    lines = decoded(data)[0].split("\n")
    if not is_whole:
        lines = lines[:-1]
    try:
        records = [json.loads(line) for line in lines if line.strip()]
    except (ValueError, RecursionError):
        return None
    found = _rows_of(records, True)
    if found is None:
        return None
    return table_preview(found[0], found[1], total=len(records) if is_whole else None)
