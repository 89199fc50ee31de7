"""What Dovetail keeps beside the tables: schemas, checks, held batches, snapshot records.

All are files in the lake's `_dovetail` folder, written whole and synced, so that the command
line, a pipeline and the server see the same without a database between them.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dovetail.base.artifacts import LocalStore
from dovetail.base.ids import new_id
from dovetail.data.checks import Finding, check
from dovetail.data.errors import RejectedError
from dovetail.data.schema import Schema, from_json, to_json

if TYPE_CHECKING:
    import polars as pl

FOLDER = "_dovetail"
S = TypeVar("S", bound=msgspec.Struct)


class Check(msgspec.Struct, frozen=True):
    """The last check of rows for a table.

    Attributes:
        table: The table.
        at: When.
        rows: How many rows were checked.
        findings: What was wrong.
        batch: The batch, where it had a name.
        held: Folder of the batch where it was refused, else empty.
    """

    table: str
    at: datetime
    rows: int
    findings: tuple[Finding, ...]
    batch: str = ""
    held: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the rows were kept out."""
        return any(f.refuses for f in self.findings)


class Records:
    """The records of one lake.

    Args:
        root: The lake's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = LocalStore(root / FOLDER)

    def schema(self, table: str) -> Schema | None:
        """Return the schema declared for a table, or None."""
        path = self.root / FOLDER / "schemas" / f"{table}.json"
        return from_json(path.read_bytes()) if path.exists() else None

    def declare(self, table: str, schema: Schema) -> None:
        """Keep the schema that later rows of a table are checked with."""
        self.store.put(f"schemas/{table}.json", [to_json(schema)])

    def admit(
        self, table: str, rows: "pl.DataFrame", batch: str | tuple[str, int] | None = None
    ) -> tuple[Finding, ...]:
        """Check rows with the table's schema, if it has one, and keep what was found.

        Raises:
            RejectedError: The rows are refused; they are held with what was found.
        """
        schema = self.schema(table)
        if schema is None:
            return ()
        findings = tuple(check(rows, schema))
        name = batch if isinstance(batch, str) else f"{batch[0]}-{batch[1]}" if batch else ""
        refused = [f for f in findings if f.refuses]
        held = self._hold(table, rows, findings, name) if refused else ""
        last = Check(table, datetime.now(UTC), rows.height, findings, name, held)
        self.put(f"checks/{table}.json", last)
        if refused:
            raise RejectedError(table, refused, held)
        return findings

    def _hold(
        self, table: str, rows: "pl.DataFrame", findings: tuple[Finding, ...], batch: str
    ) -> str:
        label = re.sub(r"[^A-Za-z0-9._-]+", "-", batch).strip(".-") or new_id()
        folder = self.root / FOLDER / "held-batches" / table / label
        folder.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(folder / "rows.parquet")
        self.put(
            f"held-batches/{table}/{label}/check.json",
            Check(table, datetime.now(UTC), rows.height, findings, batch, str(folder)),
        )
        return str(folder)

    def last_check(self, table: str) -> Check | None:
        """Return the last check of rows for a table."""
        return self._get(f"checks/{table}.json", Check)

    def held_batches(self, table: str) -> list[Check]:
        """Return the batches that were refused, newest first."""
        folder = self.root / FOLDER / "held-batches" / table
        found = [
            msgspec.json.decode(p.read_bytes(), type=Check) for p in folder.glob("*/check.json")
        ]
        return sorted(found, key=lambda c: c.at, reverse=True)

    def held_versions(self, table: str) -> set[int]:
        """Return the versions that live snapshot records name."""
        from dovetail.data.snapshots import Snapshot

        return {
            record.version
            for record in self.all("snapshots", Snapshot)
            if record.table == table and not self.is_released(record.id)
        }

    def is_released(self, snapshot: str) -> bool:
        """Whether a snapshot record is no longer held."""
        return (self.root / FOLDER / "released" / f"{snapshot}.json").exists()

    def all(self, folder: str, kind: type[S]) -> list[S]:
        """Return every record in a folder, by name."""
        paths = sorted((self.root / FOLDER / folder).glob("*.json"))
        return [msgspec.json.decode(path.read_bytes(), type=kind) for path in paths]

    def put(self, path: str, record: msgspec.Struct) -> None:
        """Keep a record, durably."""
        self.store.put(path, [msgspec.json.format(msgspec.json.encode(record), indent=2)])

    def _get(self, path: str, kind: type[S]) -> S | None:
        file = self.root / FOLDER / path
        return msgspec.json.decode(file.read_bytes(), type=kind) if file.exists() else None
