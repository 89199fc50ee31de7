"""The errors of the data piece.

```
DovetailError
├── InvalidInputError
│   ├── TableNameError        a name that cannot be a table
│   ├── SchemaChangeError     columns or types that differ from the table's
│   └── RejectedError         a batch that failed its checks and is held
├── NotFoundError
│   ├── TableNotFoundError    no such table or version
│   └── SnapshotNotFoundError no such snapshot
└── IntegrityError
    └── SnapshotDamagedError  files are missing or differ from the record
```
"""

from typing import TYPE_CHECKING, ClassVar

from dovetail.base.errors import IntegrityError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dovetail.data.checks import Finding


class TableNameError(InvalidInputError):
    """The name cannot be a table's."""

    code: ClassVar[str] = "table-name"


class SchemaChangeError(InvalidInputError):
    """The rows have other columns or types than the table."""

    code: ClassVar[str] = "schema-change"


class RejectedError(InvalidInputError):
    """A batch failed its checks; nothing of it was written to the table.

    Attributes:
        findings: What was wrong.
        held: Folder in which the batch and the findings are kept.
    """

    code: ClassVar[str] = "batch-rejected"

    def __init__(self, table: str, findings: "Sequence[Finding]", held: str) -> None:
        self.findings, self.held = findings, held
        first = findings[0]
        more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
        super().__init__(
            f"The batch for table {table!r} failed its checks: {first.text}{more}",
            why=f"The batch is held in {held}",
            fix="Correct it and send it again, or change the schema of the table",
        )


class TableNotFoundError(NotFoundError):
    """There is no such table, or no such version of it."""

    code: ClassVar[str] = "table-not-found"


class SnapshotNotFoundError(NotFoundError):
    """There is no snapshot record of this id."""

    code: ClassVar[str] = "snapshot-not-found"


class SnapshotDamagedError(IntegrityError):
    """Neither the table nor the held copy has the files that the record names."""

    code: ClassVar[str] = "snapshot-damaged"
