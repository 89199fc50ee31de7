"""Pictures of a table as vectors beside them: bytes, `data:` URLs, or what a reader makes of names.

Names are read beside the table only, whatever it says; those of a project, at its server only.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dovetail.base.extras import require
from dovetail.labels.learning.pictures import SIZE, picture_rows
from dovetail.labels.learning.reading import Reader

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Read", "beside", "with_pictures"]

Read = Callable[[str], bytes | None]

_ENDS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
_CHUNK = 5_000
_LOOKED_AT = 200
_READABLE = 0.5  # share of pictures below which a column is taken for something else


def with_pictures(table: "pl.DataFrame", read: Read) -> "pl.DataFrame":
    """Add a column of features for each column of pictures; without any the table is as it was.

    Args:
        table: The rows.
        read: Gives the bytes of a picture by its name, None where there is none.

    Raises:
        MissingExtraError: there are pictures, and Pillow is not installed.
    """
    polars = require("polars", extra="labels", feature="audits")
    found = {}
    for name in table.columns:
        reader = _reader(table[name], read)
        if reader is None:
            continue
        vectors = [
            picture_rows(_addresses(table[name].slice(at, _CHUNK), at), reader)
            for at in range(0, table.height, _CHUNK)
        ]
        block = np.concatenate(vectors)
        there = np.isfinite(block).all(1)
        if there.mean() < _READABLE:
            continue
        kept = polars.Series(np.nan_to_num(block), dtype=polars.Array(polars.Float32, SIZE))
        found[f"{name}: picture"] = kept.zip_with(polars.Series(there), kept.clear(len(kept)))
    return table.with_columns(**found) if found else table


def _addresses(values: "pl.Series", start: int) -> list[Any]:
    """What names each picture: its text, or its row where it is bytes."""
    if str(values.dtype) == "Binary":
        return [str(start + row) for row in range(len(values))]
    return values.to_list()


def _reader(values: "pl.Series", read: Read) -> Reader | None:
    """What gives the bytes of a column's pictures; None where it holds none."""
    if str(values.dtype) == "Binary":
        return Reader(lambda row: values[int(row)])
    if str(values.dtype) != "String":
        return None
    some = values.drop_nulls().head(_LOOKED_AT).to_list()
    if some and all(text.startswith("data:image/") for text in some):
        return Reader()
    named = [text for text in some if text.lower().endswith(_ENDS)]
    if not named or len(named) < len(some) or read(named[0]) is None:
        return None
    return Reader(read)


def beside(folder: Path) -> Read:
    """Read names as files inside a folder."""

    def read(name: str) -> bytes | None:
        path = _file(folder, name)
        return path.read_bytes() if path else None

    return read


def _file(folder: Path, name: str) -> Path | None:
    """A file inside the folder; None for one that is elsewhere or not there."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None
