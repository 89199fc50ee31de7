"""What was served, held against a training set for the same questions.

A training set knows what had happened and was known at the time of asking. Where the online store
answered something else, a model was trained on other values than it is served: rows came late or
never, definitions changed, or somebody wrote past the store.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dovetail.base.errors import NotFoundError
from dovetail.base.extras import require
from dovetail.features.catalog import Definitions
from dovetail.features.moments import moment_us
from dovetail.features.skew.log import Served
from dovetail.features.training import training_set

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Difference", "Skew", "compare"]

ASKED = "__asked"
EXAMPLES = 3


@dataclass(frozen=True)
class Difference:
    """How one feature was served.

    Attributes:
        feature: `view__feature`, or its short name where questions used it.
        service: The service that was asked for; empty for single features.
        rows: Values compared.
        differing: Values that differ.
        missing_served: Of these, null when served and a value in training.
        missing_trained: Of these, a value when served and null in training.
        mean_absolute: Mean absolute difference where both are numbers; None without such.
        examples: Keys, time of asking, served and trained value of some that differ.
    """

    feature: str
    service: str
    rows: int
    differing: int
    missing_served: int = 0
    missing_trained: int = 0
    mean_absolute: float | None = None
    examples: tuple[Mapping[str, Any], ...] = ()

    @property
    def share(self) -> float:
        """Share of the values that differ."""
        return self.differing / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Skew:
    """What a comparison found.

    Attributes:
        differences: One a feature and service, the most differing first.
        questions: Questions compared, by entity.
        passed_over: Questions whose service or features are not defined any more.
    """

    differences: tuple[Difference, ...]
    questions: int
    passed_over: int = field(default=0)

    def above(self, share: float) -> tuple[Difference, ...]:
        """Return the features of which a greater share of values differs."""
        return tuple(d for d in self.differences if d.share > share)


def compare(
    served: Iterable[Served],
    definitions: Definitions,
    *,
    tolerance: float = 1e-9,
    frames: "Mapping[str, pl.DataFrame] | None" = None,
) -> Skew:
    """Compute served features again as training would, and compare.

    Args:
        served: What was asked and answered; see `read_log`.
        definitions: What training uses, with the tables behind the sources.
        tolerance: Relative difference of numbers that counts as none.
        frames: Frames to use in place of the tables of the sources they name.

    Raises:
        RowsError: A table cannot be read, or lacks a column.
    """
    require("polars", extra="features", feature="comparing served features")
    groups: dict[tuple[Any, ...], list[Served]] = {}
    for one in served:
        kind = (one.service, tuple(one.features), one.full_feature_names, tuple(one.columns))
        groups.setdefault(kind, []).append(one)
    found: list[Difference] = []
    questions = passed_over = 0
    for told in groups.values():
        count = sum(len(next(iter(one.columns.values()), ())) for one in told)
        try:
            found += _compared(told, definitions, tolerance, frames)
            questions += count
        except NotFoundError:
            passed_over += count
    return Skew(tuple(sorted(found, key=lambda d: -d.share)), questions, passed_over)


def _compared(
    told: Sequence[Served],
    definitions: Definitions,
    tolerance: float,
    frames: "Mapping[str, pl.DataFrame] | None",
) -> list[Difference]:
    import polars as pl

    first = told[0]
    rows: dict[str, list[Any]] = {name: [] for name in first.columns}
    asked: list[int] = []
    for one in told:
        for name, values in one.columns.items():
            rows[name] += values
        asked += [moment_us(one.asked)] * len(next(iter(one.columns.values())))
    frame = pl.DataFrame(rows, strict=False, infer_schema_length=None)
    questions = frame.drop(first.names).with_columns(
        pl.Series(ASKED, asked).cast(pl.Datetime("us", "UTC"))
    )
    trained = training_set(
        questions,
        first.service or first.features,
        definitions,
        asked=ASKED,
        full_feature_names=first.full_feature_names,
        frames=frames,
    )
    return [
        _difference(name, first.service, questions, frame[name], trained[name], tolerance)
        for name in first.names
    ]


def _difference(
    name: str,
    service: str,
    questions: "pl.DataFrame",
    served: "pl.Series",
    trained: "pl.Series",
    tolerance: float,
) -> Difference:
    import polars as pl

    if trained.dtype.is_temporal():
        served, trained = served.cast(pl.String).str.to_datetime(time_zone="UTC"), trained
        served, trained = served.dt.epoch("us"), trained.dt.epoch("us")
    numeric = trained.dtype.is_numeric() or trained.dtype == pl.Boolean
    kind = pl.Float64 if numeric else pl.String
    pair = pl.DataFrame({"served": served.cast(kind), "trained": trained.cast(kind)})
    if numeric:
        pair = pair.fill_nan(None)
    one, other = pl.col("served"), pl.col("trained")
    if numeric:
        near = (one - other).abs() <= tolerance * pl.max_horizontal(one.abs(), other.abs())
        same = near.fill_null(False) | (one.is_null() & other.is_null())
    else:
        same = one.eq_missing(other)
    pair = pair.with_columns(differs=~same)
    differing = pair.filter("differs")
    examples = pl.concat(
        [questions.filter(pair["differs"]), differing.drop("differs")], how="horizontal"
    )
    gap = (differing["served"] - differing["trained"]).abs().drop_nulls() if numeric else None
    return Difference(
        feature=name,
        service=service,
        rows=pair.height,
        differing=differing.height,
        missing_served=differing["served"].null_count(),
        missing_trained=differing["trained"].null_count(),
        mean_absolute=float(gap.to_numpy().mean()) if gap is not None and len(gap) else None,
        examples=tuple(examples.head(EXAMPLES).rename({ASKED: "asked"}).to_dicts()),
    )
