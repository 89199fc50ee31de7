"""The use cases of the data piece, free of HTTP: what the pages and their JSON twins show."""

from datetime import datetime
from typing import Any

import msgspec

from dovetail.data.lake import Lake
from dovetail.data.records import Check
from dovetail.data.snapshots import Snapshot, Verdict
from dovetail.data.table import Table, Version

SHOWN_VERSIONS = 50


class TableLine(msgspec.Struct, frozen=True):
    """A table in the list."""

    name: str
    href: str
    version: int
    rows: int
    bytes: int
    files: int
    written: datetime
    verdict: str
    level: str
    snapshots: int


class Overview(msgspec.Struct, frozen=True):
    """All tables of the lake."""

    root: str
    tables: list[TableLine]


class ColumnLine(msgspec.Struct, frozen=True):
    """A column of a table, with what its schema asks for."""

    name: str
    type: str
    asked: str


class SnapshotLine(msgspec.Struct, frozen=True):
    """A snapshot of a table."""

    id: str
    version: int
    at: datetime
    rows: int
    purpose: str
    query: str
    state: str


class TablePage(msgspec.Struct, frozen=True):
    """Everything about one table."""

    line: TableLine
    columns: list[ColumnLine]
    versions: list[Version]
    last_check: Check | None
    held_batches: list[Check]
    snapshots: list[SnapshotLine]


class Handlers:
    """What people and programs ask of a lake.

    Args:
        lake: The lake.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def overview(self) -> Overview:
        """Return all tables, by name."""
        records = self.lake.snapshots.all()
        lines = [self._line(table, records) for table in self.lake.tables()]
        return Overview(str(self.lake.root), lines)

    def table(self, name: str) -> TablePage:
        """Return everything about one table, or raise TableNotFoundError."""
        table = self.lake.table(name)
        schema = self.lake.records.schema(name)
        asked = {c.name: c for c in schema.columns} if schema else {}
        records = [s for s in self.lake.snapshots.all() if s.table == name]
        return TablePage(
            columns=[
                ColumnLine(column, kind, _asked(asked.get(column)))
                for column, kind in table.columns().items()
            ],
            versions=table.versions()[:SHOWN_VERSIONS],
            line=self._line(table, records),
            last_check=self.lake.records.last_check(name),
            held_batches=self.lake.records.held_batches(name),
            snapshots=[self._snapshot(s) for s in reversed(records)],
        )

    def verify(self, snapshot: str) -> Verdict:
        """Hash the files of a snapshot again, or raise SnapshotNotFoundError."""
        return self.lake.verify(snapshot)

    def _line(self, table: Table, records: list[Snapshot]) -> TableLine:
        files = table.files()
        last = self.lake.records.last_check(table.name)
        level = "idle" if last is None else "alarm" if last.is_refused else "ok"
        level = "warn" if last is not None and last.findings and level == "ok" else level
        words = {"idle": "no schema", "alarm": "refused", "ok": "passed", "warn": "warned"}
        return TableLine(
            name=table.name,
            href=f"/data/tables/{table.name}",
            version=table.version,
            rows=sum(rows for _, rows, _ in files),
            bytes=sum(size for _, _, size in files),
            files=len(files),
            written=table.versions()[0].at,
            verdict=words[level],
            level=level,
            snapshots=sum(s.table == table.name for s in records),
        )

    def _snapshot(self, record: Snapshot) -> SnapshotLine:
        state = "released" if self.lake.records.is_released(record.id) else "held"
        return SnapshotLine(
            record.id,
            record.version,
            record.at,
            record.rows,
            record.purpose,
            record.query,
            state,
        )


def _asked(column: Any) -> str:
    """Say what a schema asks of a column."""
    if column is None:
        return ""
    said = [column.kind]
    if column.null_share < 1:
        said.append(f"at most {column.null_share:.0%} null" if column.null_share else "never null")
    if column.minimum is not None or column.maximum is not None:
        said.append(f"{_bound(column.minimum)} to {_bound(column.maximum)}")
    if column.values is not None:
        said.append(f"one of {len(column.values)} values")
    return ", ".join(said)


def _bound(value: Any) -> str:
    return "any" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
