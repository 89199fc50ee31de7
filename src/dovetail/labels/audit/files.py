"""A data set from a file, whole: Parquet, CSV, TSV or JSON lines, with the types that it has."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_table"]

_KINDS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson")


def read_table(path: Path, as_text: Sequence[str]) -> "pl.DataFrame":
    """Read all of a file.

    Args:
        path: The file; its ending tells what it is.
        as_text: Columns whose values are names, such as labels: "007" stays that.

    Raises:
        InvalidInputError: the file is of no known kind, cannot be read, or lacks a column.
    """
    polars = require("polars", extra="labels", feature="reading tables of labels")
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise InvalidInputError(
            f"'{path}' is no table of a known kind",
            fix=f"name a file that ends in one of: {', '.join(_KINDS)}",
        )
    try:
        table: pl.DataFrame = _read(polars, path, kind, as_text)
    except (polars.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        why = (str(error).splitlines() or [""])[0]
        raise InvalidInputError(f"'{path}' cannot be read", why=why) from error
    lacking = [name for name in as_text if name not in table.columns]
    if lacking:
        raise InvalidInputError(
            f"'{path}' has no column {lacking[0]!r}", why=f"it has: {', '.join(table.columns[:20])}"
        )
    return table


def _read(polars: Any, path: Path, kind: str, as_text: Sequence[str]) -> "pl.DataFrame":
    if kind == ".parquet":
        found: pl.DataFrame = polars.read_parquet(path)
    elif kind in (".csv", ".tsv"):
        apart = "\t" if kind == ".tsv" else ","
        texts = dict.fromkeys(as_text, polars.String)
        known = polars.scan_csv(path, separator=apart).collect_schema().names()
        found = polars.read_csv(
            path,
            separator=apart,
            schema_overrides={name: texts[name] for name in as_text if name in known},
            infer_schema_length=None,
        )
    else:
        found = polars.read_ndjson(path, infer_schema_length=None)
    return found
