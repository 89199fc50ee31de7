"""The file that says which tables to read, and which of their columns is what."""

import tomllib
from pathlib import Path

import msgspec

from dovetail.monitoring.errors import TablesInvalidError

__all__ = ["Table", "load_tables"]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of predictions, of outcomes, or of both; one row is one prediction.

    Attributes:
        model: The model that it is about.
        url: A Parquet file or a folder of them, `delta+` and the place of a Delta table, or the
            URL of a database.
        table: The table in the database, with its schema before a dot where it needs one.
        id: The column that identifies a prediction; outcomes are joined by it.
        time: The column of when it was made; not needed for outcomes alone.
        scores: The column of the score, or one for each class; none for outcomes alone.
        label: The column of what came true, "" for none; empty cells are not known yet.
        version: The column of the model's version.
        version_name: The version, where no column says it.
        features: The columns of features; where nothing is given, all that are nothing else.
        changed: Of a database, the column that rises when a row is added or changed; `time` where
            nothing is given, which does not see labels that are filled in later.
        lag_seconds: Of a database, how much of it is read again each time, for rows that a slow
            transaction makes visible late. Each row counts once all the same.
    """

    model: str
    url: str
    table: str = ""
    id: str
    time: str = ""
    scores: list[str] = []
    label: str = ""
    version: str = ""
    version_name: str = ""
    features: list[str] | None = None
    changed: str = ""
    lag_seconds: float = 300.0

    @property
    def is_database(self) -> bool:
        """Whether it is read with SQL."""
        return self.url.startswith(("postgresql:", "postgresql+", "sqlite:", "mysql", "mssql"))

    @property
    def name(self) -> str:
        """What it is called in logs and metrics; its URL may hold a password."""
        return f"{self.model}: {self.table}" if self.is_database else f"{self.model}: {self.url}"

    @property
    def named(self) -> list[str]:
        """The columns that are named and are no features."""
        some = [self.id, self.time, *self.scores, self.label, self.version, self.changed]
        return [name for name in some if name]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tables: list[Table]


def load_tables(path: Path) -> list[Table]:
    """Read and check a file of tables.

    Raises:
        TablesInvalidError: It cannot be read, or says something that cannot be meant.
    """
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise TablesInvalidError(path, "cannot be read", error.strerror or str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TablesInvalidError(path, "is not TOML", str(error)) from error
    except msgspec.ValidationError as error:
        raise TablesInvalidError(path, "does not say which tables to read", str(error)) from error
    for place, one in enumerate(found.tables, 1):
        for wrong, why in (
            (not one.model or not one.id or not one.url, "model, url and id must not be empty"),
            (not one.scores and not one.label, "it names neither scores nor a label"),
            (bool(one.scores) and not one.time, "predictions need the column time"),
            (one.is_database and not one.table, "a database needs table"),
            (one.is_database and not (one.changed or one.time), "a database needs changed or time"),
            (len(one.scores) == _TWO, "of two classes give the score of the second"),
            (one.lag_seconds < 0, "lag_seconds is negative"),
        ):
            if wrong:
                raise TablesInvalidError(path, f"table {place} ('{one.model}'): {why}")
    return found.tables


_TWO = 2
