"""Snapshot records: exactly which rows a model was trained on, for as long as it matters.

A version number does not answer that, because a retention job may delete the version. A
record names each file with its digest; the files are held as copies, so no act on the
table loses them; and `verify` hashes them again. The record's own digest goes into the
model's metadata, so a record that was changed is found too.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from dovetail.base.extras import require
from dovetail.base.ids import new_id
from dovetail.data.errors import SnapshotDamagedError, SnapshotNotFoundError
from dovetail.data.records import FOLDER, Records
from dovetail.data.table import Table

if TYPE_CHECKING:
    import polars as pl

THREADS = 8


class SnapshotFile(msgspec.Struct, frozen=True):
    """One data file of a snapshot.

    Attributes:
        path: Relative to the table's folder.
        sha256: Digest of its bytes, in hex.
        rows: How many rows it holds.
        bytes: Its size.
    """

    path: str
    sha256: str
    rows: int
    bytes: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows were used.

    Attributes:
        id: Names the record.
        table: The table.
        version: Its version.
        at: When the record was made.
        files: The data files, sorted by path.
        rows: Rows in all files.
        bytes: Bytes of all files.
        query: What was taken of the rows and in which order, in words or as a query.
        purpose: What for, for example the run that trained on them.
        digest: SHA-256 of the record without this field.
    """

    id: str
    table: str
    version: int
    at: datetime
    files: tuple[SnapshotFile, ...]
    rows: int
    bytes: int
    query: str = ""
    purpose: str = ""
    digest: str = ""

    def computed_digest(self) -> str:
        """Return the digest that the record should have."""
        blank = msgspec.structs.replace(self, digest="")
        return hashlib.sha256(msgspec.json.encode(blank, order="sorted")).hexdigest()


class Damage(msgspec.Struct, frozen=True):
    """A file, or the record itself, that is not as it was recorded.

    Attributes:
        what: The path of the file, or `record`.
        where: In the table, in the held copy, or in the record.
        text: What is wrong.
    """

    what: str
    where: Literal["table", "copy", "record"]
    text: str


class Verdict(msgspec.Struct, frozen=True):
    """The outcome of a verification.

    Attributes:
        snapshot: The record's id.
        is_intact: Whether the rows can still be read as they were, from table or copy.
        damages: Everything that is not as it was recorded.
    """

    snapshot: str
    is_intact: bool
    damages: tuple[Damage, ...]


class Snapshots:
    """The snapshot records of a lake.

    Args:
        records: Where they are kept.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._copies = records.root / FOLDER / "held-files"

    def take(
        self, table: Table, *, version: int | None = None, query: str = "", purpose: str = ""
    ) -> Snapshot:
        """Record the files of a version, hold copies of them, and return the record."""
        number = table.version if version is None else version

        files = [
            SnapshotFile(path, _digest(table.path / path), rows, size)
            for path, rows, size in table.files(number)
        ]
        self._hold(table.path, files)
        record = Snapshot(
            id=new_id(),
            table=table.name,
            version=number,
            at=datetime.now(UTC),
            files=tuple(files),
            rows=sum(f.rows for f in files),
            bytes=sum(f.bytes for f in files),
            query=query,
            purpose=purpose,
        )
        record = msgspec.structs.replace(record, digest=record.computed_digest())
        self._records.put(f"snapshots/{record.id}.json", record)
        return record

    def get(self, snapshot: str) -> Snapshot:
        """Return a record by its id or by the beginning of it.

        Raises:
            SnapshotNotFoundError: There is none, or more than one.
        """
        found = [s for s in self.all() if s.id.startswith(snapshot)]
        if len(found) != 1 or not snapshot:
            raise SnapshotNotFoundError(
                f"There {'are several snapshots' if found else 'is no snapshot'} {snapshot!r}",
                fix="See: dovetail data list --snapshots",
            )
        return found[0]

    def all(self) -> list[Snapshot]:
        """Return all records, newest last."""
        return sorted(self._records.all("snapshots", Snapshot), key=lambda s: s.at)

    def verify(self, record: Snapshot, table: Table) -> Verdict:
        """Hash the files again, in the table and in the held copies, and compare."""
        damages = []
        if record.computed_digest() != record.digest:
            damages.append(Damage("record", "record", "the record was changed"))
        is_intact = not damages
        for file in record.files:
            in_table = _compare(table.path / file.path, file)
            in_copy = _compare(self._held(file.sha256), file)
            damages += [Damage(file.path, "table", in_table)] if in_table else []
            damages += [Damage(file.path, "copy", in_copy)] if in_copy else []
            is_intact = is_intact and not (in_table and in_copy)
        return Verdict(record.id, is_intact, tuple(damages))

    def read(self, record: Snapshot, table: Table) -> "pl.DataFrame":
        """Read exactly the rows of a record, whatever became of the table.

        Raises:
            SnapshotDamagedError: A file is gone or changed, and so is its copy.
        """
        require("polars", extra="data", feature="reading snapshots")
        import polars as pl

        frames = [pl.read_parquet(self._sound(table, record, file)) for file in record.files]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

    def release(self, record: Snapshot, *, reason: str) -> None:
        """Stop holding a record's files; the record itself stays."""
        self._records.put(
            f"released/{record.id}.json", Released(record.id, datetime.now(UTC), reason)
        )
        needed = {
            f.sha256 for s in self.all() if not self._records.is_released(s.id) for f in s.files
        }
        for file in record.files:
            if file.sha256 not in needed:
                self._held(file.sha256).unlink(missing_ok=True)

    def _sound(self, table: Table, record: Snapshot, file: SnapshotFile) -> Path:
        for path in (table.path / file.path, self._held(file.sha256)):
            if not _compare(path, file):
                return path
        raise SnapshotDamagedError(
            f"File {file.path!r} of snapshot {record.id} is lost",
            why="Neither the table nor the held copy has the bytes that were recorded",
            fix="Restore the lake from a backup",
        )

    def _held(self, digest: str) -> Path:
        return self._copies / f"{digest}.parquet"

    def _hold(self, folder: Path, files: Sequence[SnapshotFile]) -> None:
        """Copy files that are not held yet; all are written before the first is synced."""
        self._copies.mkdir(parents=True, exist_ok=True)
        parts: list[tuple[Path, Path]] = []
        for file in files:
            target = self._held(file.sha256)
            if not target.exists():
                part = target.with_suffix(f".{new_id()}")
                shutil.copyfile(folder / file.path, part)
                parts.append((part, target))
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(_sync, [part for part, _ in parts]))
        for part, target in parts:
            part.replace(target)
        _sync(self._copies)


class Released(msgspec.Struct, frozen=True):
    """That a snapshot is no longer held, and why."""

    snapshot: str
    at: datetime
    reason: str


def _compare(path: Path, file: SnapshotFile) -> str:
    """Return what is wrong with a file, or nothing."""
    if not path.exists():
        return "the file is gone"
    return "" if _digest(path) == file.sha256 else "the bytes were changed"


def _sync(path: Path) -> None:
    """Make a file or folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def live(records: Iterable[Snapshot], store: Records) -> list[Snapshot]:
    """Return the records that are still held."""
    return [r for r in records if not store.is_released(r.id)]
