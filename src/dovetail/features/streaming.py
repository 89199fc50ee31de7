"""Training sets that are larger than memory: files of questions joined piece by piece.

The tables of the sources are read and prepared once, those of their columns and rows that any
question can need; then questions stream through, from a file into a file. What is written is what
`training_set` returns, row for row.
"""

import errno
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dovetail.base.extras import require
from dovetail.features.catalog import Definitions
from dovetail.features.errors import RowsError
from dovetail.features.frames import Tables
from dovetail.features.joining import Joiner, named
from dovetail.features.moments import column_us
from dovetail.features.training import chosen
from dovetail.features.views import FeatureService

if TYPE_CHECKING:
    import polars as pl

__all__ = ["write_training_set"]

ROWS = 500_000


def write_training_set(
    questions: str | Path,
    service: str | FeatureService | Sequence[str],
    definitions: Definitions,
    out: str | Path,
    *,
    asked: str = "asked_at",
    full_feature_names: bool = False,
    frames: "Mapping[str, pl.DataFrame] | None" = None,
    versions: Mapping[str, int] | None = None,
    engine: str = "polars",
    rows: int = ROWS,
) -> tuple[int, int]:
    """Write a training set to a Parquet file, in memory that does not grow with the questions.

    The file appears when it is complete; an error or a kill leaves what was there before.

    Args:
        questions: Parquet file of questions, or CSV with the ending `.csv`; see `training_set`.
        service: A feature service, its name, or Feast's references (`"view:feature"`).
        definitions: Where the views and services are defined.
        out: Parquet file to write.
        asked: Column that tells when a question was asked.
        full_feature_names: Name features `view__feature`, as Feast does.
        frames: Frames to use in place of the tables of the sources they name.
        versions: Version to read of a Delta source, by its name.
        engine: `polars`, or `duckdb`, which gives the same.
        rows: How many questions are joined at a time.

    Returns:
        How many rows and how many columns were written.

    Raises:
        RowsError: The questions cannot be read, or do not fit the sources.
        DefinitionError: Two features, or a feature and a column, would have one name.
    """
    pl = require("polars", extra="features", feature="building training sets")
    parquet = require("pyarrow.parquet", extra="features", feature="writing training sets")
    asking, out = Path(questions), Path(out)
    if out.is_dir() or not out.parent.is_dir():
        raise RowsError(
            f"{str(out)!r} cannot be written", fix="Name a file in a folder that exists"
        )
    with _readable(asking):
        table = _scanned(asking)
        schema = table.collect_schema()
    selections = chosen(service, definitions)
    names = named(selections, schema.names(), asked, full_feature_names)
    at = column_us(schema, asked)
    with _readable(asking):
        span = table.select(first=at.min(), last=at.max()).collect(engine="streaming").row(0)
    tables = Tables(definitions.root, frames or {}, versions or {}, *span)
    joiner = Joiner.of(selections, names, asked, tables, engine)
    del tables  # what it read is prepared, and large
    first = joiner.join(pl.DataFrame(schema=schema)).to_arrow().schema
    height = 0
    with _appearing(out) as part, parquet.ParquetWriter(part, first, compression="zstd") as file:
        for piece in _pieces(asking, table, rows):
            file.write_table(joiner.join(piece).to_arrow().cast(first))
            height += piece.height
    return height, len(first.names)


def _scanned(file: Path) -> "pl.LazyFrame":
    import polars as pl

    if not file.is_file():
        raise RowsError(f"There is no file {file}")
    return pl.scan_csv(file) if file.suffix == ".csv" else pl.scan_parquet(file)


def _pieces(file: Path, table: "pl.LazyFrame", rows: int) -> "Iterator[pl.DataFrame]":
    """Walk a table in its order."""
    pieces = table.collect_batches(chunk_size=rows, maintain_order=True)
    while True:
        with _readable(file):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    import polars as pl

    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RowsError(
            f"{str(file)!r} cannot be read",
            why=str(error).strip().partition("\n")[0],
            fix="Give a Parquet file, or CSV with the ending .csv",
        ) from error


@contextmanager
def _appearing(out: Path) -> "Iterator[IO[bytes]]":
    """Give a file to write to that takes the place of another when it is complete.

    Until then it has no name where the file system allows it, so that a kill leaves nothing.
    """
    part = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with _nameless(out.parent) or part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if not part.exists():
                folder = os.open(out.parent, os.O_RDONLY)
                try:  # with a folder, as only then the link of the kernel is followed
                    os.link(f"/proc/self/fd/{file.fileno()}", part, src_dir_fd=folder)
                finally:
                    os.close(folder)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _nameless(folder: Path) -> "IO[bytes] | None":
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "wb")
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            return None
        raise
