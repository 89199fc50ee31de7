"""Raw tables: read, and each column looked at once.

Serves `streams`, which decides what a table can tell about a question, and when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dovetail.base.extras import require
from dovetail.features.errors import RowsError
from dovetail.features.sources import CsvSource, DeltaSource, ParquetSource, Source

if TYPE_CHECKING:
    import polars as pl

WHY = "suggesting features"
WORDS_IN_PROSE = 3.0
"""Text of more words than this, on average, is prose; below it is a category."""
_LOOKED_AT = 20_000


@dataclass(frozen=True)
class Table:
    """A raw table.

    Attributes:
        name: Name of the file without its ending.
        path: Where it was read from, as given.
        frame: Its rows; text that holds times has become times.
        kind: Class of the source that reads it again.
    """

    name: str
    path: str
    frame: "pl.DataFrame"
    kind: type[Source]

    @cached_property
    def times(self) -> tuple[str, ...]:
        """Columns of times, in order."""
        return tuple(c for c, kind in self.frame.schema.items() if kind.is_temporal())

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Columns of numbers that vary."""
        return tuple(c for c, kind in self.frame.schema.items() if kind.is_numeric())

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """Columns of true and false."""
        return tuple(c for c, kind in self.frame.schema.items() if str(kind) == "Boolean")

    @cached_property
    def prose(self) -> tuple[str, ...]:
        """Columns of text that people wrote."""
        return tuple(c for c in self._text if self._words(c) > WORDS_IN_PROSE)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Columns of text that names one of several things."""
        return tuple(c for c in self._text if c not in self.prose)

    @cached_property
    def _text(self) -> tuple[str, ...]:
        import polars as pl

        kinds = (pl.String, pl.Categorical, pl.Enum)
        return tuple(c for c, kind in self.frame.schema.items() if kind in kinds)

    def _words(self, column: str) -> float:
        import polars as pl

        text = self.frame[column].head(_LOOKED_AT).cast(pl.String).drop_nulls()
        return float(text.str.count_matches(r"\S+").mean() or 0.0)  # type: ignore[arg-type]

    def is_unique(self, columns: Sequence[str]) -> bool:
        """Say whether no two rows agree in some columns, none of which is null."""
        part = self.frame.select(columns)
        return part.null_count().sum_horizontal().item() == 0 and not bool(
            part.is_duplicated().any()
        )


def read_table(path: str) -> Table:
    """Read a Parquet file, a CSV file or a Delta table.

    Raises:
        RowsError: There is no such table, it cannot be read, or it is empty.
    """
    pl = require("polars", extra="features", feature=WHY)
    at = Path(path)
    if not at.exists():
        raise RowsError(f"There is no table {path}")
    kind, frame = _read(at)
    if not frame.height:
        raise RowsError(f"The table {path} has no rows")
    name = at.name.split(".")[0]
    return Table(name, path, frame.with_columns(_times(frame, pl)), kind)


def _read(at: Path) -> "tuple[type[Source], pl.DataFrame]":
    pl = require("polars", extra="features", feature=WHY)
    try:
        if at.is_dir() and (at / "_delta_log").is_dir():
            require("deltalake", extra="features", feature=WHY)
            return DeltaSource, pl.read_delta(str(at))
        if at.suffix == ".csv":
            return CsvSource, pl.read_csv(at, infer_schema_length=_LOOKED_AT)
        return ParquetSource, pl.read_parquet(at)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise RowsError(
            f"The table {at} cannot be read",
            why=str(error).strip().partition("\n")[0],
            fix="Give a Parquet file, a CSV file with a header, or the folder of a Delta table",
        ) from error


def _times(frame: "pl.DataFrame", pl: Any) -> "list[pl.Series]":
    """Return the columns of text that hold nothing but times, as times in UTC."""
    found = []
    for name, kind in frame.schema.items():
        if kind != pl.String:
            continue
        sample = frame[name].head(_LOOKED_AT).drop_nulls()
        if not len(sample) or not sample.str.contains(r"^\d{4}-\d\d-\d\d").all():
            continue
        try:
            found.append(frame[name].str.to_datetime(time_unit="us", time_zone="UTC"))
        except pl.exceptions.PolarsError:
            continue
    return found
