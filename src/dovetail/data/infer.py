"""Schemas from rows that are known to be good.

Bounds leave room for chance: the share of nulls gets three standard errors, a range half of its
width on each side. What only a sample can tell (ranges, values, distributions) warns and does
not refuse, until a person takes the rule out of `warn_only`.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dovetail.base.extras import require
from dovetail.data.schema import LENIENT, Column, Kind, Schema

if TYPE_CHECKING:
    import polars as pl

ROOM = 0.5
VALUES = 200
MANY_VALUES = 20_000
YEAR = timedelta(days=366)
DECILES = tuple(i / 10 for i in range(1, 10))


def infer(frame: "pl.DataFrame", *, keys: Sequence[Sequence[str]] = ()) -> Schema:
    """Make a schema from rows that are known to be good.

    Args:
        frame: The rows.
        keys: Sets of columns that identify a row; none is guessed.

    Examples:
        >>> import polars as pl
        >>> schema = infer(pl.DataFrame({"origin": ["JFK", "EWR"] * 50}))
        >>> schema.columns[0].values
        ('EWR', 'JFK')
    """
    require("polars", extra="data", feature="inferring schemas")
    return Schema(
        columns=tuple(_column(frame, name) for name in frame.columns),
        keys=tuple(tuple(key) for key in keys),
        warn_only=LENIENT,
        sample_rows=frame.height,
    )


def kind_of(dtype: "pl.DataType") -> Kind:
    """Return the kind of a polars type."""
    import polars as pl

    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "text"
    if isinstance(dtype, pl.Datetime):
        return "time"
    return "date" if dtype == pl.Date else "other"


def _column(frame: "pl.DataFrame", name: str) -> Column:
    values = frame[name]
    kind = kind_of(values.dtype)
    known = values.drop_nulls()
    facts: dict[str, Any] = {
        "null_share": null_bound(values.null_count(), len(values)),
        "varies": known.n_unique() > 1,
    }
    if _identifies(known, kind):
        return Column(name=name, kind=kind, differs=True, **facts)
    if kind in ("integer", "number"):
        numbers = known.cast(float).drop_nans()
        facts |= _range(numbers) if len(numbers) else {}
    elif kind == "text" and len(known):
        facts |= _texts(known)
    elif kind == "time" and len(known):
        facts |= _times(known)
    return Column(name=name, kind=kind, **facts)


def _identifies(known: "pl.Series", kind: Kind) -> bool:
    """Whether a column numbers or names rows, so that the next rows have other values."""
    return kind in ("integer", "text") and len(known) >= 100 and known.n_unique() == len(known)


def null_bound(nulls: int, rows: int) -> float:
    """Return the greatest share of nulls that chance explains in another sample."""
    if not rows or not nulls:
        return 0.0
    share = nulls / rows
    return min(1.0, round(share + 3 * math.sqrt(share * (1 - share) / rows) + 0.01, 4))


def _range(numbers: "pl.Series") -> dict[str, Any]:
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    room = ROOM * (high - low)
    deciles = tuple(float(numbers.quantile(q) or 0.0) for q in DECILES)
    return {
        "minimum": 0.0 if 0 <= low < room else low - room,
        "maximum": high + room,
        "deciles": deciles,
    }


def _texts(known: "pl.Series") -> dict[str, Any]:
    lengths = known.cast(str).str.len_chars()
    facts: dict[str, Any] = {"shortest": lengths.min(), "longest": lengths.max()}
    counts = known.cast(str).value_counts(sort=True)
    if counts.height <= VALUES and counts.height <= max(2, len(known) // 10):
        shares = {v: n / len(known) for v, n in counts.iter_rows()}
        facts |= {"values": tuple(sorted(shares)), "shares": shares}
    elif counts.height <= MANY_VALUES:
        once = int((counts.to_series(1) == 1).sum()) / len(known)
        chance = 3 * math.sqrt(once * (1 - once) / len(known))
        facts |= {"values": tuple(sorted(counts.to_series(0))), "unseen": once + chance + 0.01}
    return facts


def _times(known: "pl.Series") -> dict[str, Any]:
    """Bound times by the width of the sample on each side, a year at least: time goes on."""
    low, high = known.min(), known.max()
    assert isinstance(low, datetime)
    assert isinstance(high, datetime)
    width = max(high - low, YEAR)
    return {"minimum": (low - width).isoformat(), "maximum": (high + width).isoformat()}
