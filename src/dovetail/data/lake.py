"""A folder of versioned tables, and everything that is kept beside them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dovetail.data.align import as_frame
from dovetail.data.checks import Finding, check
from dovetail.data.errors import TableNameError
from dovetail.data.infer import infer
from dovetail.data.records import FOLDER, Records
from dovetail.data.schema import Schema
from dovetail.data.snapshots import Snapshot, Snapshots, Verdict
from dovetail.data.table import Rows, Table

if TYPE_CHECKING:
    import polars as pl

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Lake:
    """Versioned tables below one folder.

    Args:
        root: The folder; made by the first write.

    Examples:
        >>> import polars as pl, tempfile
        >>> lake = Lake(tempfile.mkdtemp())
        >>> lake.table("planes").append(pl.DataFrame({"tailnum": ["N1"]}), batch="first").version
        0
        >>> lake.table("planes").append(pl.DataFrame({"tailnum": ["N1"]}), batch="first").repeated
        True
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.records = Records(self.root)
        self.snapshots = Snapshots(self.records)
        self._tables: dict[str, Table] = {}

    def table(self, name: str) -> Table:
        """Return a table, which may not exist yet.

        Raises:
            TableNameError: The name cannot be a folder of its own.
        """
        if NAME.fullmatch(name) is None:
            raise TableNameError(
                f"{name!r} cannot be a table", fix="Use letters, digits, dots, dashes, underscores"
            )
        return self._tables.setdefault(name, Table(name, self.root / name, self.records))

    def tables(self) -> list[Table]:
        """Return the tables that exist, by name."""
        if not self.root.is_dir():
            return []
        names = sorted(
            p.name for p in self.root.iterdir() if p.name != FOLDER and NAME.fullmatch(p.name)
        )
        return [table for table in map(self.table, names) if table.exists]

    def declare(self, table: str, schema: Schema) -> None:
        """Check later rows of a table with a schema; the table need not exist yet."""
        self.records.declare(self.table(table).name, schema)

    def infer(self, table: str, *, keys: Sequence[Sequence[str]] = ()) -> Schema:
        """Return a schema made from the rows of a table; `declare` puts it in force."""
        return infer(self.table(table).read(), keys=keys)

    def check(self, table: str, rows: Rows | None = None) -> list[Finding]:
        """Check rows, or all rows of the table, with the table's schema.

        Returns:
            What is wrong; empty when all is well or no schema was declared.
        """
        schema = self.records.schema(self.table(table).name)
        if schema is None:
            return []
        return check(self.table(table).read() if rows is None else as_frame(rows), schema)

    def snapshot(
        self, table: str, *, version: int | None = None, query: str = "", purpose: str = ""
    ) -> Snapshot:
        """Record and hold the files of a version; see `Snapshot`."""
        return self.snapshots.take(self.table(table), version=version, query=query, purpose=purpose)

    def verify(self, snapshot: str | Snapshot) -> Verdict:
        """Hash the files of a snapshot again and compare them with the record."""
        record = self.snapshots.get(snapshot) if isinstance(snapshot, str) else snapshot
        return self.snapshots.verify(record, self.table(record.table))

    def read_snapshot(self, snapshot: str | Snapshot) -> "pl.DataFrame":
        """Read exactly the rows of a snapshot, whatever became of the table."""
        record = self.snapshots.get(snapshot) if isinstance(snapshot, str) else snapshot
        return self.snapshots.read(record, self.table(record.table))
