"""Tables of sources piece by piece, so that bringing them online needs little memory.

Serves `materialize` and `registry`; training reads whole tables through `frames`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from dovetail.base.extras import require
from dovetail.features.errors import RowsError, SourceNotFoundError
from dovetail.features.frames import WHY, Tables
from dovetail.features.sources import CsvSource, DeltaSource, ParquetSource, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

__all__ = ["mark", "read_file", "scan", "slices"]


def scan(source: Source, root: Path) -> "pl.LazyFrame":
    """Return the table behind a source, unread where its kind allows.

    Raises:
        SourceNotFoundError: There is no table behind the source, or it cannot be read.
    """
    pl = require("polars", extra="features", feature=WHY)
    at, lazy = str(root / source.path), pl.LazyFrame()
    try:
        if source.path and type(source) is ParquetSource:
            lazy = pl.scan_parquet(at)
        elif source.path and type(source) is DeltaSource:
            require("deltalake", extra="features", feature=WHY)
            lazy = pl.scan_delta(at)
        elif source.path and type(source) is CsvSource:
            lazy = pl.scan_csv(at)
        else:
            lazy = Tables(root).read(source).lazy()
        lazy.collect_schema()
    except Exception as error:
        known = {"TableNotFoundError", "DeltaError"}
        if isinstance(error, OSError | pl.exceptions.PolarsError) or type(error).__name__ in known:
            raise SourceNotFoundError(
                f"The table {at!r} of source {source.name!r} cannot be read",
                why=str(error).splitlines()[0] if str(error) else type(error).__name__,
                fix="Check the path and the root of the definitions",
            ) from error
        raise
    return lazy  # type: ignore[no-any-return]


def slices(table: "pl.LazyFrame", start: int, rows: int) -> "Iterator[tuple[int, pl.DataFrame]]":
    """Walk a table from a row on.

    Args:
        table: The table.
        start: The first row that is wanted.
        rows: How many at a time.

    Yields:
        The position after a piece, and the piece.
    """
    while True:
        piece = table.slice(start, rows).collect()
        if not piece.height:
            return
        start += piece.height
        yield start, piece
        if piece.height < rows:
            return


def mark(source: Source, root: Path) -> str:
    """Return what changes whenever the table behind a source does; empty where nothing tells."""
    at = root / source.path
    if isinstance(source, DeltaSource) and source.path:
        deltalake = require("deltalake", extra="features", feature=WHY)
        return f"v{deltalake.DeltaTable(str(at)).version()}"
    if not isinstance(source, ParquetSource | CsvSource) or not source.path:
        return ""
    files = [at] if at.is_file() else sorted(root.glob(source.path)) if not at.is_absolute() else []
    states = [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    return ",".join(f"{time}:{size}" for time, size in states)


def read_file(file: Path) -> "pl.DataFrame":
    """Read a file that a person named: CSV by its ending, else Parquet.

    Raises:
        RowsError: There is no such file, or it cannot be read.
    """
    pl = require("polars", extra="features", feature="reading tables")
    if not file.is_file():
        raise RowsError(f"There is no file {file}")
    read = pl.read_csv if file.suffix == ".csv" else pl.read_parquet
    try:
        return read(file)  # type: ignore[no-any-return]
    except pl.exceptions.PolarsError as error:
        raise RowsError(
            f"{str(file)!r} cannot be read",
            why=str(error).strip().partition("\n")[0],
            fix="give a Parquet file, or CSV with the ending .csv",
        ) from error
