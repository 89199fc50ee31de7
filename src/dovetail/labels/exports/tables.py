"""The table that training code reads: a row a task, its data, and each control's label.

Beside each control's column stand its probability and its number of answers. A field of the data
that has the name of such a column is called `data.<field>`.
"""

import csv
import io
import tempfile
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec

from dovetail.base.artifacts import ArtifactStore
from dovetail.base.extras import require
from dovetail.labels.exports.comparing import labels_of, lines_of
from dovetail.labels.exports.making import TASKS
from dovetail.labels.formats.flat import defuse
from dovetail.labels.formats.streams import gathered
from dovetail.wire.labels import Label, Snapshot, TableFormat

__all__ = ["MEDIA_TYPES", "table"]

MEDIA_TYPES: dict[TableFormat, str] = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
Row = dict[str, Any]
_PART = 1 << 18


def table(
    store: ArtifactStore, snapshot: Snapshot, folder: str, format: TableFormat
) -> Iterator[bytes]:
    """Write the table.

    Args:
        store: where the snapshot's files lie.
        snapshot: which.
        folder: below which its files lie.
        format: jsonl, csv (formulas defused) or parquet.

    Raises:
        MissingExtraError: Parquet is asked for and polars is not installed.
    """
    rows = _rows(store, snapshot, folder)
    if format == "jsonl":
        return gathered(msgspec.json.encode(row) + b"\n" for row in rows)
    if format == "csv":
        return _csv(list(rows))
    require("polars", extra="labels", feature="training tables in Parquet")
    return _parquet(list(rows))


def _rows(store: ArtifactStore, snapshot: Snapshot, folder: str) -> Iterator[Row]:
    names = [facts.control for facts in snapshot.controls]
    own = {"task", *(f"{name}{end}" for name in names for end in ("", ".probability", ".answers"))}
    labels = groupby(labels_of(store, folder), key=lambda label: label.task)
    task, said = next(labels, (None, iter(())))
    for line in lines_of(store, folder, TASKS):
        found = msgspec.json.decode(line)
        row: Row = {"task": found["id"]}
        for field, value in (found.get("data") or {}).items():
            row[f"data.{field}" if field in own else field] = value
        given: dict[str, Label] = {}
        if task == found["id"]:
            given = {label.control: label for label in said}
            task, said = next(labels, (None, iter(())))
        for name in names:
            label = given.get(name)
            row[name] = _value(label)
            row[f"{name}.probability"] = label.probability if label else None
            row[f"{name}.answers"] = len(label.sources) if label else 0
        yield row


def _value(label: Label | None) -> Any:
    if label is None:
        return None
    if label.label is not None:
        return label.label
    return msgspec.json.encode([region.get("value") for region in label.result]).decode()


def _columns(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _csv(rows: list[Row]) -> Iterator[bytes]:
    buffer = io.StringIO()
    columns = _columns(rows)
    writer = csv.writer(buffer)
    writer.writerow(defuse(name) for name in columns)
    for row in rows:
        writer.writerow(defuse(_flat(row.get(name))) for name in columns)
        if buffer.tell() > _PART:
            yield buffer.getvalue().encode("utf-8", "replace")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8", "replace")


def _flat(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value


def _parquet(rows: list[Row]) -> Iterator[bytes]:
    import polars as pl

    columns = {name: _alike([_flat(row.get(name)) for row in rows]) for name in _columns(rows)}
    frame = pl.DataFrame(columns, strict=False)
    with tempfile.SpooledTemporaryFile(max_size=16 << 20) as spool:
        frame.write_parquet(spool)
        spool.seek(0)
        while part := spool.read(_PART):
            yield part


def _alike(cells: list[Any]) -> list[Any]:
    """Make a column of one type: numbers and truths stay, a mixed column becomes text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {bool} or kinds <= {str} or kinds <= {float} or kinds <= {int, float}:
        if kinds == {int, float}:
            return [None if cell is None else float(cell) for cell in cells]
        if all(not isinstance(cell, int) or abs(cell) < 2**63 for cell in cells):
            return cells
    return [
        cell if cell is None or isinstance(cell, str) else msgspec.json.encode(cell).decode()
        for cell in cells
    ]
