"""The point-in-time joins: for each question, what was known when it was asked.

Both joins are sorts and binary searches, O(n log n) in questions plus rows. No question is
dropped or merged, and the order of questions is kept, by construction: every function here
answers an array as long as the questions.
"""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from dovetail.features.aggregations import LARGEST, too_large
from dovetail.features.errors import RowsError
from dovetail.features.frames import EVENT, KNOWN
from dovetail.features.views import LatestView, WindowView

if TYPE_CHECKING:
    import polars as pl

CODE = "__code"
NO_KEY = -1
_VISIBLE = "__visible_us"
_RANK = "__rank"
_SPREAD = 2**32


def coded(
    rows: "pl.DataFrame", questions: "pl.DataFrame", keys: Sequence[str]
) -> "tuple[pl.DataFrame, pl.Series]":
    """Number the distinct keys of a source.

    Returns:
        The rows with a column `CODE` (rows without a key fall away), and the code of each
        question: `NO_KEY` where the source does not know its key, null where the key is null.
    """
    import polars as pl

    if not keys:
        everything = pl.lit(0, dtype=pl.Int64).alias(CODE)
        return rows.with_columns(everything), pl.zeros(
            questions.height, dtype=pl.Int64, eager=True
        ).alias(CODE)
    asked = _same_types(rows, questions.select(keys), keys)
    book = (
        rows.select(keys)
        .unique(maintain_order=True)
        .drop_nulls()
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(CODE))
    )
    codes = asked.join(book, on=list(keys), how="left", maintain_order="left")[CODE]
    empty = questions.select(pl.any_horizontal(pl.col(k).is_null() for k in keys)).to_series()
    return (
        rows.join(book, on=list(keys), how="inner", maintain_order="left"),
        codes.fill_null(NO_KEY).set(empty, None),
    )


def latest(
    view: LatestView,
    features: Sequence[str],
    rows: "pl.DataFrame",
    codes: "pl.Series",
    asked: "pl.Series",
) -> "list[pl.Series]":
    """Answer a LatestView: for each question the last row that was visible, or null.

    Rows are ranked by (event time, known, id, position). A row is visible from the later of
    its two times. Walking the rows in order of becoming visible and keeping the highest
    rank so far leaves, at each moment, the row that answers; one as-of join finds it.

    Args:
        view: The view, for its keys, id and time to live.
        features: Columns wanted.
        rows: Rows of the source with `CODE`, `EVENT` and `KNOWN`.
        codes: Code of each question's key.
        asked: When each question was asked, in microseconds.
    """
    import polars as pl

    order = [EVENT, KNOWN, *view.source.id_columns]
    ranked = rows.sort(order, maintain_order=True).with_row_index(_RANK)
    best = (
        ranked.select(CODE, _RANK, pl.max_horizontal(EVENT, KNOWN).alias(_VISIBLE))
        .sort(_VISIBLE, maintain_order=True)
        .with_columns(pl.col(_RANK).cum_max().over(CODE))
    )
    questions = (
        pl.DataFrame({CODE: codes, "asked": asked})
        .with_row_index("at")
        .drop_nulls()
        .sort("asked", maintain_order=True)
    )
    found = questions.join_asof(
        best, left_on="asked", right_on=_VISIBLE, by=CODE, check_sortedness=False
    ).drop_nulls(_RANK)
    hits = ranked[found[_RANK]].select(EVENT, *dict.fromkeys(features))
    if view.ttl_us:
        alive = (found["asked"] - hits[EVENT]) <= view.ttl_us
        hits, found = hits.filter(alive), found.filter(alive)
    place = pl.DataFrame({"at": pl.int_range(len(codes), dtype=pl.get_index_type(), eager=True)})
    hits = hits.drop(EVENT).rename({f: f"{i}" for i, f in enumerate(dict.fromkeys(features))})
    answers = place.join(
        hits.with_columns(found["at"]), on="at", how="left", maintain_order="left"
    ).drop("at")
    names = list(dict.fromkeys(features))
    return [answers[f"{names.index(f)}"].alias(f) for f in features]


def windows(
    view: WindowView,
    features: Sequence[str],
    rows: "pl.DataFrame",
    codes: "pl.Series",
    asked: "pl.Series",
) -> "list[pl.Series]":
    """Answer a WindowView: for each question the figures over the finished tiles.

    Tiles are sorted by (key, tile) and summed once from the first to the last. The total of
    a window is then the difference of two running sums, found by binary search, and exact
    because measures are whole numbers.

    Args:
        view: The view, for its tiles, windows and aggregations.
        features: Names wanted.
        rows: Rows of the source with `CODE` and `KNOWN`.
        codes: Code of each question's key.
        asked: When each question was asked, in microseconds.
    """
    import numpy as np
    import polars as pl

    place, totals, first = _running_sums(view, rows)
    code = codes.fill_null(NO_KEY).to_numpy()
    boundary = np.clip((asked.fill_null(0) // view.tile_us).to_numpy() - first, 0, _SPREAD - 1)
    distinct, back = np.unique(
        np.where(code < 0, NO_KEY, code * _SPREAD + boundary), return_inverse=True
    )
    spans = [
        (np.searchsorted(place, low), np.searchsorted(place, distinct))
        for low in (distinct - np.minimum(distinct % _SPREAD, tiles) for tiles in view.window_tiles)
    ]
    silent = codes.is_null() | asked.is_null()
    answers: dict[str, pl.Series] = {}
    for name, (aggregation, span) in zip(
        view.feature_names, product(view.aggregations, spans), strict=True
    ):
        if name in features:
            sums = [totals[view.measures.index(m)] for m in aggregation.measures]
            value = aggregation.series([s[span[1]] - s[span[0]] for s in sums])
            answers[name] = pl.Series(name, value[back], nan_to_null=True)
    blank = pl.Series(silent)
    return [answers[f].set(blank, None) if blank.any() else answers[f] for f in features]


def _running_sums(view: WindowView, rows: "pl.DataFrame") -> tuple[Any, list[Any], int]:
    """Sum the measures per (key, tile), and those sums from the first tile on.

    Returns:
        The sorted places of the tiles, one running sum per measure (one longer than the
        places, starting at 0), and the first tile of all.
    """
    import numpy as np
    import polars as pl

    _check_measured(view, rows)
    tiles = (
        rows.lazy()
        .select(
            pl.col(CODE).cast(pl.Int64),
            (pl.col(KNOWN) // view.tile_us).alias("tile"),
            *(m.expression().alias(f"m{i}") for i, m in enumerate(view.measures)),
        )
        .group_by(CODE, "tile")
        .agg(pl.col(f"m{i}").sum() for i in range(len(view.measures)))
        .sort(CODE, "tile")
        .collect()
    )
    first = int(tiles["tile"].min() or 0)  # type: ignore[arg-type]
    place = (tiles[CODE] * _SPREAD + (tiles["tile"] - first)).to_numpy()
    sums = [
        np.concatenate([np.zeros(1, "int64"), np.cumsum(tiles[f"m{i}"].to_numpy())])
        for i in range(len(view.measures))
    ]
    return place, sums, first


def _check_measured(view: WindowView, rows: "pl.DataFrame") -> None:
    """Refuse columns that cannot be added up exactly."""
    import polars as pl

    for measure in view.measures:
        if not measure.column:
            continue
        kind = rows.schema[measure.column]
        if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
            raise RowsError(
                f"View {view.name!r} computes with column {measure.column!r}, which holds {kind}",
                fix="Give it numbers, or true and false",
            )
        if measure.kind == "sum":
            largest = rows.select(
                pl.col(measure.column).cast(pl.Float64).fill_nan(None).abs().max()
            )
            if (largest.item() or 0.0) * 10.0**measure.decimals >= LARGEST:
                raise too_large(measure.column, measure.decimals)


def _same_types(
    rows: "pl.DataFrame", questions: "pl.DataFrame", keys: Sequence[str]
) -> "pl.DataFrame":
    """Give the keys of the questions the types that they have in the source."""
    import polars as pl

    def refuse(key: str) -> RowsError:
        return RowsError(
            f"Key {key!r} is {questions.schema[key]} in the questions "
            f"but {rows.schema[key]} in the source",
            fix="Give both one type",
        )

    casts = []
    for key in keys:
        asked, held = questions.schema[key], rows.schema[key]
        texts = (pl.String, pl.Categorical, pl.Enum)
        alike = (asked.is_integer() and held.is_integer()) or (asked in texts and held in texts)
        if asked != held and not alike and asked != pl.Null and held != pl.Null:
            raise refuse(key)
        casts.append(pl.col(key).cast(held, strict=False))
    return questions.select(casts)
