"""One versioned table: rows go in whole or not at all, once a batch, and no version is lost.

The table is an ordinary Delta Lake table in a folder, which Spark, DuckDB or polars read
without us. Beside what delta-rs does this file sees to three things: a batch that is sent
again changes nothing, rows are checked before they are written, and columns do not change
unless that is asked for.
"""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dovetail.base.extras import require
from dovetail.data.align import aligned, as_frame, storable
from dovetail.data.errors import TableNotFoundError
from dovetail.data.merge import check_keys, merge
from dovetail.data.records import Records

if TYPE_CHECKING:
    import polars as pl

Rows = Any
FOREVER = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
WHY = "versioned tables"
ATTEMPTS = 12


class Commit(msgspec.Struct, frozen=True):
    """What a write did.

    Attributes:
        table: The table.
        version: Its version after the write.
        rows: Rows that were written; 0 for a repeat.
        repeated: Whether the batch was there already, so that nothing was written.
    """

    table: str
    version: int
    rows: int
    repeated: bool = False


class Version(msgspec.Struct, frozen=True):
    """One version of a table."""

    version: int
    at: datetime
    operation: str
    rows: int | None
    batch: str | None


@dataclass(frozen=True)
class Table:
    """A versioned table.

    Attributes:
        name: Its name.
        path: Its folder.
        records: Where its schema, checks and held batches are kept.
    """

    name: str
    path: Path
    records: Records
    _lock: Any = field(default_factory=threading.Lock, repr=False, compare=False)
    _kept: list[Any] = field(default_factory=list, repr=False, compare=False)

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return bool(_deltalake().DeltaTable.is_deltatable(str(self.path)))

    def append(
        self, rows: Rows, *, batch: str | tuple[str, int] | None = None, evolve: bool = False
    ) -> Commit:
        """Add rows; the table is made by the first ones.

        Args:
            rows: A polars frame, an Arrow table, or anything that speaks Arrow's C stream.
            batch: Identifies the rows. A name counts once. A pair of a stream and a number
                counts when the number is greater than the stream's last one.
            evolve: Whether new columns may be added.

        Returns:
            The version, and whether the batch had been written before.

        Raises:
            RejectedError: The rows fail the table's schema; they are held, not written.
            SchemaChangeError: Columns or types differ from the table's.
        """
        return self._write(as_frame(rows), "append", batch, evolve)

    def overwrite(
        self, rows: Rows, *, batch: str | tuple[str, int] | None = None, evolve: bool = False
    ) -> Commit:
        """Replace the rows; earlier versions stay readable. See `append`."""
        return self._write(as_frame(rows), "overwrite", batch, evolve)

    def upsert(
        self,
        rows: Rows,
        keys: Sequence[str],
        *,
        batch: str | tuple[str, int] | None = None,
    ) -> Commit:
        """Replace the rows whose keys are there and add the others, in one version.

        Args:
            rows: Each key at most once. See `append`.
            keys: Columns that identify a row.
            batch: Identifies the rows. See `append`.

        Raises:
            InvalidInputError: A key is null or occurs twice.
        """
        frame = as_frame(rows)
        check_keys(self.name, frame, keys)
        return self._write(frame, "upsert", batch, False, keys)

    def _write(
        self,
        rows: "pl.DataFrame",
        mode: str,
        batch: str | tuple[str, int] | None,
        evolve: bool,
        keys: Sequence[str] = (),
    ) -> Commit:
        stamp = _transaction(batch)
        rows = storable(rows)
        for attempt in range(ATTEMPTS):
            with self._lock:
                held = self._writer()
                if held is not None and _is_written(held, stamp):
                    return Commit(self.name, held.version(), 0, repeated=True)
                if held is not None and not (evolve and mode == "overwrite"):
                    rows = aligned(self.name, rows, self._schema(held), evolve)
                if attempt == 0:
                    self.records.admit(self.name, rows, batch)
                try:
                    self._commit(held, rows, mode, stamp, evolve, keys)
                except _deltalake().exceptions.CommitFailedError:
                    if attempt == ATTEMPTS - 1:
                        raise
                else:
                    written = self._writer()
                    assert written is not None
                    return Commit(self.name, written.version(), rows.height)
            time.sleep(random.uniform(0, 0.02 * (attempt + 1)))
        raise AssertionError("unreachable")

    def _commit(
        self,
        held: Any,
        rows: "pl.DataFrame",
        mode: str,
        stamp: tuple[str, int],
        evolve: bool,
        keys: Sequence[str],
    ) -> None:
        deltalake = _deltalake()
        app, number = stamp
        facts = {"dovetail.rows": str(rows.height), **({"dovetail.batch": app} if app else {})}
        properties = deltalake.CommitProperties(
            custom_metadata=facts,
            app_transactions=[deltalake.Transaction(app, number)] if app else [],
        )
        if mode == "upsert" and held is not None:
            return merge(held, rows, keys, properties)
        mode = "append" if mode == "upsert" else mode
        deltalake.write_deltalake(
            held if held is not None else str(self.path),
            rows,
            mode=mode,
            name=self.name if held is None else None,
            configuration=FOREVER if held is None else None,
            schema_mode=("merge" if mode == "append" else "overwrite") if evolve else None,
            commit_properties=properties,
        )

    def _writer(self) -> Any:
        """Return the newest version, kept open between writes; None before the first."""
        deltalake = _deltalake()
        if not (self.path / "_delta_log").is_dir():
            self._kept.clear()
            return None
        if self._kept:
            self._kept[0].update_incremental()
        elif self.exists:
            self._kept.append(deltalake.DeltaTable(str(self.path)))
        return self._kept[0] if self._kept else None

    def last(self, stream: str) -> int | None:
        """Return the number of the last batch of a stream; None before the first.

        Raises:
            TableNotFoundError: There is no such table.
        """
        number = self._open().transaction_version(_transaction((stream, 0))[0])
        return None if number is None else int(number)

    def read(
        self,
        *,
        version: int | None = None,
        at: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pl.DataFrame":
        """Read the rows of a version, by number or as of a time; the newest by default.

        The order of rows is that of the files and not part of the promise; sort them.

        Raises:
            TableNotFoundError: There is no such table or version.
        """
        require("polars", extra="data", feature=WHY)
        import polars as pl

        table = self._open(version if at is None else at)
        return pl.read_delta(table, columns=list(columns) if columns else None)

    def versions(self) -> list[Version]:
        """Return the versions, newest first."""
        return [
            Version(
                version=entry["version"],
                at=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                operation=entry.get("operation", ""),
                rows=_number(entry.get("dovetail.rows")),
                batch=entry.get("dovetail.batch"),
            )
            for entry in self._open().history()
        ]

    @property
    def version(self) -> int:
        """The newest version."""
        return int(self._open().version())

    def columns(self) -> dict[str, str]:
        """Return the type of each column."""
        return {name: str(kind) for name, kind in self._schema(self._open()).items()}

    def files(self, version: int | None = None) -> list[tuple[str, int, int]]:
        """Return path, rows and bytes of the files of a version, sorted by path."""
        import polars as pl

        actions = self._open(version).get_add_actions(flatten=True)
        wanted = pl.DataFrame(actions.select(["path", "num_records", "size_bytes"]))
        return sorted((path, rows or 0, size) for path, rows, size in wanted.iter_rows())

    def vacuum(self, *, dry_run: bool = False) -> list[str]:
        """Delete files that neither the newest version nor a snapshot needs.

        Returns:
            The files that were, or would be, deleted.
        """
        kept = sorted({*self.records.held_versions(self.name), self.version})
        there = {path.name for path in self.path.glob("**/*.parquet")}
        listed = self._open().vacuum(
            retention_hours=0,
            dry_run=dry_run,
            enforce_retention_duration=False,
            keep_versions=kept,
        )
        return sorted(there & {Path(path).name for path in listed})

    def _open(self, version: int | datetime | None = None) -> Any:
        deltalake = _deltalake()
        try:
            table = deltalake.DeltaTable(
                str(self.path), version=version if isinstance(version, int) else None
            )
            if isinstance(version, datetime):
                table.load_as_version(version)
        except deltalake.exceptions.TableNotFoundError as error:
            raise TableNotFoundError(
                f"There is no table {self.name!r}", fix="See: dovetail data list"
            ) from error
        except deltalake.exceptions.DeltaError as error:
            raise TableNotFoundError(
                f"Table {self.name!r} has no version {version}", why=str(error).splitlines()[0]
            ) from error
        return table

    @staticmethod
    def _schema(table: Any) -> "dict[str, pl.DataType]":
        import polars as pl

        return dict(pl.scan_delta(table).collect_schema())


def _transaction(batch: str | tuple[str, int] | None) -> tuple[str, int]:
    if batch is None:
        return "", 0
    return (f"batch/{batch}", 1) if isinstance(batch, str) else (f"stream/{batch[0]}", batch[1])


def _is_written(held: Any, stamp: tuple[str, int]) -> bool:
    app, number = stamp
    last = held.transaction_version(app) if app else None
    return last is not None and last >= number


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None


def _deltalake() -> Any:
    return require("deltalake", extra="data", feature=WHY)
