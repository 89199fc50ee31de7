"""Rows of a LatestView as columns, on their way from a table to the online store.

A million keys are brought online in seconds only if no dictionary is made for each: polars turns
columns into what the store and the memory hold.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dovetail.base.extras import require
from dovetail.features.frames import EVENT, KNOWN
from dovetail.features.online.latest import Version, version_of
from dovetail.features.online.rows import PRESENT
from dovetail.features.sources import Source
from dovetail.features.views import LatestView

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Batch", "batch_of"]

CHUNK = 2_000


@dataclass(frozen=True)
class Batch:
    """Rows of one LatestView, one a key.

    Attributes:
        keys: Join keys: scalars, or tuples of several.
        versions: The rows, as memories hold them.
        texts: The features of each row as JSON.
    """

    keys: Sequence[Hashable]
    versions: Sequence[Version]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.keys)

    def parts(self) -> "Iterator[Batch]":
        """Cut into parts short enough not to hold lookups up."""
        for at in range(0, len(self.keys), CHUNK):
            end = at + CHUNK
            yield Batch(self.keys[at:end], self.versions[at:end], self.texts[at:end])


def batch_of(view: LatestView, rows: "pl.DataFrame", order: int) -> Batch:
    """Take the last row of each key; those before it are history that training reads.

    Args:
        view: The view.
        rows: Rows of its source with `EVENT` and `KNOWN`.
        order: Greater for rows that are written later.
    """
    pl = require("polars", extra="features", feature="materialising")
    identity = view.source.id_columns
    rows = rows.drop_nulls(list(view.keys)).sort([EVENT, KNOWN, *identity], maintain_order=True)
    rows = (
        rows.unique(list(view.keys), keep="last", maintain_order=True) if view.keys else rows[-1:]
    )
    names = list(view.feature_names)
    features = rows.select(_plain(pl, rows[name]) for name in names)
    return Batch(
        _values(rows[view.keys[0]]) if len(view.keys) == 1 else _tuples(rows, view.keys),
        _versions(pl, rows, features, _ids(view.source, rows), order),
        features.select(pl.struct(names).struct.json_encode()).to_series().to_list(),
    )


def _plain(pl: Any, column: "pl.Series") -> "pl.Series":
    """Return a column as JSON has it: times as text, NaN as null."""
    if column.dtype.is_temporal():
        return pl.Series(column.name, _values(column), dtype=pl.String)  # type: ignore[no-any-return]
    if column.dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    return column.cast(pl.Float64) if column.dtype.is_decimal() else column


def _ids(source: Source, rows: "pl.DataFrame") -> list[tuple[Any, ...]]:
    """Return the identity of each row, as `events_of` makes it of pushed rows."""
    if not source.id_columns:
        return [()] * rows.height
    times = {source.event_time: EVENT, source.known_at: KNOWN}
    return _tuples(rows, [times.get(name, name) for name in source.id_columns])


def _versions(
    pl: Any, rows: "pl.DataFrame", features: "pl.DataFrame", ids: list[tuple[Any, ...]], order: int
) -> list[Version]:
    events, knowns = rows[EVENT].to_list(), rows[KNOWN].to_list()
    if knowns == events:
        knowns = events  # one number held for both
    kinds = set(features.dtypes)
    if kinds == {pl.Float64} and not sum(features.null_count().row(0)):
        width = 8 * features.width
        together = features.to_numpy(order="c").tobytes()
        statuses = (PRESENT,) * features.width
        return [
            (together[at * width : at * width + width], statuses, *row, order)
            for at, row in enumerate(zip(events, knowns, ids, strict=True))
        ]
    values = features.rows()
    return [
        version_of(row, event_us, known_us, one, order)
        for row, event_us, known_us, one in zip(values, events, knowns, ids, strict=True)
    ]


def _tuples(rows: "pl.DataFrame", names: Sequence[str]) -> list[Any]:
    if not names:
        return [()] * rows.height
    return list(zip(*(_values(rows[name]) for name in names), strict=True))


def _values(column: "pl.Series") -> list[Any]:
    values: list[Any] = column.to_list()
    if column.dtype.is_temporal():
        return [v.isoformat() if isinstance(v, datetime | date) else v for v in values]
    return values
