"""The point-in-time join: for each question, the row that was known when it was asked.

A sort and a binary search, O(n log n) in questions plus rows. No question is dropped or merged,
and the order of questions is kept, by construction: every function here answers an array as long
as the questions. `figures` does the same for windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dovetail.features.errors import RowsError
from dovetail.features.frames import EVENT, KNOWN
from dovetail.features.views import LatestView

if TYPE_CHECKING:
    import polars as pl

CODE = "__code"
NO_KEY = -1
_VISIBLE = "__visible_us"
_RANK = "__rank"


@dataclass(frozen=True)
class Book:
    """The distinct keys of a source, numbered.

    Attributes:
        keys: Names of the join keys; with none everything has the number 0.
        names: One row a key, with its number as `CODE`.
    """

    keys: tuple[str, ...]
    names: "pl.DataFrame"

    @classmethod
    def of(cls, rows: "pl.DataFrame", keys: Sequence[str]) -> "Book":
        """Number the keys of a source's rows; a null is no key."""
        import polars as pl

        names = (
            rows.select(keys)
            .unique(maintain_order=True)
            .drop_nulls()
            .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(CODE))
        )
        return cls(tuple(keys), names)

    def numbered(self, rows: "pl.DataFrame") -> "pl.DataFrame":
        """Return the rows of the source with `CODE`; rows without a key fall away."""
        import polars as pl

        if not self.keys:
            return rows.with_columns(pl.lit(0, dtype=pl.Int64).alias(CODE))
        return rows.join(self.names, on=list(self.keys), how="inner", maintain_order="left")

    def codes(self, questions: "pl.DataFrame") -> "pl.Series":
        """Return the code of each question: `NO_KEY` of one not known, null where it is null.

        Raises:
            RowsError: A key is of another type in the source.
        """
        import polars as pl

        if not self.keys:
            return pl.zeros(questions.height, dtype=pl.Int64, eager=True).alias(CODE)
        asked = same_types(self.names, questions.select(self.keys), self.keys)
        codes = asked.join(self.names, on=list(self.keys), how="left", maintain_order="left")[CODE]
        null = pl.any_horizontal(pl.col(k).is_null() for k in self.keys)
        return codes.fill_null(NO_KEY).set(questions.select(null).to_series(), None)


@dataclass(frozen=True)
class Latest:
    """The rows of a LatestView, ready to be asked many times.

    Rows are ranked by (event time, known, id, position). A row is visible from the later of
    its two times. Walking the rows in order of becoming visible and keeping the highest
    rank so far leaves, at each moment, the row that answers; one as-of join finds it.

    Attributes:
        view: The view, for its time to live.
        ranked: Event time and features of the rows, by rank.
        best: The highest rank of each key from each moment on, by moment.
    """

    view: LatestView
    ranked: "pl.DataFrame"
    best: "pl.DataFrame"

    @classmethod
    def of(cls, view: LatestView, rows: "pl.DataFrame") -> "Latest":
        """Rank the rows of a source, which have `CODE`, `EVENT` and `KNOWN`."""
        import polars as pl

        order = [EVENT, KNOWN, *view.source.id_columns]
        ranked = rows.sort(order, maintain_order=True).with_row_index(_RANK)
        best = (
            ranked.select(CODE, _RANK, pl.max_horizontal(EVENT, KNOWN).alias(_VISIBLE))
            .sort(_VISIBLE, maintain_order=True)
            .with_columns(pl.col(_RANK).cum_max().over(CODE))
        )
        return cls(view, ranked.select(list(dict.fromkeys((EVENT, *view.features)))), best)

    def answer(
        self, features: Sequence[str], codes: "pl.Series", asked: "pl.Series"
    ) -> "list[pl.Series]":
        """Return for each question the last row that was visible, or null.

        Args:
            features: Columns wanted.
            codes: Code of each question's key.
            asked: When each question was asked, in microseconds.
        """
        import numpy as np
        import polars as pl

        questions = (
            pl.DataFrame({CODE: codes, "asked": asked})
            .with_row_index("at")
            .drop_nulls()
            .sort("asked", maintain_order=True)
        )
        found = questions.join_asof(
            self.best, left_on="asked", right_on=_VISIBLE, by=CODE, check_sortedness=False
        ).drop_nulls(_RANK)
        if self.view.ttl_us:
            events = self.ranked[EVENT].gather(found[_RANK])
            found = found.filter((found["asked"] - events) <= self.view.ttl_us)
        rows_of = np.full(len(codes), -1, "int64")
        rows_of[found["at"].to_numpy()] = found[_RANK].to_numpy()
        place = pl.Series(rows_of)
        if len(found) < len(codes):
            place = place.set(place < 0, None)
        return [self.ranked[f].gather(place).alias(f) for f in features]


def same_types(
    rows: "pl.DataFrame", questions: "pl.DataFrame", keys: Sequence[str]
) -> "pl.DataFrame":
    """Give the keys of the questions the types that they have in the source.

    Raises:
        RowsError: A key is of another type in the source.
    """
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
