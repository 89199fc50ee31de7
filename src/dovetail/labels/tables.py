"""Answers from files and posteriors into files: CSV and Parquet, by polars."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.labels.combining import Combined

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_out", "column_names", "read_columns", "read_predictions", "write_posteriors"]

_KINDS = (".parquet", ".csv")


def read_columns(path: Path, names: Sequence[str]) -> "pl.DataFrame":
    """Read some columns; those of CSV are texts as they stand, an empty one is missing.

    Raises:
        InvalidInputError: the file is neither CSV nor Parquet, cannot be read, or lacks a column.
    """
    polars = require("polars", extra="labels", feature="reading tables of labels")
    _kind(path)
    try:
        if path.suffix.lower() == ".csv":
            scan = polars.scan_csv(path, infer_schema=False)
        else:
            scan = polars.scan_parquet(path)
        known = scan.collect_schema().names()
        lacking = [name for name in names if name not in known]
        if lacking:
            raise InvalidInputError(
                f"'{path}' has no column {lacking[0]!r}", why=f"it has: {', '.join(known[:20])}"
            )
        found: pl.DataFrame = scan.select(names).collect()
    except (polars.exceptions.PolarsError, OSError) as error:
        why = str(error).splitlines()[0]
        raise InvalidInputError(f"'{path}' cannot be read", why=why) from error
    return found


def read_predictions(path: Path, item: str) -> tuple[dict[Any, tuple[float, ...]], list[str]]:
    """Read a model's probabilities, a row an item; and the classes, from columns named p_<label>.

    Raises:
        InvalidInputError: the file cannot be read, has fewer than two such columns, or holds
            values in them that are no numbers.
    """
    names = [name for name in column_names(path) if name.startswith("p_") and name != item]
    if len(names) < 2:
        raise InvalidInputError(
            f"'{path}' holds no predictions", fix="name a column p_<label> for each label"
        )
    table = read_columns(path, [item, *names])
    try:
        values = table.select(names).to_numpy().astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"'{path}' holds predictions that are no numbers") from error
    known = dict(zip(table[item].to_list(), map(tuple, values.tolist()), strict=True))
    return known, [name.removeprefix("p_") for name in names]


def column_names(path: Path) -> list[str]:
    """Name the columns of a file.

    Raises:
        InvalidInputError: the file is neither CSV nor Parquet, or cannot be read.
    """
    polars = require("polars", extra="labels", feature="reading tables of labels")
    kind = _kind(path)
    try:
        scan = polars.scan_csv(path) if kind == ".csv" else polars.scan_parquet(path)
        return list(scan.collect_schema().names())
    except (polars.exceptions.PolarsError, OSError) as error:
        why = str(error).splitlines()[0]
        raise InvalidInputError(f"'{path}' cannot be read", why=why) from error


def check_out(path: Path) -> None:
    """Raise InvalidInputError, before any work, for a file that cannot be written."""
    _kind(path)
    if not path.parent.is_dir():
        raise InvalidInputError(f"'{path}' cannot be written", why="its folder does not exist")


def write_posteriors(combined: Combined, item: str, out: Path) -> None:
    """Write a row an item: its label, confidence, number of answers, and p_<label> of each label.

    The file appears whole or not at all.
    """
    polars = require("polars", extra="labels", feature="writing tables of labels")
    votes = combined.votes
    columns: dict[str, Any] = {
        item: list(combined.items),
        "label": combined.labels,
        "confidence": combined.confidence,
        "answers": np.bincount(votes.item, minlength=votes.items),
    }
    for code, name in enumerate(combined.classes):
        columns[f"p_{name}"] = combined.posterior[:, code]
    part = out.with_name(f".{out.name}.part")
    try:
        frame = polars.DataFrame(columns)
        if _kind(out) == ".csv":
            frame.write_csv(part)
        else:
            frame.write_parquet(part)
        part.replace(out)
    except OSError as error:
        raise InvalidInputError(f"'{out}' cannot be written", why=str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise InvalidInputError(
            f"'{path}' is no table of a known kind", fix="name a file that ends in .csv or .parquet"
        )
    return kind
