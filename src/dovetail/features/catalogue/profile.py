"""Statistics of features in a training set, and which of them say the same.

Computed once by `dovetail features profile`; `kept` writes them to a file that the pages read.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from dovetail.base.extras import require
from dovetail.features.catalogue.twins import Twin, twins

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FeatureProfile", "Level", "Profiles", "profiled"]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
LEVELS = 10
LONGEST = 80


class Level(msgspec.Struct, frozen=True):
    """A value and in how many rows it stands."""

    value: str
    rows: int


class FeatureProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of one feature.

    Attributes:
        feature: The feature, as `view:feature`.
        at: When it was computed.
        rows: Rows of the training set.
        nulls: Rows without a value; not a number and infinite count as without.
        distinct: How many different values there are, null not counted; 0 for lists and bytes.
        kind: `number`, `level` (text, true and false, times) or `other`.
        mean: Mean of numbers; None where there is none, or it is beyond the greatest float.
        sd: Standard deviation of numbers, over n - 1.
        least: The least number.
        greatest: The greatest number.
        quantiles: Values at 1, 5, 25, 50, 75, 95 and 99 percent.
        bins: Rows in bins of equal width from the 1st to the 99th percentile; the outer bins hold
            what lies beyond, too.
        top: The most frequent values of a feature that is not of numbers.
    """

    feature: str
    at: datetime
    rows: int
    nulls: int
    distinct: int
    kind: str
    mean: float | None = None
    sd: float | None = None
    least: float | None = None
    greatest: float | None = None
    quantiles: tuple[float, ...] = ()
    bins: tuple[int, ...] = ()
    top: tuple[Level, ...] = ()

    @property
    def null_share(self) -> float:
        """The share of rows without a value; 0 where there is no row."""
        return self.nulls / self.rows if self.rows else 0.0

    @property
    def span(self) -> tuple[float, float] | None:
        """Where the bins start and end; None where there are none."""
        if not self.quantiles or self.least is None or self.greatest is None:
            return None
        first, last = self.quantiles[0], self.quantiles[-1]
        return (first, last) if first < last else (self.least, self.greatest)


class Profiles(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of many features.

    Attributes:
        features: A profile for each.
        twins: Pairs that say the same, or nearly.
    """

    features: tuple[FeatureProfile, ...] = ()
    twins: tuple[Twin, ...] = ()

    def of(self, feature: str) -> FeatureProfile | None:
        """Return the profile of `view:feature`; None where there is none."""
        return next((p for p in self.features if p.feature == feature), None)

    def twins_of(self, feature: str) -> tuple[Twin, ...]:
        """Return the pairs of `view:feature`, itself first, the most alike first.

        Of those that are as alike as each other, features of its own view come first.
        """
        view = feature.partition(":")[0] + ":"
        pairs = [t.seen_from(feature) for t in self.twins if feature in (t.one, t.other)]
        return tuple(
            sorted(pairs, key=lambda t: (-t.strength, not t.other.startswith(view), t.other))
        )

    def joined(self, new: "Profiles") -> "Profiles":
        """Return these with newer ones in their place; a pair stays unless both were seen anew."""
        seen = {p.feature for p in new.features}
        return Profiles(
            features=(*(p for p in self.features if p.feature not in seen), *new.features),
            twins=(*(t for t in self.twins if not {t.one, t.other} <= seen), *new.twins),
        )


def profiled(frame: "pl.DataFrame", features: Mapping[str, str], at: datetime) -> Profiles:
    """Compute statistics of features in a training set.

    Args:
        frame: The training set, one row a question.
        features: The features as `view:feature`, each with its column of the frame.
        at: When that is.

    Returns:
        A profile a feature, and the pairs of features that say the same or nearly so.
    """
    require("polars", extra="features", feature="statistics of features")
    columns = {feature: _cleaned(frame[column]) for feature, column in features.items()}
    found = tuple(_profile(feature, column, at) for feature, column in columns.items())
    return Profiles(features=found, twins=twins(columns))


def _cleaned(column: "pl.Series") -> "pl.Series":
    """Make what is not a finite number null."""
    if not column.dtype.is_float():
        return column
    import polars as pl

    kept = pl.col(column.name)
    return column.to_frame().select(pl.when(kept.is_finite()).then(kept)).to_series()


def _profile(feature: str, column: "pl.Series", at: datetime) -> FeatureProfile:
    import polars as pl

    rows, nulls, held = len(column), column.null_count(), column.drop_nulls()
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        return FeatureProfile(
            feature=feature, at=at, rows=rows, nulls=nulls, distinct=0, kind="other"
        )
    if not column.dtype.is_numeric():
        return FeatureProfile(
            feature=feature,
            at=at,
            rows=rows,
            nulls=nulls,
            distinct=held.n_unique(),
            kind="level",
            top=_top(held),
        )
    values = held.cast(float)
    half = values / 2  # what lies between two values near the limits of floats stays finite
    quantiles = [half.quantile(q, "linear") for q in QUANTILES]
    found = FeatureProfile(
        feature=feature,
        at=at,
        rows=rows,
        nulls=nulls,
        distinct=held.n_unique(),
        kind="number",
        mean=_number(values.mean()),
        sd=_number(values.std()),
        least=_number(values.min()),
        greatest=_number(values.max()),
        quantiles=tuple(q * 2 for q in quantiles if q is not None),
    )
    return msgspec.structs.replace(found, bins=_bins(values, found.span))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _bins(values: "pl.Series", span: tuple[float, float] | None) -> tuple[int, ...]:
    if span is None:
        return ()
    first, last = span
    if first == last:
        return (len(values),)
    # Halves first, so that the width of a span near the limits of floats stays finite.
    scaled = (values.clip(first, last) / 2 - first / 2) / (last / 2 - first / 2) * BINS
    counts = scaled.cast(int).clip(0, BINS - 1).value_counts().iter_rows()
    held = dict(counts)
    return tuple(held.get(at, 0) for at in range(BINS))


def _top(held: "pl.Series") -> tuple[Level, ...]:
    import polars as pl

    text = held.cast(pl.String, strict=False).rename("value")
    found = text.value_counts(sort=False, name="rows").sort(
        ["rows", "value"], descending=[True, False]
    )
    return tuple(
        Level(str(value)[:LONGEST], rows) for value, rows in found.head(LEVELS).iter_rows()
    )
