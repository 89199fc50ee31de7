"""The figures of windows for many questions at once.

Events are summed per (key, tile) once; the total of a window is then found for each distinct
(key, tile asked in) by binary search: the difference of two running sums where measures add up,
the join of two halves from a table of doubling spans where they are folded. Exact, because
measures are whole numbers or values that are only compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dovetail.features.asof import CODE, NO_KEY
from dovetail.features.errors import RowsError
from dovetail.features.frames import EVENT, KNOWN
from dovetail.features.measures import LARGEST, Measure, too_large
from dovetail.features.recent import Ranked, as_series, gathered
from dovetail.features.views import WindowView
from dovetail.features.windows import Window

if TYPE_CHECKING:
    import polars as pl

SPREAD = 2**32
RANK = "__rank"


@dataclass(frozen=True)
class Windows:
    """The events of a WindowView, ready to be asked many times.

    Attributes:
        view: The view, for its tiles, windows and aggregations.
        tiles: What the windows of time are computed from; None where there are none.
        ranked: What the windows that are counted in events are computed from.
    """

    view: WindowView
    tiles: "Tiles | None"
    ranked: Ranked | None

    @classmethod
    def of(cls, view: WindowView, rows: "pl.DataFrame") -> "Windows":
        """Sum and rank the rows of a source, which have `CODE`, `EVENT` and `KNOWN`.

        Raises:
            RowsError: A column holds what cannot be computed with.
        """
        _check_measured(view, rows)
        rows = _measured(view, rows)
        tiles = Tiles.of(view, rows) if any(w.tiles for w in view.spans) else None
        return cls(view, tiles, Ranked.of(view, rows) if view.most_events else None)

    def answer(
        self, features: Sequence[str], codes: "pl.Series", asked: "pl.Series"
    ) -> "list[pl.Series]":
        """Return for each question the figures over its windows.

        Args:
            features: Names wanted.
            codes: Code of each question's key.
            asked: When each question was asked, in microseconds.
        """
        code, at = codes.fill_null(NO_KEY).to_numpy(), asked.fill_null(0)
        silent = codes.is_null() | asked.is_null()
        found: dict[str, pl.Series] = {}
        if self.tiles is not None:
            found |= _in_time(self.tiles, features, code, at)
        if self.ranked is not None:
            found |= self.ranked.figures(features, code, at.to_numpy())
        return [found[f].set(silent, None) if silent.any() else found[f] for f in features]


def _measured(view: WindowView, rows: "pl.DataFrame") -> "pl.DataFrame":
    """Return what each event adds, in the order of events, with `CODE`, `KNOWN` and `RANK`."""
    import polars as pl

    if any(m.kind in ("first", "last") for m in view.measures) or view.most_events:
        rows = rows.sort(EVENT, KNOWN, *view.source.id_columns, maintain_order=True)
    measures = (m.expression(rows.schema).alias(f"m{i}") for i, m in enumerate(view.measures))
    ranked = [m.column for m in view.measures if m.kind in ("first", "last")]
    values = {c: pl.col(c).alias(f"v_{c}") for c in ranked}
    return rows.with_row_index(RANK).select(
        pl.col(CODE, RANK).cast(pl.Int64), EVENT, KNOWN, *measures, *values.values()
    )


def _in_time(
    tiles: "Tiles", features: Sequence[str], code: Any, at: "pl.Series"
) -> "dict[str, pl.Series]":
    import numpy as np

    view = tiles.view
    boundary = np.clip((at // view.tile_us).to_numpy() - tiles.first, 0, SPREAD - 1)
    place = np.where(code < 0, NO_KEY, code * SPREAD + boundary)
    distinct, back = np.unique(place, return_inverse=True)
    found: dict[str, pl.Series] = {}
    for window in view.spans:
        totals: dict[Measure, Any] = {}
        for aggregation in view.aggregations:
            name = f"{aggregation.stem}_{window.name}"
            if not window.tiles or name not in features:
                continue
            for measure in aggregation.measures:
                if measure not in totals:
                    totals[measure] = tiles.total(measure, window, distinct)
            value = aggregation.series([totals[m] for m in aggregation.measures])
            found[name] = as_series(name, value)[back]
    return found


@dataclass
class Tiles:
    """What the tiles of all keys hold.

    Attributes:
        view: The view.
        rows: What each event adds.
        first: The first tile of all.
        place: Sorted places of the tiles: code times `SPREAD` plus tiles since the first.
        held: By measure, what each tile holds.
        made: What was computed of them before: running sums, and stretches of values.
    """

    view: WindowView
    rows: "pl.DataFrame"
    first: int
    place: Any
    held: "pl.DataFrame"
    made: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, view: WindowView, rows: "pl.DataFrame") -> "Tiles":
        """Sum and fold what each event adds, per (key, tile)."""
        import polars as pl

        tile = (pl.col(KNOWN) // view.tile_us).alias("tile")
        held = (
            rows.lazy()
            .with_columns(tile)
            .group_by(CODE, "tile")
            .agg(_together(m, f"m{i}") for i, m in enumerate(view.measures) if m.kind != "distinct")
            .sort(CODE, "tile")
            .collect()
        )
        first = int(held["tile"].min() or 0)  # type: ignore[arg-type]
        place = (held[CODE] * SPREAD + (held["tile"] - first)).to_numpy()
        return cls(view, rows, first, place, held)

    def total(self, measure: Measure, window: Window, distinct: Any) -> Any:
        """Return the total of a measure in a window, for each distinct place of a question."""
        import numpy as np

        low, high = self._span(window, distinct)
        at = f"m{self.view.measures.index(measure)}"
        if measure.kind == "distinct":
            return self._distinct(measure, window, distinct, at)
        start, end = np.searchsorted(self.place, low), np.searchsorted(self.place, high)
        if not measure.is_folded:
            if at not in self.made:
                self.made[at] = _running(self.held[at])
            sums = self.made[at]
            return sums[end] - sums[start]
        folded = _folded(self.held[at].to_numpy(), start, end, measure.kind in ("min", "first"))
        if measure.kind in ("min", "max"):
            return folded
        return gathered(self.rows[f"v_{measure.column}"], folded)

    def _span(self, window: Window, distinct: Any) -> tuple[Any, Any]:
        """Return the places [low, high) of a window for places of questions."""
        import numpy as np

        boundary = distinct % SPREAD
        base = distinct - boundary
        end = boundary
        if window.is_tumbling:
            end = boundary - (boundary + self.first - window.start) % window.tiles
        low, high = np.maximum(end - window.tiles, 0), np.maximum(end, 0)
        unknown = distinct < 0
        return np.where(unknown, NO_KEY, base + low), np.where(unknown, NO_KEY, base + high)

    def _distinct(self, measure: Measure, window: Window, distinct: Any, at: str) -> Any:
        """Count different values: how many stretches of tiles in which a value is seen are open.

        At a question, those that have started less those that have ended are open.
        """
        import numpy as np

        if (at, window) not in self.made:
            self.made[at, window] = self._stretches(window, at)
        opened, closed = self.made[at, window]
        open_now = np.searchsorted(opened, distinct, "right") - np.searchsorted(
            closed, distinct, "right"
        )
        others = np.searchsorted(opened, distinct - distinct % SPREAD) - np.searchsorted(
            closed, distinct - distinct % SPREAD
        )
        return np.minimum(np.where(distinct < 0, 0, open_now - others), measure.limit)

    def _stretches(self, window: Window, at: str) -> tuple[Any, Any]:
        """Return where stretches of tiles begin and end whose windows hold a value.

        A value seen in a tile is in the windows of the questions of some following tiles.
        Stretches of one value that touch are one.
        """
        import numpy as np
        import polars as pl

        tile = pl.col(KNOWN) // self.view.tile_us - self.first
        size = window.tiles
        start = tile + 1
        if window.is_tumbling:
            offset = self.first - window.start
            start = tile + size - (tile + offset) % size
        runs = (
            self.rows.lazy()
            .select(CODE, pl.col(at).alias("value"), start.alias("start"))
            .drop_nulls("value")
            .unique()
            .sort(CODE, "value", "start")
            .with_columns(
                before=pl.col("start").shift(1).over(CODE, "value"),
                after=pl.col("start").shift(-1).over(CODE, "value"),
            )
            .collect()
        )
        base = runs[CODE] * SPREAD
        opens = runs["before"].is_null() | (runs["start"] - runs["before"] > size)
        closes = runs["after"].is_null() | (runs["after"] - runs["start"] > size)
        opened = np.sort((base + runs["start"]).filter(opens).to_numpy())
        closed = np.sort((base + runs["start"] + size).filter(closes).to_numpy())
        return opened, closed


def _together(measure: Measure, name: str) -> "pl.Expr":
    """How a tile holds a measure: its sum, its extreme, or the rank of its first or last event."""
    import polars as pl

    if measure.kind in ("first", "last"):
        ranks = pl.col(RANK).filter(pl.col(name))
        value = ranks.min() if measure.kind == "first" else ranks.max()
        return value.cast(pl.Float64).alias(name)
    if measure.is_folded:
        return pl.col(name).min() if measure.kind == "min" else pl.col(name).max()
    return pl.col(name).sum()


def _running(held: "pl.Series") -> Any:
    """Return the sums of all tiles before each; objects where Int64 would not hold them."""
    import numpy as np
    import polars as pl

    if held.dtype == pl.Int128:
        amounts = np.array([0, *held.to_list()], "object")
    else:
        amounts = np.concatenate([np.zeros(1, "int64"), held.to_numpy()])
    return np.cumsum(amounts)


def _folded(held: Any, start: Any, end: Any, least: bool) -> Any:
    """Return the least or greatest of held[start:end], skipping NaN; NaN where there is none."""
    import numpy as np

    join = np.fmin if least else np.fmax
    result = np.full(len(start), np.nan)
    length = end - start
    level, table = 0, held
    while len(table) and (length >= 2**level).any():
        now = (length >= 2**level) & (length < 2 ** (level + 1))
        result[now] = join(table[start[now]], table[end[now] - 2**level])
        table = (
            join(table[: -(2**level)], table[2**level :]) if len(table) > 2**level else table[:0]
        )
        level += 1
    return result


def _check_measured(view: WindowView, rows: "pl.DataFrame") -> None:
    """Refuse columns that cannot be computed with exactly."""
    import polars as pl

    for measure in view.measures:
        if not measure.column:
            continue
        kind = rows.schema[measure.column]
        if measure.kind == "distinct" and not (kind.is_nested() or kind == pl.Object):
            continue
        if measure.kind in ("first", "last"):
            continue
        if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
            raise RowsError(
                f"View {view.name!r} computes with column {measure.column!r}, which holds {kind}",
                fix="Give it numbers, or true and false",
            )
        if measure.kind in ("sum", "square"):
            value = pl.col(measure.column).cast(pl.Float64).fill_nan(None)
            if measure.condition is not None:
                value = value.filter(measure.condition.over(rows.schema))
            largest = rows.select(value.abs().max()).item() or 0.0
            if largest * 10.0**measure.decimals >= LARGEST:
                raise too_large(measure.column, measure.decimals)
